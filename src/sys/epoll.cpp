// SPDX-License-Identifier: BSD-2-Clause
// epoll and eventfd.
// Runs in: any.
#include "sys/epoll.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

namespace sluice::sys {

namespace {

Result<> control(int epoll, int operation, int fd, std::uint32_t events, void* data) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = data;
    if (::epoll_ctl(epoll, operation, fd, &event) != 0) {
        return fail("epoll_ctl()");
    }
    return {};
}

}  // namespace

Result<UniqueFd> epoll_create() {
    const int fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        return fail("epoll_create1()");
    }
    return UniqueFd(fd);
}

Result<> epoll_add(int epoll, int fd, std::uint32_t events, void* data) {
    return control(epoll, EPOLL_CTL_ADD, fd, events, data);
}

Result<> epoll_modify(int epoll, int fd, std::uint32_t events, void* data) {
    return control(epoll, EPOLL_CTL_MOD, fd, events, data);
}

Result<> epoll_remove(int epoll, int fd) {
    return control(epoll, EPOLL_CTL_DEL, fd, 0, nullptr);
}

Result<std::size_t> epoll_wait(int epoll, std::span<epoll_event> events, Millis timeout) {
    const int limit = static_cast<int>(std::min<std::size_t>(events.size(), INT_MAX));
    const auto clamped = std::clamp<std::int64_t>(timeout.count(), -1, INT_MAX);
    const int count = ::epoll_wait(epoll, events.data(), limit, static_cast<int>(clamped));
    if (count < 0) {
        if (errno == EINTR) {
            return 0U;
        }
        return fail("epoll_wait()");
    }
    return static_cast<std::size_t>(count);
}

Result<UniqueFd> eventfd() {
    const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        return fail("eventfd()");
    }
    return UniqueFd(fd);
}

Result<> eventfd_signal(int fd) {
    const std::uint64_t one = 1;
    if (::write(fd, &one, sizeof one) < 0 && errno != EAGAIN) {
        return fail("write() to eventfd");
    }
    return {};
}

Result<std::uint64_t> eventfd_drain(int fd) {
    std::uint64_t count = 0;
    if (::read(fd, &count, sizeof count) < 0) {
        if (errno == EAGAIN) {
            return 0U;
        }
        return fail("read() from eventfd");
    }
    return count;
}

}  // namespace sluice::sys
