// SPDX-License-Identifier: BSD-2-Clause
// POSIX message queues (mq_overview(7)), one function per call. On Linux a queue is a descriptor: it
// can be passed to other processes and waited for in epoll.
// Runs in: any.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>

#include "base/error.h"
#include "sys/socket.h"
#include "sys/unique_fd.h"

namespace sluice::sys {

/// How much a queue holds.
struct QueueLimits {
    long messages = 0;
    long message_bytes = 0;
};

/// Opens the queue `name` ("/name") for O_RDONLY, O_WRONLY or O_RDWR, non-blocking.
[[nodiscard]] Result<UniqueFd> queue_open(const char* name, int flags);
/// Makes the queue. Fails: EEXIST; EINVAL past the system's limits; EMFILE past RLIMIT_MSGQUEUE.
[[nodiscard]] Result<UniqueFd> queue_create(const char* name, int flags, mode_t mode, const QueueLimits& limits);
[[nodiscard]] Result<> queue_unlink(const char* name);
[[nodiscard]] Result<QueueLimits> queue_limits(int queue);
/// Sends one message; a greater `priority` is received first. is_blocked: the queue is full.
[[nodiscard]] Result<Transfer> queue_send(int queue, std::span<const char> message, unsigned priority);
/// Receives the first message; `into` holds at least the queue's message_bytes.
[[nodiscard]] Result<Transfer> queue_receive(int queue, std::span<char> into, unsigned* priority);

}  // namespace sluice::sys
