// SPDX-License-Identifier: BSD-2-Clause
// What the programs share that make load: numbers of the command line, addresses of the loopback,
// epoll, the sign to begin. They share no code with src/ on purpose.
// Runs in: load programs, each a process of its own.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace load {

using Clock = std::chrono::steady_clock;

[[noreturn]] inline void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

/// Ends the program where `text` is no number.
[[nodiscard]] inline std::size_t number(const char* text) {
    std::size_t value = 0;
    const char* const end = text + std::strlen(text);
    if (const auto read = std::from_chars(text, end, value);
        read.ec != std::errc{} || read.ptr != end) {
        std::fprintf(stderr, "not a number: %s\n", text);
        std::exit(2);
    }
    return value;
}

[[nodiscard]] inline sockaddr_in loopback(std::size_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

/// Level-triggered or not, as `events` says; the data is an index or a pointer of the caller's.
inline void watch(int epoll, int fd, std::uint32_t events, std::uint64_t data) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = data;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll_ctl");
    }
}

/// Says "ready" and waits for a byte on stdin; where that has ended, so has the program.
inline void await_start() {
    std::puts("ready");
    std::fflush(stdout);
    char go = 0;
    if (::read(STDIN_FILENO, &go, 1) <= 0) {
        std::exit(1);
    }
}

}  // namespace load
