// SPDX-License-Identifier: BSD-2-Clause
// The load for servers that speak RESP: GET or SET over many connections, so many requests at once on
// each. It costs as little as a client can, so that the server is what is measured: requests are
// made before the start, answers are compared with what they must be as a whole, and connections take
// turns, which needs no epoll: while one is waited for, the others keep the server busy. It shares no
// code with src/ on purpose.
// Runs in: a process of its own, started by loadtest/kv_bench; bounded in time.
//
//     kv_load PORT get|set CONNECTIONS PIPELINE VALUE_BYTES KEYS SECONDS
//
// Prints "ready" when all keys are stored and all connections stand, begins at a byte on stdin, prints
// one line of JSON.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <random>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

/// Different runs of requests, where there are many keys.
constexpr std::size_t kBatches = 512;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

[[noreturn]] void complain(const char* what) {
    std::fprintf(stderr, "kv_load: %s\n", what);
    std::exit(1);
}

template <class Number = std::size_t>
Number number(const char* text) {
    Number value = 0;
    const char* const end = text + std::strlen(text);
    if (std::from_chars(text, end, value).ptr != end) {
        std::fprintf(stderr, "not a number: %s\n", text);
        std::exit(2);
    }
    return value;
}

struct Plan {
    std::size_t port = 0;
    bool is_get = false;
    std::size_t connections = 0;
    std::size_t pipeline = 0;
    std::size_t value_bytes = 0;
    std::size_t keys = 0;
    double seconds = 0;
};

// ---- requests ----

std::string bulk(std::string_view text) {
    return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

/// As redis-benchmark names its keys.
std::string key_of(std::size_t number) {
    std::string digits = std::to_string(number);
    digits.insert(0, 12 - digits.size(), '0');
    return "key:" + digits;
}

std::string get_request(std::size_t key) {
    return "*2\r\n$3\r\nGET\r\n" + bulk(key_of(key));
}

std::string set_request(std::size_t key, std::string_view value) {
    return "*3\r\n$3\r\nSET\r\n" + bulk(key_of(key)) + bulk(value);
}

std::string times(std::string_view text, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
        out += text;
    }
    return out;
}

/// Runs of requests, each as they go out together. Always the same for one plan.
std::vector<std::string> make_batches(const Plan& plan, std::string_view value) {
    std::mt19937_64 dice(1);
    std::vector<std::string> batches(plan.keys > 1 ? kBatches : 1);
    for (std::string& batch : batches) {
        for (std::size_t i = 0; i < plan.pipeline; ++i) {
            const std::size_t key = dice() % plan.keys;
            batch += plan.is_get ? get_request(key) : set_request(key, value);
        }
    }
    return batches;
}

// ---- connections ----

/// Blocks until the connection stands; all its calls block.
int connect_to(std::size_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        die("connect");
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

void send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            die("send");
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

/// Waits for as many bytes as `wanted` has; whether they are the same.
bool expect(int fd, std::string_view wanted, std::vector<char>& into) {
    const ssize_t got = ::recv(fd, into.data(), wanted.size(), MSG_WAITALL);
    if (got < 0) {
        die("recv");
    }
    return static_cast<std::size_t>(got) == wanted.size() &&
           std::memcmp(into.data(), wanted.data(), wanted.size()) == 0;
}

void store_keys(const Plan& plan, std::string_view value) {
    const int fd = connect_to(plan.port);
    std::vector<char> answer(5);
    for (std::size_t key = 0; key < plan.keys; ++key) {
        send_all(fd, set_request(key, value));
        if (!expect(fd, "+OK\r\n", answer)) {
            complain("a key was not stored");
        }
    }
    ::close(fd);
}

void await_start() {
    std::puts("ready");
    std::fflush(stdout);
    char go = 0;
    if (::read(STDIN_FILENO, &go, 1) < 0) {
        die("read");
    }
}

void run(const Plan& plan) {
    const std::string value(plan.value_bytes, 'x');
    const std::vector<std::string> batches = make_batches(plan, value);
    const std::string wanted =
        times(plan.is_get ? bulk(value) : std::string("+OK\r\n"), plan.pipeline);
    std::vector<char> answer(wanted.size());
    store_keys(plan, value);
    std::vector<int> connections(plan.connections);
    std::ranges::generate(connections, [&] { return connect_to(plan.port); });
    await_start();

    const Clock::time_point start = Clock::now();
    std::size_t next = 0;
    for (const int fd : connections) {
        send_all(fd, batches[next++ % batches.size()]);
    }
    std::uint64_t answered = 0;
    double seconds = 0;
    while (seconds < plan.seconds) {
        for (const int fd : connections) {
            if (!expect(fd, wanted, answer)) {
                complain("an answer is not what it must be");
            }
            send_all(fd, batches[next++ % batches.size()]);
        }
        answered += connections.size();
        seconds = std::chrono::duration<double>(Clock::now() - start).count();
    }
    std::printf("{\"operations\": %llu, \"seconds\": %.6f}\n",
                static_cast<unsigned long long>(answered * plan.pipeline), seconds);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view command = argc > 2 ? argv[2] : "";
    if (argc != 8 || (command != "get" && command != "set")) {
        std::fprintf(stderr,
                     "usage: kv_load PORT get|set CONNECTIONS PIPELINE VALUE_BYTES KEYS SECONDS\n");
        return 2;
    }
    const Plan plan{.port = number(argv[1]),
                    .is_get = command == "get",
                    .connections = number(argv[3]),
                    .pipeline = number(argv[4]),
                    .value_bytes = number(argv[5]),
                    .keys = std::max<std::size_t>(number(argv[6]), 1),
                    .seconds = number<double>(argv[7])};
    ::alarm(static_cast<unsigned>(plan.seconds) + 60);
    run(plan);
    return 0;
}
