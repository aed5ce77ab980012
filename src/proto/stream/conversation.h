// SPDX-License-Identifier: BSD-2-Clause
// Conversation: a handler that answers a client itself, byte stream to byte stream, without waiting
// for anybody: echo, kv. It owns its buffers; the wire only moves bytes between them and the client.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace sluice::stream {

/// Lives in the session, and is given back by a Holding of it.
class Conversation {
  public:
    /// Where the client's next bytes go. Empty: none are wanted before more of to_send() has gone.
    [[nodiscard]] virtual std::span<char> room() = 0;
    /// The first `count` bytes of room() have come. May change room(), to_send() and is_over().
    virtual void heard(std::size_t count) = 0;
    /// What the client is to get next; empty: nothing.
    /// Lives: until the next call.
    [[nodiscard]] virtual std::string_view to_send() = 0;
    /// `count` bytes of to_send() have gone.
    virtual void sent(std::size_t count) = 0;
    /// The connection ends when to_send() is empty.
    [[nodiscard]] virtual bool is_over() const = 0;

  protected:
    ~Conversation() = default;
};

}  // namespace sluice::stream
