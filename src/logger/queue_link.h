// SPDX-License-Identifier: BSD-2-Clause
// QueueLink: messages into a POSIX message queue, graver ones with a higher priority. A full queue
// is given a moment, for its reader may just be running; then messages are dropped until it has room.
// Runs in: logger (a thread of it).
#pragma once

#include <algorithm>

#include "log/escape.h"
#include "logger/message_link.h"
#include "sys/message_queue.h"

namespace sluice::logger {

class QueueLink final : public MessageLink {
  public:
    explicit QueueLink(sys::UniqueFd queue) { take(std::move(queue)); }

    Sent send(const Message& message) override {
        const std::string_view bytes = message.bytes.size() <= limit_
                                           ? message.bytes
                                           : log::cut_at_escape(message.bytes, limit_);
        constexpr unsigned kLeast = 7;
        const auto done =
            sys::queue_send(queue_.get(), bytes, kLeast - std::min<unsigned>(message.severity, kLeast));
        if (!done) {
            error_ = done.error().code;
            return Sent::Lost;
        }
        if (done->is_blocked) {
            return Sent::Blocked;
        }
        error_ = 0;
        return Sent::Whole;
    }

    int fd() const override { return queue_.get(); }

    int error() const override { return error_; }

    Millis patience() const override { return Millis{50}; }

    void reopen(sys::UniqueFd fd) override { take(std::move(fd)); }

  private:
    void take(sys::UniqueFd queue) {
        queue_ = std::move(queue);
        const auto limits = sys::queue_limits(queue_.get());
        limit_ = limits ? static_cast<std::size_t>(limits->message_bytes) : 0;
    }

    sys::UniqueFd queue_;
    std::size_t limit_ = 0;
    int error_ = 0;
};

}  // namespace sluice::logger
