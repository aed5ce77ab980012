// SPDX-License-Identifier: BSD-2-Clause
// The load for datagrams: clients and, where a proxy is under test, the peer behind it, in one
// process with one loop, so that one processor carries both. It shares no code with src/ on
// purpose. Runs in: a process of its own, started by loadtest/datagrams; bounded in time.
//
//     datagram_load SERVER_PORT PEER_PORT CLIENTS WINDOW SIZE SECONDS apart|joined
//     datagram_load floor PORT PEER_PORT     a bare proxy: what the kernel's part costs
//
// Each client is a socket of its own with WINDOW datagrams under way; every answer sends another.
// PEER_PORT 0: nobody is behind the server. "joined": clients and peer pass what they send and
// receive at once to and from the kernel as one (GSO, GRO), as programs for much traffic do. Prints
// "ready", begins at a byte on stdin, prints one line of JSON.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "load_program.h"

namespace {

using namespace load;  // NOLINT: a program of one file

constexpr std::size_t kBatch = 64;
constexpr std::size_t kMostSize = 2048;
/// Room for several that the kernel joins.
constexpr std::size_t kSlotSize = 64 * 1024;
/// Nothing came for so long: what was under way is lost, and everybody begins again.
constexpr int kPatienceMillis = 50;

int open_socket(bool is_joined) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        die("socket");
    }
    const int size = 1 << 20;
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    const int on = 1;
    if (is_joined && ::setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on) != 0) {
        die("UDP_GRO");
    }
    return fd;
}

/// How large the datagrams are, and whether they travel joined.
struct Shape {
    std::size_t size = 0;
    bool is_joined = false;
};

/// Datagrams that are received and sent back as they are.
class Batch {
  public:
    explicit Batch(const Shape& shape)
        : shape_(shape), bytes_(std::make_unique_for_overwrite<char[]>(kBatch * kSlotSize)) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            pieces_[i].iov_base = at(i);
        }
    }

    /// Gives how many messages came.
    std::size_t receive(int fd, std::size_t most, bool has_sender) {
        for (std::size_t i = 0; i < most; ++i) {
            msghdr& header = messages_[i].msg_hdr;
            header = {};
            header.msg_iov = &pieces_[i];
            header.msg_iovlen = 1;
            pieces_[i].iov_len = kSlotSize;
            if (has_sender) {
                header.msg_name = &senders_[i];
                header.msg_namelen = sizeof senders_[i];
            }
        }
        const int count =
            ::recvmmsg(fd, messages_.data(), static_cast<unsigned>(most), MSG_DONTWAIT, nullptr);
        return count < 0 ? 0 : static_cast<std::size_t>(count);
    }

    void send_back(int fd, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            pieces_[i].iov_len = messages_[i].msg_len;
            mark(i);
        }
        send(fd, count);
    }

    /// `count` new datagrams.
    void send_new(int fd, std::size_t count) {
        const std::size_t messages = shape_.is_joined ? 1 : count;
        for (std::size_t i = 0; i < messages; ++i) {
            messages_[i].msg_hdr = {};
            messages_[i].msg_hdr.msg_iov = &pieces_[i];
            messages_[i].msg_hdr.msg_iovlen = 1;
            pieces_[i].iov_len = shape_.size * count / messages;
            mark(i);
        }
        send(fd, messages);
    }

    /// How many datagrams the first `count` messages are.
    [[nodiscard]] std::size_t datagrams(std::size_t count) const {
        std::size_t total = 0;
        for (std::size_t i = 0; i < count; ++i) {
            total += (messages_[i].msg_len + shape_.size - 1) / shape_.size;
        }
        return total;
    }

    [[nodiscard]] std::string_view bytes(std::size_t index) const {
        return {at(index), messages_[index].msg_len};
    }

    [[nodiscard]] std::uint16_t sender_port(std::size_t index) const {
        return ntohs(senders_[index].sin_port);
    }

    // For the floor: answers that go to many.
    [[nodiscard]] std::size_t room() const { return kBatch - held_; }

    bool receive_one(int fd, const sockaddr_in& to) {
        const ssize_t size = ::recv(fd, at(held_), kSlotSize, 0);
        if (size < 0) {
            return false;
        }
        pieces_[held_].iov_len = static_cast<std::size_t>(size);
        senders_[held_] = to;
        msghdr& header = messages_[held_].msg_hdr;
        header = {};
        header.msg_iov = &pieces_[held_];
        header.msg_iovlen = 1;
        header.msg_name = &senders_[held_];
        header.msg_namelen = sizeof senders_[held_];
        ++held_;
        return true;
    }

    void send_to(int fd) {
        if (held_ > 0) {
            send(fd, held_);
            held_ = 0;
        }
    }

  private:
    [[nodiscard]] char* at(std::size_t index) const { return bytes_.get() + index * kSlotSize; }

    /// Several in one message are taken apart by the kernel.
    void mark(std::size_t index) {
        if (pieces_[index].iov_len <= shape_.size) {
            return;
        }
        cmsghdr header{};
        header.cmsg_level = SOL_UDP;
        header.cmsg_type = UDP_SEGMENT;
        header.cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
        const auto size = static_cast<std::uint16_t>(shape_.size);
        std::memcpy(notes_[index].data(), &header, sizeof header);
        std::memcpy(notes_[index].data() + CMSG_LEN(0), &size, sizeof size);
        messages_[index].msg_hdr.msg_control = notes_[index].data();
        messages_[index].msg_hdr.msg_controllen = CMSG_SPACE(sizeof size);
    }

    void send(int fd, std::size_t count) {
        // What the kernel does not take is lost, and counted by whoever waits for the answer.
        (void)::sendmmsg(fd, messages_.data(), static_cast<unsigned>(count), 0);
    }

    std::size_t held_ = 0;
    std::array<mmsghdr, kBatch> messages_{};
    std::array<iovec, kBatch> pieces_{};
    std::array<sockaddr_in, kBatch> senders_{};
    alignas(cmsghdr) std::array<std::array<char, 32>, kBatch> notes_{};
    Shape shape_;
    std::unique_ptr<char[]> bytes_;
};

struct Client {
    int fd = -1;
    std::size_t under_way = 0;
};

class Load {
  public:
    Load(std::size_t server_port, std::size_t peer_port, std::size_t clients, const Shape& shape)
        : epoll_(::epoll_create1(EPOLL_CLOEXEC)), batch_(shape) {
        if (peer_port != 0) {
            peer_ = open_socket(shape.is_joined);
            const sockaddr_in address = loopback(peer_port);
            if (::bind(peer_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
                die("bind");
            }
            watch(epoll_, peer_, EPOLLIN, kPeer);
        }
        const sockaddr_in server = loopback(server_port);
        for (std::size_t i = 0; i < clients; ++i) {
            const int fd = open_socket(shape.is_joined);
            if (::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
                die("connect");
            }
            clients_.push_back({.fd = fd});
            watch(epoll_, fd, EPOLLIN, i);
        }
    }

    void run(std::size_t window, double seconds) {
        begin_all(window);
        std::array<epoll_event, 256> events{};
        const auto begin = Clock::now();
        auto now = begin;
        while (now - begin < std::chrono::duration<double>(seconds)) {
            const int count = ::epoll_wait(epoll_, events.data(), events.size(), kPatienceMillis);
            if (count == 0) {
                begin_all(window);
            }
            for (int i = 0; i < count; ++i) {
                serve(events[static_cast<std::size_t>(i)].data.u64, window);
            }
            now = Clock::now();
        }
        seconds_ = std::chrono::duration<double>(now - begin).count();
    }

    void print() const {
        std::printf("{\"answers\": %llu, \"lost\": %llu, \"seconds\": %.6f}\n",
                    static_cast<unsigned long long>(answers_),
                    static_cast<unsigned long long>(lost_), seconds_);
    }

  private:
    static constexpr std::uint64_t kPeer = UINT64_MAX;

    void begin_all(std::size_t window) {
        for (Client& client : clients_) {
            lost_ += client.under_way;
            client.under_way = window;
            batch_.send_new(client.fd, window);
        }
    }

    void serve(std::uint64_t which, std::size_t window) {
        if (which == kPeer) {
            batch_.send_back(peer_, batch_.receive(peer_, kBatch, true));
            return;
        }
        Client& client = clients_[which];
        const std::size_t count = batch_.receive(client.fd, window, false);
        answers_ += batch_.datagrams(count);
        batch_.send_back(client.fd, count);
    }

    int epoll_;
    int peer_ = -1;
    std::vector<Client> clients_;
    Batch batch_;
    std::uint64_t answers_ = 0;
    std::uint64_t lost_ = 0;
    double seconds_ = 0;
};

/// A bare proxy: recvmmsg of clients, a connected socket for each, answers by sendmmsg. No session
/// ever ends, nothing is checked.
class Floor {
  public:
    Floor(std::size_t port, std::size_t peer_port)
        : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
          listening_(open_socket(false)),
          peer_(loopback(peer_port)),
          fds_(65536, -1) {
        const sockaddr_in address = loopback(port);
        if (::bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            die("bind");
        }
        watch(epoll_, listening_, EPOLLIN, 0);
    }

    [[noreturn]] void serve() {
        std::array<epoll_event, 256> events{};
        for (;;) {
            const int count = ::epoll_wait(epoll_, events.data(), events.size(), -1);
            for (int i = 0; i < count; ++i) {
                const std::uint64_t which = events[static_cast<std::size_t>(i)].data.u64;
                which == 0 ? pass_up() : pass_down(which);
            }
            answers_.send_to(listening_);
        }
    }

  private:
    void pass_up() {
        const std::size_t count = up_.receive(listening_, kBatch, true);
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint16_t port = up_.sender_port(i);
            int& fd = fds_[port];
            if (fd < 0) {
                fd = open_socket(false);
                if (::connect(fd, reinterpret_cast<const sockaddr*>(&peer_), sizeof peer_) != 0) {
                    die("connect");
                }
                watch(epoll_, fd, EPOLLIN | EPOLLET,
                      (std::uint64_t{port} << 32U) | static_cast<std::uint32_t>(fd));
            }
            const std::string_view bytes = up_.bytes(i);
            (void)::send(fd, bytes.data(), bytes.size(), 0);
        }
    }

    void pass_down(std::uint64_t which) {
        const int fd = static_cast<int>(which & 0xffff'ffffU);
        for (;;) {
            if (answers_.room() == 0) {
                answers_.send_to(listening_);
            }
            if (!answers_.receive_one(fd, loopback(which >> 32U))) {
                return;
            }
        }
    }

    int epoll_;
    int listening_;
    sockaddr_in peer_;
    std::vector<int> fds_;
    Batch up_{Shape{.size = kSlotSize}};
    Batch answers_{Shape{.size = kSlotSize}};
};

}  // namespace

int main(int argc, char** argv) {
    if (argc == 4 && std::string_view(argv[1]) == "floor") {
        Floor(number(argv[2]), number(argv[3])).serve();
    }
    if (argc != 8) {
        std::fprintf(stderr,
                     "usage: datagram_load SERVER_PORT PEER_PORT CLIENTS WINDOW SIZE SECONDS "
                     "apart|joined\n"
                     "       datagram_load floor PORT PEER_PORT\n");
        return 2;
    }
    const std::size_t window = number(argv[4]);
    const std::size_t size = number(argv[5]);
    const std::size_t seconds = number(argv[6]);
    if (window == 0 || window > kBatch || size == 0 || size > kMostSize ||
        window * size >= kSlotSize) {
        std::fprintf(stderr, "WINDOW is 1 to %zu, SIZE 1 to %zu, both together below %zu\n", kBatch,
                     kMostSize, kSlotSize);
        return 2;
    }
    ::alarm(static_cast<unsigned>(seconds) + 30);
    Load all(number(argv[1]), number(argv[2]), number(argv[3]),
              {.size = size, .is_joined = std::string_view(argv[7]) == "joined"});
    await_start();
    all.run(window, static_cast<double>(seconds));
    all.print();
    return 0;
}
