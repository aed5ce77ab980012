// SPDX-License-Identifier: BSD-2-Clause
// The chain writer: the only place that chooses how bytes leave. Memory alone goes in one send or
// writev; memory before a file goes with MSG_MORE, so that head and first file bytes share a
// packet, and the file by sendfile.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "net/chain.h"

namespace sluice::net {

/// What one call of write_chain did.
struct Written {
    enum class Outcome : std::uint8_t {
        Done,     ///< the chain is empty
        Blocked,  ///< the socket takes no more; an EPOLLOUT edge will come
        Yield,    ///< the budget is spent; no edge will come: call again in another turn
        Short,    ///< a file ended before its piece did: the reply cannot be completed
        Broken,   ///< the connection or the file failed, see `error`
    };

    Outcome outcome = Outcome::Done;
    std::size_t bytes = 0;  ///< sent by this call, whatever the outcome
    Error error;            ///< for Broken
};

/// What becomes of memory that stands before a file.
enum class Corking : std::uint8_t {
    On,   ///< it waits for the file's first bytes, so that packets are full
    Off,  ///< it leaves at once
};

/// So that one fast reader cannot keep the loop to itself.
inline constexpr std::size_t kWriteBudget = std::size_t{1} << 20;

/// Sends from `chain` into the non-blocking socket `fd` until one of Written::Outcome holds; what
/// was sent is taken off the chain.
[[nodiscard]] Written write_chain(int fd,
                                  Chain& chain,
                                  std::size_t budget = kWriteBudget,
                                  Corking corking = Corking::On);

}  // namespace sluice::net
