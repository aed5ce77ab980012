// SPDX-License-Identifier: BSD-2-Clause
// LiveWindow: the last bytes of one FIFO, in a shared zone that all workers map. Whichever worker
// finds bytes in the FIFO splices them in; every worker sends its viewers from there, each viewer at
// its own place. A place in the stream is a number that only grows.
//
//     zone  ┌ header: end, cells of workers, stamps ┬ nothing yet … ┬ 2 MiB: segment n ┬ … ┬ n-3 ┐ end
//
// Segments lie downwards in the zone's tail, and the oldest go by making the file shorter. So no place
// in the file is ever filled twice. Whoever comes too late, in whichever way and however long it stood
// still before sendfile, finds the file's end there instead of other bytes; and what sockets hold of
// pages that are gone stays as it was sent. The file's position, which all workers share and the kernel
// moves on, tells what a worker took from the FIFO that was killed before it could say so.
// Runs in: worker.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "shm/slot_table.h"
#include "shm/zone_user.h"

namespace sluice::modules {

/// The zone's kind; it has one shard, whose memory is the window's header, and a tail for the bytes.
inline constexpr shm::ZoneKind kLiveZone{.name = "live",
                                         .layout = 2,
                                         .cell_bytes = 0,
                                         .unsaved_because = "its bytes are of the moment"};

inline constexpr std::uint64_t kLiveSegment = std::uint64_t{2} << 20;
inline constexpr std::uint64_t kLargestLiveWindow = std::uint64_t{1} << 30;

/// Bytes of a zone for viewers who may be `window` bytes behind.
[[nodiscard]] std::uint64_t live_zone_bytes(std::uint64_t window);

class LiveWindow {
  public:
    /// `zone` outlives it or is replaced by use(); `slots` tells which workers live, `slot` is ours.
    LiveWindow(shm::ZoneUser& zone, shm::SlotTable slots, SlotId slot);

    /// The same zone as a later generation maps it.
    void use(shm::ZoneUser& zone);

    /// Bytes that ever came.
    [[nodiscard]] std::uint64_t end() const;
    /// The first byte that is still there.
    [[nodiscard]] std::uint64_t begin() const;

    /// A run of bytes as the zone's descriptor has it. Lives: once begin() has passed it, the file
    /// ends before it.
    struct Run {
        int fd = -1;
        off_t offset = 0;
        std::size_t size = 0;
    };

    /// Up to `most` bytes from `at` on, which lies between begin() and end().
    [[nodiscard]] Run run_at(std::uint64_t at, std::size_t most) const;

    enum class Filled : std::uint8_t {
        Empty,  ///< the FIFO has nothing more
        More,   ///< the budget is used up
        Held,   ///< viewers have to take their bytes first
        Busy,   ///< another worker is at it
    };

    struct Fill {
        Filled outcome = Filled::Empty;
        std::size_t bytes = 0;
        Error error;  ///< of a FIFO that cannot be read: then Empty
    };

    /// Moves what the FIFO has into the window, at most `budget` bytes. Never waits. A worker that is
    /// stopped inside keeps the stream where it is until it goes on or dies: nobody else has what it
    /// took from the FIFO.
    [[nodiscard]] Fill fill(int fifo, std::size_t budget, Millis now);

    static constexpr std::uint64_t kNoFloor = UINT64_MAX;

    /// One worker's viewers.
    struct Crowd {
        std::uint32_t viewers = 0;
        std::uint32_t ahead = 0;         ///< less than half the window behind
        std::uint64_t floor = kNoFloor;  ///< first byte that any of them still needs
    };

    /// What this worker's viewers still need is kept.
    void publish(const Crowd& crowd, Millis now);
    /// No more of this worker's viewers count.
    void withdraw();

    /// Whether any worker has viewers that could go on.
    [[nodiscard]] bool is_somebody_ahead() const;

    /// How long the FIFO was empty in all between the byte at `at` and the last one.
    [[nodiscard]] Millis waited_since(std::uint64_t at) const;
    /// When that byte came.
    [[nodiscard]] Millis arrival_of(std::uint64_t at) const;

    /// Makes this worker the one that empties the FIFO while nobody watches, unless another is.
    [[nodiscard]] bool take_lease(Millis now);
    void drop_lease();

    void count_dropped();
    [[nodiscard]] std::uint64_t dropped() const;
    /// Of all living workers.
    [[nodiscard]] std::uint64_t viewers() const;

  private:
    struct Cell;
    struct Stamp;
    struct Head;

    [[nodiscard]] std::uint64_t sum(std::atomic<std::uint32_t> Cell::*fact) const;
    [[nodiscard]] std::uint64_t lowest_floor(Millis now) const;
    [[nodiscard]] Result<bool> open_segment(std::uint64_t segment, Millis now);
    [[nodiscard]] Fill fill_locked(int fifo, std::size_t budget, Millis now);
    [[nodiscard]] bool is_open(std::uint64_t segment) const;
    void adopt_unpublished(Millis now);
    void publish_bytes(std::uint64_t at, std::uint64_t size, Millis now);
    void note_arrival(std::uint64_t from, std::uint64_t to, Millis now);

    shm::ZoneUser* zone_;
    Head* head_;
    std::uint64_t segments_;
    shm::SlotTable slots_;
    SlotId slot_;
};

}  // namespace sluice::modules
