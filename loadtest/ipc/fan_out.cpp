// SPDX-License-Identifier: BSD-2-Clause
// One stream to many readers: what a live stream out of a FIFO costs its server for each viewer, by
// a read and a write each, and by tee and splice, which pass on the same pages.
// Runs in: ipc_bench, both of its processes.
#include <algorithm>
#include <array>
#include <csignal>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/measure.h"
#include "ipc/sockets.h"

namespace sluice::ipc_bench {

namespace {

constexpr std::size_t kPiece = std::size_t{64} * 1024;

/// Viewers in a child that read all that they are sent.
class Viewers {
  public:
    explicit Viewers(std::size_t count) {
        std::vector<pollfd> far;
        for (std::size_t i = 0; i < count; ++i) {
            const Ends ends = tcp_pair();
            sockets_.push_back(ends.writer);
            far.push_back({.fd = ends.reader, .events = POLLIN, .revents = 0});
        }
        child_ = must(::fork(), "fork()");
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            watch(far);
        }
        for (const pollfd& end : far) {
            ::close(end.fd);
        }
    }

    ~Viewers() {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
        for (const int fd : sockets_) {
            ::close(fd);
        }
    }

    Viewers(const Viewers&) = delete;
    Viewers& operator=(const Viewers&) = delete;

    [[nodiscard]] const std::vector<int>& sockets() const { return sockets_; }

  private:
    [[noreturn]] static void watch(std::vector<pollfd>& ends) {
        std::vector<char> sink(std::size_t{1} << 20);
        for (;;) {
            must(::poll(ends.data(), ends.size(), -1), "poll()");
            for (const pollfd& end : ends) {
                if (end.revents != 0 && ::read(end.fd, sink.data(), sink.size()) <= 0) {
                    ::_exit(0);
                }
            }
        }
    }

    std::vector<int> sockets_;
    pid_t child_ = -1;
};

class Pipe {
  public:
    Pipe() {
        must(::pipe2(ends.data(), O_CLOEXEC), "pipe2()");
        must(::fcntl(ends[1], F_SETPIPE_SZ, 256 * 1024), "fcntl(F_SETPIPE_SZ)");
    }

    ~Pipe() {
        ::close(ends[0]);
        ::close(ends[1]);
    }

    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    std::array<int, 2> ends{};
};

void splice_all(int from, int to, std::size_t size) {
    while (size > 0) {
        size -= static_cast<std::size_t>(
            must(::splice(from, nullptr, to, nullptr, size, SPLICE_F_MOVE), "splice()"));
    }
}

/// Processor time of this process for one piece of the stream and one viewer, in microseconds. The
/// writer of the stream is this process too; its write is in both means alike.
template <class Pass>
double piece_us(const Viewers& viewers, const Pipe& source, std::size_t pieces, const Pass& pass) {
    const std::vector<char> piece(kPiece, 'p');
    const auto times = static_cast<int>(std::clamp<std::size_t>(pieces / viewers.sockets().size(), 10, 2000));
    const double before = cpu_us();
    for (int i = 0; i < times; ++i) {
        write_exactly(source.ends[1], piece);
        pass();
    }
    return (cpu_us() - before) / times / static_cast<double>(viewers.sockets().size());
}

}  // namespace

double cpu_us() {
    rusage usage{};
    must(::getrusage(RUSAGE_SELF, &usage), "getrusage()");
    const auto micros = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
    };
    return micros(usage.ru_utime) + micros(usage.ru_stime);
}

FanCost fan_out(std::size_t count, std::size_t pieces) {
    const Viewers viewers(count);
    const Pipe source;
    const Pipe copy;
    std::vector<char> buffer(kPiece);
    const auto by_copy = [&] {
        read_exactly(source.ends[0], buffer);
        for (const int viewer : viewers.sockets()) {
            send_exactly(viewer, buffer, 0);
        }
    };
    const auto by_tee = [&] {
        // The last viewer takes the stream itself, every other one a second name for its pages.
        for (std::size_t i = 0; i + 1 < viewers.sockets().size(); ++i) {
            const auto shared = static_cast<std::size_t>(
                must(::tee(source.ends[0], copy.ends[1], kPiece, 0), "tee()"));
            splice_all(copy.ends[0], viewers.sockets()[i], shared);
        }
        splice_all(source.ends[0], viewers.sockets().back(), kPiece);
    };
    FanCost cost{.viewers = count, .copy_us = 1e9, .tee_us = 1e9};
    for (int round = 0; round < 3; ++round) {
        cost.copy_us = std::min(cost.copy_us, piece_us(viewers, source, pieces, by_copy));
        cost.tee_us = std::min(cost.tee_us, piece_us(viewers, source, pieces, by_tee));
    }
    return cost;
}

}  // namespace sluice::ipc_bench
