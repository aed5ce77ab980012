// SPDX-License-Identifier: BSD-2-Clause
// ChunkLoader: keeps sendfile from waiting for a disk. Before a piece of a file is sent it is asked
// whether the page cache has it; where not, a thread of the pool reads it first. What is known to be
// there is believed for a second, so that hot files cost a look at a bit.
// Runs in: worker. Blocks: never; where the pool is full, sendfile may.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/list.h"
#include "base/units.h"
#include "event/loop.h"
#include "event/pool.h"

namespace sluice::modules {

struct OpenFile;
struct ChunkLoad;

/// A load's place among those of its file.
struct ChunkLoadLink : ListHook {
    ChunkLoad* load = nullptr;
};

/// What is known of one file's presence in the page cache. Owner: its OpenFile.
class Residency {
  public:
    static constexpr std::uint64_t kChunk = std::uint64_t{1} << 20U;

    explicit Residency(std::uint64_t size) : bits_(2 * ((size / kChunk + 64) / 64), 0) {}

    /// Forgets what is older than a second.
    void age(Millis now);
    [[nodiscard]] bool is_resident(std::uint64_t chunk) const { return has(2 * (chunk / 64), chunk); }
    /// Whether it was asked already and not all of it was there.
    [[nodiscard]] bool is_asked(std::uint64_t chunk) const { return has(2 * (chunk / 64) + 1, chunk); }
    void note(std::uint64_t chunk, bool is_resident) {
        bits_[2 * (chunk / 64) + (is_resident ? 0 : 1)] |= std::uint64_t{1} << (chunk % 64);
    }

    IntrusiveList<ChunkLoadLink> loads;  ///< under way; see ChunkLoader

  private:
    [[nodiscard]] bool has(std::size_t word, std::uint64_t chunk) const {
        return (bits_[word] >> (chunk % 64) & 1U) != 0;
    }

    Millis since_{};
    std::vector<std::uint64_t> bits_;
};

/// Somebody who waits for a piece. Destroying it ends the waiting.
struct ChunkWait : ListHook {
    void (*ready)(ChunkWait& self) = nullptr;  ///< called in the loop, once
};

/// A piece of a file that is to be sent.
struct ChunkRange {
    std::uint64_t first = 0;
    std::uint64_t size = 0;
    bool is_remembered = true;  ///< false: what is there now will not be in a moment (directio)
};

class ChunkLoader {
  public:
    ChunkLoader(event::Loop& loop, event::Pool& pool) : loop_(loop), pool_(pool) {}

    ChunkLoader(const ChunkLoader&) = delete;
    ChunkLoader& operator=(const ChunkLoader&) = delete;

    /// How many bytes from the range's start on may be sent without waiting; 0: none.
    [[nodiscard]] std::uint64_t sendable(OpenFile& file, const ChunkRange& range);
    /// Reads the range's first part in; `wait` is told, whether or not that worked. Gives how many
    /// bytes that part has; 0: the pool is full, nobody will be told. The file must stay pinned.
    [[nodiscard]] std::uint64_t load(OpenFile& file, const ChunkRange& range, ChunkWait& wait);

  private:
    [[nodiscard]] bool is_piece_sendable(OpenFile& file, const ChunkRange& piece);
    void finish(ChunkLoad& load);

    event::Loop& loop_;
    event::Pool& pool_;
};

}  // namespace sluice::modules
