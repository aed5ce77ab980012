// SPDX-License-Identifier: BSD-2-Clause
// Body: the bytes of a reply, pulled by the wire when it can send. Demand starts at the wire, so
// back-pressure needs no second protocol.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/chain.h"

namespace sluice::http {

enum class Pull : std::uint8_t {
    More,    ///< ask again when what was put on the chain is sent; nothing was: in a while
    Later,   ///< nothing now; the body calls exchange.wake() exactly once, never inside pull()
    End,     ///< the last bytes are on the chain (perhaps none)
    Broken,  ///< the body cannot be completed; the wire must not end it as if it were whole
};

/// Owned by the exchange, placed in its arena. close() is called exactly once, when the exchange
/// ends, and releases what the body holds (pins, descriptors); no destructor runs.
class Body {
  public:
    /// Puts at most `max` bytes (file ranges count) on `out`. Memory put there stays valid until
    /// the next pull() or close().
    virtual Pull pull(net::Chain& out, std::size_t max) = 0;
    virtual void close() noexcept = 0;

    /// From the next pull() on only the `size` bytes from `first` on are given, then End. May be
    /// called again after End. False: this body gives everything in order and nothing twice.
    virtual bool select(std::uint64_t first, std::uint64_t size) {
        static_cast<void>(first);
        static_cast<void>(size);
        return false;
    }

    /// From the next pull() on only memory is given, for whoever has to look at the bytes. False:
    /// there is no room for that.
    virtual bool give_memory() { return true; }

  protected:
    ~Body() = default;
};

}  // namespace sluice::http
