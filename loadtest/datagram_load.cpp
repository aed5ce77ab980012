// SPDX-License-Identifier: BSD-2-Clause
// The load for datagrams: clients and, where a proxy is under test, the peer behind it, in one process
// with one loop, so that one processor carries both. It shares no code with src/ on purpose.
// Runs in: a process of its own, started by loadtest/datagrams; bounded in time.
//
//     datagram_load SERVER_PORT PEER_PORT CLIENTS WINDOW SIZE SECONDS
//     datagram_load floor PORT PEER_PORT     a bare proxy: what the kernel's part costs
//
// Each client is a socket of its own with WINDOW datagrams under way; every answer sends another.
// PEER_PORT 0: nobody is behind the server. Prints "ready", begins at a byte on stdin, prints one line of
// JSON.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 64;
constexpr std::size_t kMostSize = 2048;
/// Nothing came for so long: what was under way is lost, and everybody begins again.
constexpr int kPatienceMillis = 50;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

std::size_t number(const char* text) {
    std::size_t value = 0;
    const char* const end = text + std::strlen(text);
    if (std::from_chars(text, end, value).ptr != end) {
        std::fprintf(stderr, "not a number: %s\n", text);
        std::exit(2);
    }
    return value;
}

sockaddr_in loopback(std::size_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

int open_socket() {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        die("socket");
    }
    const int size = 1 << 20;
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return fd;
}

/// Datagrams that are received and sent back as they are.
class Batch {
  public:
    Batch() {
        for (std::size_t i = 0; i < kBatch; ++i) {
            pieces_[i].iov_base = bytes_[i].data();
        }
    }

    /// Gives how many came.
    std::size_t receive(int fd, std::size_t most, bool has_sender) {
        for (std::size_t i = 0; i < most; ++i) {
            msghdr& header = messages_[i].msg_hdr;
            header = {};
            header.msg_iov = &pieces_[i];
            header.msg_iovlen = 1;
            pieces_[i].iov_len = kMostSize;
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
        }
        send(fd, count);
    }

    void send_new(int fd, std::size_t count, std::size_t size) {
        for (std::size_t i = 0; i < count; ++i) {
            messages_[i].msg_hdr = {};
            messages_[i].msg_hdr.msg_iov = &pieces_[i];
            messages_[i].msg_hdr.msg_iovlen = 1;
            pieces_[i].iov_len = size;
        }
        send(fd, count);
    }

    [[nodiscard]] std::string_view bytes(std::size_t index) const {
        return {bytes_[index].data(), messages_[index].msg_len};
    }

    [[nodiscard]] std::uint16_t sender_port(std::size_t index) const {
        return ntohs(senders_[index].sin_port);
    }

    // For the floor: answers that go to many.
    [[nodiscard]] std::size_t room() const { return kBatch - held_; }

    bool receive_one(int fd, const sockaddr_in& to) {
        const ssize_t size = ::recv(fd, bytes_[held_].data(), kMostSize, 0);
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
    void send(int fd, std::size_t count) {
        // What the kernel does not take is lost, and counted by whoever waits for the answer.
        (void)::sendmmsg(fd, messages_.data(), static_cast<unsigned>(count), 0);
    }

    std::size_t held_ = 0;
    std::array<mmsghdr, kBatch> messages_{};
    std::array<iovec, kBatch> pieces_{};
    std::array<sockaddr_in, kBatch> senders_{};
    std::array<std::array<char, kMostSize>, kBatch> bytes_{};
};

struct Client {
    int fd = -1;
    std::size_t under_way = 0;
};

class Load {
  public:
    Load(std::size_t server_port, std::size_t peer_port, std::size_t clients)
        : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
        if (peer_port != 0) {
            peer_ = open_socket();
            const sockaddr_in address = loopback(peer_port);
            if (::bind(peer_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
                die("bind");
            }
            watch(peer_, kPeer);
        }
        const sockaddr_in server = loopback(server_port);
        for (std::size_t i = 0; i < clients; ++i) {
            const int fd = open_socket();
            if (::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
                die("connect");
            }
            clients_.push_back({.fd = fd});
            watch(fd, i);
        }
    }

    void run(std::size_t window, std::size_t size, double seconds) {
        begin_all(window, size);
        std::array<epoll_event, 256> events{};
        const auto begin = Clock::now();
        auto now = begin;
        while (now - begin < std::chrono::duration<double>(seconds)) {
            const int count = ::epoll_wait(epoll_, events.data(), events.size(), kPatienceMillis);
            if (count == 0) {
                begin_all(window, size);
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

    void watch(int fd, std::uint64_t data) const {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = data;
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
            die("epoll_ctl");
        }
    }

    void begin_all(std::size_t window, std::size_t size) {
        for (Client& client : clients_) {
            lost_ += client.under_way;
            client.under_way = window;
            batch_.send_new(client.fd, window, size);
        }
    }

    void serve(std::uint64_t which, std::size_t window) {
        if (which == kPeer) {
            batch_.send_back(peer_, batch_.receive(peer_, kBatch, true));
            return;
        }
        Client& client = clients_[which];
        const std::size_t count = batch_.receive(client.fd, window, false);
        answers_ += count;
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
          listening_(open_socket()),
          peer_(loopback(peer_port)),
          fds_(65536, -1) {
        const sockaddr_in address = loopback(port);
        if (::bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            die("bind");
        }
        watch(listening_, EPOLLIN, 0);
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
    void watch(int fd, std::uint32_t events, std::uint64_t data) const {
        epoll_event event{};
        event.events = events;
        event.data.u64 = data;
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
            die("epoll_ctl");
        }
    }

    void pass_up() {
        const std::size_t count = up_.receive(listening_, kBatch, true);
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint16_t port = up_.sender_port(i);
            int& fd = fds_[port];
            if (fd < 0) {
                fd = open_socket();
                if (::connect(fd, reinterpret_cast<const sockaddr*>(&peer_), sizeof peer_) != 0) {
                    die("connect");
                }
                watch(fd, EPOLLIN | EPOLLET, (std::uint64_t{port} << 32U) | static_cast<std::uint32_t>(fd));
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
    Batch up_;
    Batch answers_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc == 4 && std::string_view(argv[1]) == "floor") {
        Floor(number(argv[2]), number(argv[3])).serve();
    }
    if (argc != 7) {
        std::fprintf(stderr,
                     "usage: datagram_load SERVER_PORT PEER_PORT CLIENTS WINDOW SIZE SECONDS\n"
                     "       datagram_load floor PORT PEER_PORT\n");
        return 2;
    }
    const std::size_t window = number(argv[4]);
    const std::size_t size = number(argv[5]);
    const std::size_t seconds = number(argv[6]);
    if (window == 0 || window > kBatch || size > kMostSize) {
        std::fprintf(stderr, "WINDOW is 1 to %zu, SIZE at most %zu\n", kBatch, kMostSize);
        return 2;
    }
    ::alarm(static_cast<unsigned>(seconds) + 30);
    Load load(number(argv[1]), number(argv[2]), number(argv[3]));
    std::puts("ready");
    std::fflush(stdout);
    if (std::getchar() == EOF) {
        return 1;
    }
    load.run(window, size, static_cast<double>(seconds));
    load.print();
    return 0;
}
