// SPDX-License-Identifier: BSD-2-Clause
// MessageLink: where a MessageWriter's messages go: a syslog receiver (syslog_link) or a message
// queue (queue_link). Nothing here blocks; what cannot go on says what it waits for.
// Runs in: logger (a thread of it).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "sys/unique_fd.h"

namespace sluice::logger {

/// What became of one message.
enum class Sent : std::uint8_t {
    Whole,
    Blocked,  ///< wait for the descriptor, then send() the same message again
    Lost,     ///< it cannot be delivered; go on with the next
    Broken,   ///< no connection: keep the message, open() again later
};

/// A message and how urgent it is.
struct Message {
    std::string_view bytes;
    std::uint8_t severity = 0;  ///< as syslog counts: 0 is the gravest
};

class MessageLink {
  public:
    virtual ~MessageLink() = default;

    /// Sends, connecting first where it must. After Blocked the same message must follow.
    [[nodiscard]] virtual Sent send(const Message& message) = 0;
    /// The descriptor that Blocked waits for to become writable.
    [[nodiscard]] virtual int fd() const = 0;
    /// errno of the last Lost or Broken; 0 where all is well.
    [[nodiscard]] virtual int error() const = 0;

    /// Messages that proved to be lost after they were sent.
    [[nodiscard]] virtual std::uint64_t take_late_losses() { return 0; }

    /// How long Blocked may last before the messages that wait are given up; zero: for ever.
    [[nodiscard]] virtual Millis patience() const { return Millis::zero(); }

    /// Called before the first message of a batch: notices a peer that has gone.
    virtual void look() {}

    virtual void reopen(sys::UniqueFd) {}
};

}  // namespace sluice::logger
