// SPDX-License-Identifier: BSD-2-Clause
// POSIX message queues.
// Runs in: any.
#include "sys/message_queue.h"

#include <fcntl.h>
#include <mqueue.h>

namespace sluice::sys {

namespace {

Result<Transfer> moved(ssize_t size, const char* op) {
    if (size < 0 && errno == EAGAIN) {
        return Transfer{.is_blocked = true};
    }
    if (size < 0) {
        return fail(op);
    }
    return Transfer{.size = static_cast<std::size_t>(size)};
}

}  // namespace

Result<UniqueFd> queue_open(const char* name, int flags) {
    // glibc opens queues close-on-exec by itself; saying so costs nothing.
    const mqd_t queue = ::mq_open(name, flags | O_NONBLOCK | O_CLOEXEC);
    if (queue < 0) {
        return fail("mq_open()");
    }
    return UniqueFd(queue);
}

Result<UniqueFd> queue_create(const char* name, int flags, mode_t mode, const QueueLimits& limits) {
    mq_attr attributes{};
    attributes.mq_maxmsg = limits.messages;
    attributes.mq_msgsize = limits.message_bytes;
    const int all = flags | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC;
    const mqd_t queue = ::mq_open(name, all, mode, &attributes);
    if (queue < 0) {
        return fail("mq_open()");
    }
    return UniqueFd(queue);
}

Result<> queue_unlink(const char* name) {
    if (::mq_unlink(name) != 0) {
        return fail("mq_unlink()");
    }
    return {};
}

Result<QueueLimits> queue_limits(int queue) {
    mq_attr attributes{};
    if (::mq_getattr(queue, &attributes) != 0) {
        return fail("mq_getattr()");
    }
    return QueueLimits{.messages = attributes.mq_maxmsg, .message_bytes = attributes.mq_msgsize};
}

Result<Transfer> queue_send(int queue, std::span<const char> message, unsigned priority) {
    int result = 0;
    do {
        result = ::mq_send(queue, message.data(), message.size(), priority);
    } while (result < 0 && errno == EINTR);
    return moved(result < 0 ? -1 : static_cast<ssize_t>(message.size()), "mq_send()");
}

Result<Transfer> queue_receive(int queue, std::span<char> into, unsigned* priority) {
    ssize_t size = 0;
    do {
        size = ::mq_receive(queue, into.data(), into.size(), priority);
    } while (size < 0 && errno == EINTR);
    return moved(size, "mq_receive()");
}

}  // namespace sluice::sys
