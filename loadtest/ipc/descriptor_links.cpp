// SPDX-License-Identifier: BSD-2-Clause
// Links over two descriptors: pipes, FIFOs, Unix and internet sockets.
// Runs in: ipc_bench, both of its processes.
#include <array>
#include <string>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/link.h"
#include "ipc/sockets.h"

namespace sluice::ipc_bench {

namespace {

/// Bytes without borders: a message is read until it is whole.
class StreamLink final : public Link {
  public:
    StreamLink(int reader, int writer) : reader_(reader), writer_(writer) {}

    ~StreamLink() override {
        ::close(reader_);
        ::close(writer_);
    }

    void send(std::span<const char> message) override { write_exactly(writer_, message); }

    void receive(std::span<char> message) override { read_exactly(reader_, message); }

  private:
    int reader_;
    int writer_;
};

/// One call carries one message. Where the kernel would lose messages (UDP), the receiver returns
/// credit after each batch.
class PacketLink final : public Link {
  public:
    static constexpr unsigned kBatch = 32;

    PacketLink(int reader, int writer, bool needs_credit)
        : reader_(reader), writer_(writer), needs_credit_(needs_credit) {
        if (needs_credit_) {
            must(::pipe2(credit_.data(), O_CLOEXEC), "pipe2()");
        }
    }

    ~PacketLink() override {
        ::close(reader_);
        ::close(writer_);
    }

    void send(std::span<const char> message) override {
        if (needs_credit_ && sent_ != 0 && sent_ % kBatch == 0) {
            char byte = 0;
            must(::read(credit_[0], &byte, 1), "read()");
        }
        ++sent_;
        must(::send(writer_, message.data(), message.size(), 0), "send()");
    }

    void receive(std::span<char> message) override {
        must(::recv(reader_, message.data(), message.size(), 0), "recv()");
        if (needs_credit_ && ++received_ % kBatch == 0) {
            must(::write(credit_[1], "c", 1), "write()");
        }
    }

  private:
    int reader_;
    int writer_;
    bool needs_credit_;
    std::array<int, 2> credit_{-1, -1};
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
};

std::unique_ptr<Link> make_pipe(std::size_t) {
    std::array<int, 2> ends{};
    must(::pipe2(ends.data(), O_CLOEXEC), "pipe2()");
    return std::make_unique<StreamLink>(ends[0], ends[1]);
}

std::unique_ptr<Link> make_fifo(std::size_t) {
    std::array<char, 32> folder{"/tmp/ipc_bench.XXXXXX"};
    if (::mkdtemp(folder.data()) == nullptr) {
        fail("mkdtemp()");
    }
    const std::string path = std::string(folder.data()) + "/fifo";
    must(::mkfifo(path.c_str(), 0600), "mkfifo()");
    // Opened for both first: neither of the other opens then waits for a partner.
    const int both = must(::open(path.c_str(), O_RDWR | O_CLOEXEC), "open() of a FIFO");
    const int reader = must(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open() of a FIFO");
    const int writer = must(::open(path.c_str(), O_WRONLY | O_CLOEXEC), "open() of a FIFO");
    ::close(both);
    ::unlink(path.c_str());
    ::rmdir(folder.data());
    return std::make_unique<StreamLink>(reader, writer);
}

std::unique_ptr<Link> make_socketpair(std::size_t) {
    std::array<int, 2> ends{};
    must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair()");
    return std::make_unique<StreamLink>(ends[0], ends[1]);
}

std::unique_ptr<Link> make_unix_stream(std::size_t) {
    const Ends ends = unix_pair(SOCK_STREAM);
    return std::make_unique<StreamLink>(ends.reader, ends.writer);
}

template <int Type>
std::unique_ptr<Link> make_unix_packets(std::size_t message) {
    const Ends ends = unix_pair(Type);
    const int room = static_cast<int>(message * 4);
    int given = 0;
    socklen_t size = sizeof given;
    must(::getsockopt(ends.writer, SOL_SOCKET, SO_SNDBUF, &given, &size), "getsockopt()");
    if (room > given) {
        // Refused above the system's limit; then the default has to do.
        static_cast<void>(::setsockopt(ends.writer, SOL_SOCKET, SO_SNDBUF, &room, sizeof room));
    }
    return std::make_unique<PacketLink>(ends.reader, ends.writer, false);
}

std::unique_ptr<Link> make_tcp(std::size_t) {
    const Ends ends = tcp_pair();
    return std::make_unique<StreamLink>(ends.reader, ends.writer);
}

std::unique_ptr<Link> make_udp(std::size_t message) {
    const Ends ends = udp_pair();
    // Each waiting datagram is charged about twice its size; a batch and a half must fit.
    const int room = static_cast<int>((message + 2048) * 4 * PacketLink::kBatch);
    must(::setsockopt(ends.reader, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room),
         "setsockopt(SO_RCVBUFFORCE), which needs root");
    return std::make_unique<PacketLink>(ends.reader, ends.writer, true);
}

constexpr std::size_t kUdpLimit = 60'000;
constexpr std::size_t kUnixPacketLimit = 64 * 1024;

constexpr Kind kTable[] = {
    {"pipe", "pipe2, 64 KiB", kNoLimit, &make_pipe, {523, 2100}},
    {"FIFO", "named pipe", kNoLimit, &make_fifo, {}},
    {"socketpair", "Unix stream, no name", kNoLimit, &make_socketpair, {}},
    {"Unix stream", "bound to a path", kNoLimit, &make_unix_stream, {612, 0}},
    {"Unix seqpacket", "bound to a path", kUnixPacketLimit, &make_unix_packets<SOCK_SEQPACKET>, {}},
    {"Unix datagram", "bound to a path", kUnixPacketLimit, &make_unix_packets<SOCK_DGRAM>, {}},
    {"TCP loopback", "TCP_NODELAY", kNoLimit, &make_tcp, {1250, 1800}},
    {"UDP loopback", "credit for each 32", kUdpLimit, &make_udp, {}},
};

}  // namespace

std::span<const Kind> descriptor_kinds() {
    return kTable;
}

}  // namespace sluice::ipc_bench
