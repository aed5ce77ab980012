// SPDX-License-Identifier: BSD-2-Clause
// A floor for servers that speak RESP: looks at no request, keeps nothing, sends ready answers.
// What a client gets of it is the most that this client can do beside any server. It shares no code
// with src/ on purpose. Runs in: a process of its own, started by loadtest/kv_bench, which ends it.
//
//     kv_floor PORT VALUE_BYTES
//
// Needs: all requests that a client sends on a connection are of one kind, and as long as its first
// one.
#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "load_program.h"

namespace {

using namespace load;  // NOLINT: a program of one file

constexpr std::size_t kMostAnswers = 4096;

struct Client {
    std::size_t request = 0;  ///< bytes of each; 0: none has come
    std::size_t partial = 0;  ///< bytes of the next that have come
    std::string_view answer;
};

std::string times(std::string_view text, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
        out += text;
    }
    return out;
}

class Floor {
  public:
    Floor(std::size_t port, std::size_t value_bytes)
        : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
          listening_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
          value_("$" + std::to_string(value_bytes) + "\r\n" + std::string(value_bytes, 'x') +
                 "\r\n"),
          values_(times(value_, kMostAnswers)),
          stored_(times("+OK\r\n", kMostAnswers)),
          refused_(times("-ERR unknown\r\n", kMostAnswers)),
          pongs_(times("+PONG\r\n", kMostAnswers)) {
        const int on = 1;
        ::setsockopt(listening_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        const sockaddr_in address = loopback(port);
        if (::bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listening_, SOMAXCONN) != 0) {
            die("listen");
        }
        watch(epoll_, listening_, EPOLLIN, static_cast<std::uint64_t>(listening_));
    }

    [[noreturn]] void serve() {
        std::array<epoll_event, 256> events{};
        for (;;) {
            const int count = ::epoll_wait(epoll_, events.data(), events.size(), -1);
            for (int i = 0; i < count; ++i) {
                const auto fd = static_cast<int>(events[static_cast<std::size_t>(i)].data.u64);
                fd == listening_ ? accept_one() : answer(fd);
            }
        }
    }

  private:
    void accept_one() {
        const int fd = ::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        if (clients_.size() <= static_cast<std::size_t>(fd)) {
            clients_.resize(static_cast<std::size_t>(fd) + 1);
        }
        clients_[static_cast<std::size_t>(fd)] = {};
        watch(epoll_, fd, EPOLLIN | EPOLLET, static_cast<std::uint64_t>(fd));
    }

    void answer(int fd) {
        const ssize_t size = ::recv(fd, buffer_.data(), buffer_.size(), 0);
        if (size <= 0) {
            if (size == 0 || errno != EAGAIN) {
                ::close(fd);
            }
            return;
        }
        Client& client = clients_[static_cast<std::size_t>(fd)];
        const std::string_view input(buffer_.data(), static_cast<std::size_t>(size));
        if (client.request == 0) {
            meet(client, input);
        }
        client.partial += input.size();
        const std::size_t count = client.partial / client.request;
        client.partial %= client.request;
        const std::size_t bytes = count * (client.answer.size() / kMostAnswers);
        if (count > kMostAnswers || ::send(fd, client.answer.data(), bytes, MSG_NOSIGNAL) < 0) {
            ::close(fd);
        }
    }

    void meet(Client& client, std::string_view input) const {
        client.request = std::min(input.find('*', 1), input.size());
        const auto asks = [&](std::string_view word) {
            return input.substr(0, client.request).find(word) != std::string_view::npos;
        };
        client.answer = asks("GET\r\n") && !asks("CONFIG") ? values_
                        : asks("SET\r\n")                  ? stored_
                        : asks("PING")                     ? pongs_
                                                           : refused_;
    }

    int epoll_;
    int listening_;
    std::string value_;
    std::string values_;
    std::string stored_;
    std::string refused_;
    std::string pongs_;
    std::vector<Client> clients_;
    std::array<char, 64 * 1024> buffer_{};
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: kv_floor PORT VALUE_BYTES\n");
        return 2;
    }
    Floor(number(argv[1]), number(argv[2])).serve();
}
