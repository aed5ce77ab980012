// SPDX-License-Identifier: BSD-2-Clause
// epoll and eventfd, one function per call.
// Runs in: any.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/units.h"
#include "sys/unique_fd.h"

namespace sluice::sys {

[[nodiscard]] Result<UniqueFd> epoll_create();
[[nodiscard]] Result<> epoll_add(int epoll, int fd, std::uint32_t events, void* data);
[[nodiscard]] Result<> epoll_modify(int epoll, int fd, std::uint32_t events, void* data);
[[nodiscard]] Result<> epoll_remove(int epoll, int fd);
/// Waits for events; `timeout` below zero waits without limit. An interrupted wait gives 0 events.
/// Blocks: up to `timeout`.
[[nodiscard]] Result<std::size_t> epoll_wait(int epoll, std::span<epoll_event> events, Millis timeout);

/// Non-blocking counter descriptor.
[[nodiscard]] Result<UniqueFd> eventfd();
/// Adds one. A full counter counts as success: the reader is already due.
[[nodiscard]] Result<> eventfd_signal(int fd);
/// Takes the count; 0 where nothing was signalled.
[[nodiscard]] Result<std::uint64_t> eventfd_drain(int fd);

}  // namespace sluice::sys
