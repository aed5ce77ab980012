// SPDX-License-Identifier: BSD-2-Clause
// Calibration: each contest does the same transfers by two means over TCP loopback, turn by turn,
// and compares the processor time of the process that the server would be.
// Runs in: ipc_bench, both of its processes.
#include "ipc/calibrate.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "ipc/link.h"
#include "ipc/measure.h"
#include "ipc/sockets.h"
#include "net/transfer.h"

namespace sluice::ipc_bench {

namespace {

constexpr std::size_t kHead = 250;  // bytes of a typical reply head

/// The client of a contest: sends `asks` bytes, waits for `gets` bytes, for ever.
class Client {
  public:
    Client(std::size_t asks, std::size_t gets) {
        const Ends ends = tcp_pair();
        server_ = ends.reader;
        child_ = must(::fork(), "fork()");
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::close(server_);
            talk(ends.writer, asks, gets);
        }
        ::close(ends.writer);
    }

    ~Client() {
        ::close(server_);
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }

    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// The server's end.
    [[nodiscard]] int socket() const { return server_; }

  private:
    [[noreturn]] static void talk(int fd, std::size_t asks, std::size_t gets) {
        const std::vector<char> question(asks, 'q');
        std::vector<char> answer(std::size_t{1} << 20);
        for (;;) {
            for (std::size_t sent = 0; sent < asks;) {
                const ssize_t part = ::write(fd, question.data() + sent, asks - sent);
                if (part <= 0) {
                    ::_exit(0);
                }
                sent += static_cast<std::size_t>(part);
            }
            for (std::size_t left = gets; left > 0;) {
                const ssize_t got = ::read(fd, answer.data(), std::min(left, answer.size()));
                if (got <= 0) {
                    ::_exit(0);
                }
                left -= static_cast<std::size_t>(got);
            }
        }
    }

    int server_ = -1;
    pid_t child_ = -1;
};

/// Processor time per transfer of `transfer`, the server's side of one exchange.
template <class Transfer>
double measure(const Client& client, std::size_t size, const Transfer& transfer) {
    const std::size_t times = std::clamp<std::size_t>((std::size_t{32} << 20) / (size + 8192), 40, 1500);
    const double before = cpu_us();
    for (std::size_t i = 0; i < times; ++i) {
        transfer(client.socket());
    }
    return (cpu_us() - before) / static_cast<double>(times);
}

/// A file of `size` bytes in memory that has a descriptor, in the page cache by nature.
class File {
  public:
    explicit File(std::size_t size) : bytes(size + kHead, 'f') {
        fd = must(::memfd_create("calibrate", MFD_CLOEXEC), "memfd_create()");
        std::size_t written = 0;
        while (written < size) {
            written += static_cast<std::size_t>(must(::write(fd, bytes.data(), size - written), "write()"));
        }
    }

    ~File() { ::close(fd); }

    File(const File&) = delete;
    File& operator=(const File&) = delete;

    int fd = -1;
    std::vector<char> bytes;  ///< a head, and the file's content behind it
};

template <class First, class Second>
Contest contest(const Client& client, std::size_t size, int rounds, const First& first,
                const Second& second) {
    Contest out{.size = size, .first_us = 1e9, .second_us = 1e9};
    for (int i = 0; i < rounds; ++i) {
        out.first_us = std::min(out.first_us, measure(client, size, first));
        out.second_us = std::min(out.second_us, measure(client, size, second));
    }
    return out;
}

/// A reply from a file: head and content from memory, against head with MSG_MORE and sendfile.
Contest file_contest(std::size_t size, int rounds) {
    const File file(size);
    const Client client(100, kHead + size);
    std::array<char, 100> question{};
    const auto from_memory = [&](int fd) {
        read_exactly(fd, question);
        send_exactly(fd, file.bytes, 0);
    };
    const auto by_sendfile = [&](int fd) {
        read_exactly(fd, question);
        send_exactly(fd, std::span(file.bytes).first(kHead), MSG_MORE);
        off_t offset = 0;
        while (static_cast<std::size_t>(offset) < size) {
            must(::sendfile(fd, file.fd, &offset, size - static_cast<std::size_t>(offset)), "sendfile()");
        }
    };
    return contest(client, size, rounds, from_memory, by_sendfile);
}

/// A reply from memory: body copied behind its head and sent, against two pieces of one writev.
Contest body_contest(std::size_t size, int rounds) {
    const std::vector<char> body(size, 'b');
    const std::vector<char> head(kHead, 'h');
    std::vector<char> joined(kHead + size);
    const Client client(100, kHead + size);
    std::array<char, 100> question{};
    const auto copied = [&](int fd) {
        read_exactly(fd, question);
        std::memcpy(joined.data(), head.data(), kHead);
        std::memcpy(joined.data() + kHead, body.data(), size);
        send_exactly(fd, joined, 0);
    };
    const auto referenced = [&](int fd) {
        read_exactly(fd, question);
        std::array<iovec, 2> pieces{{{const_cast<char*>(head.data()), kHead},
                                     {const_cast<char*>(body.data()), size}}};
        const auto sent = static_cast<std::size_t>(must(::writev(fd, pieces.data(), 2), "writev()"));
        if (sent < kHead + size) {
            send_exactly(fd, std::span(joined).subspan(sent), 0);
        }
    };
    return contest(client, size, rounds, copied, referenced);
}

/// A relay that gives back what comes: recv and send, against splice through a pipe.
Contest relay_contest(std::size_t size, int rounds) {
    const Client client(size, size);
    std::vector<char> buffer(std::size_t{64} * 1024);
    std::array<int, 2> pipe{};
    must(::pipe2(pipe.data(), O_CLOEXEC), "pipe2()");
    must(::fcntl(pipe[1], F_SETPIPE_SZ, 256 * 1024), "fcntl(F_SETPIPE_SZ)");
    const auto by_copy = [&](int fd) {
        for (std::size_t left = size; left > 0;) {
            const auto got = static_cast<std::size_t>(
                must(::recv(fd, buffer.data(), buffer.size(), 0), "recv()"));
            send_exactly(fd, std::span(buffer).first(got), 0);
            left -= got;
        }
    };
    const auto by_splice = [&](int fd) {
        for (std::size_t left = size; left > 0;) {
            const auto got = static_cast<std::size_t>(must(
                ::splice(fd, nullptr, pipe[1], nullptr, left, SPLICE_F_MOVE), "splice()"));
            for (std::size_t out = 0; out < got;) {
                out += static_cast<std::size_t>(must(
                    ::splice(pipe[0], nullptr, fd, nullptr, got - out, SPLICE_F_MOVE), "splice()"));
            }
            left -= got;
        }
    };
    const Contest out = contest(client, size, rounds, by_copy, by_splice);
    ::close(pipe[0]);
    ::close(pipe[1]);
    return out;
}

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kSizes[] = {1 * kKiB,  4 * kKiB,  8 * kKiB,   16 * kKiB,
                                  32 * kKiB, 64 * kKiB, 128 * kKiB, 256 * kKiB};

}  // namespace

std::size_t Threshold::measured() const {
    std::size_t from = 0;
    for (auto at = contests.rbegin(); at != contests.rend() && at->second_us <= at->first_us; ++at) {
        from = at->size;
    }
    return from;
}

std::vector<Threshold> calibrate(int rounds) {
    const net::TransferTable& table = net::kTransferTable;
    std::vector<Threshold> out{
        {.name = "memory_file", .first = "send from memory", .second = "sendfile",
         .built_in = table.memory_file, .contests = {}},
        {.name = "copied_body", .first = "copy and send", .second = "writev",
         .built_in = table.copied_body, .contests = {}},
        {.name = "splice_from", .first = "recv and send", .second = "splice",
         .built_in = table.splice_from, .contests = {}},
    };
    for (const std::size_t size : kSizes) {
        out[0].contests.push_back(file_contest(size, rounds));
        out[1].contests.push_back(body_contest(size, rounds));
        out[2].contests.push_back(relay_contest(size, rounds));
    }
    return out;
}

}  // namespace sluice::ipc_bench
