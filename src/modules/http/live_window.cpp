// SPDX-License-Identifier: BSD-2-Clause
// LiveWindow: filling, and who holds it back.
// Runs in: worker.
#include "modules/http/live_window.h"

#include <algorithm>

#include "base/bug.h"
#include "shm/shard_lock.h"
#include "shm/shared_log.h"
#include "shm/zone_tail.h"
#include "sys/splice.h"
#include "sys/truncate.h"

namespace sluice::modules {

namespace {

/// Room for the zone's own page, its shard head and the window's header.
constexpr std::uint64_t kHeaderRoom = kLiveSegment;
constexpr std::uint64_t kStampBytes = 256 * 1024;
constexpr std::size_t kStamps = 8192;
/// A worker that has not been heard of for so long holds nobody up.
constexpr Millis kSilence{2000};
constexpr Millis kLease{3000};

/// Where a segment ends in the file. Segments begin where huge pages would, and go as whole ones.
constexpr std::uint64_t end_of_segment(std::uint64_t segment) {
    return shm::kZoneTailEnd - segment * kLiveSegment;
}

constexpr std::uint64_t offset_of(std::uint64_t at) {
    return end_of_segment(at / kLiveSegment + 1) + at % kLiveSegment;
}

}  // namespace

/// A worker's viewers.
struct alignas(64) LiveWindow::Cell {
    std::atomic<std::uint32_t> epoch;  ///< of the slot that the cell is for
    std::atomic<std::uint32_t> viewers;
    std::atomic<std::uint32_t> ahead;
    std::atomic<std::uint64_t> floor;
    std::atomic<std::int64_t> heard;
};

/// When a part of the stream began to come.
struct LiveWindow::Stamp {
    std::atomic<std::int64_t> arrived;
    std::atomic<std::int64_t> waited;  ///< the stream's time of waiting at that moment
};

/// All zero in a fresh zone. Every word is whole at any moment, so that whoever dies with the lock
/// leaves nothing to mend: bytes count from when `end` says so.
struct LiveWindow::Head {
    std::uint32_t lock;
    std::atomic<std::uint32_t> used_cells;
    std::atomic<std::uint32_t> lease_slot;  ///< plus one; 0: nobody's
    std::atomic<std::uint32_t> lease_epoch;
    std::atomic<std::int64_t> lease_until;
    alignas(64) std::atomic<std::uint64_t> end;
    std::atomic<std::uint64_t> begin;
    std::atomic<std::uint64_t> segments_opened;  ///< the last of them may be written to
    std::atomic<std::int64_t> empty_since;   ///< the FIFO was found empty; 0: it was not
    std::atomic<std::int64_t> waited;        ///< how long it was empty in all
    std::atomic<std::uint64_t> dropped;
    std::array<Cell, shm::kMaxSlots> cells;
    std::array<Stamp, kStamps> stamps;
};

std::uint64_t live_zone_bytes(std::uint64_t window) {
    // One segment is being filled, one is for those who are being told that they are too slow.
    const std::uint64_t segments = (window + kLiveSegment - 1) / kLiveSegment + 2;
    return kHeaderRoom + segments * kLiveSegment;
}

LiveWindow::LiveWindow(shm::ZoneUser& zone, shm::SlotTable slots, SlotId slot)
    : zone_(nullptr), head_(nullptr), segments_(0), slots_(slots), slot_(slot) {
    use(zone);
}

void LiveWindow::use(shm::ZoneUser& zone) {
    static_assert(4096 + sizeof(shm::ShardHead) + 64 + sizeof(Head) <= kHeaderRoom);
    static_assert(kLargestLiveWindow + 4 * kLiveSegment <= kStamps * kStampBytes);
    zone_ = &zone;
    const std::size_t head_at = (sizeof(shm::ShardHead) + 63) / 64 * 64;
    head_ = static_cast<Head*>(static_cast<void*>(zone.zone().shard_base(0) + head_at));
    segments_ = (4096 + zone.zone().shape().bytes - kHeaderRoom) / kLiveSegment;
}

std::uint64_t LiveWindow::end() const {
    return head_->end.load(std::memory_order_acquire);
}

std::uint64_t LiveWindow::begin() const {
    return head_->begin.load(std::memory_order_acquire);
}

LiveWindow::Run LiveWindow::run_at(std::uint64_t at, std::size_t most) const {
    const std::uint64_t left = kLiveSegment - at % kLiveSegment;
    const std::uint64_t size = std::min({std::uint64_t{most}, end() - at, left});
    return {.fd = zone_->zone().fd(),
            .offset = static_cast<off_t>(offset_of(at)),
            .size = static_cast<std::size_t>(size)};
}

// ---- filling ----

LiveWindow::Fill LiveWindow::fill(int fifo, std::size_t budget, Millis now) {
    // Never waited for: whoever has it does our work, and we look again soon.
    if (shm::try_lock(head_->lock, zone_->owner()) == shm::Locked::Busy) {
        return {.outcome = Filled::Busy, .error = {}};
    }
    const Fill filled = fill_locked(fifo, budget, now);
    shm::unlock(head_->lock, zone_->owner());
    return filled;
}

LiveWindow::Fill LiveWindow::fill_locked(int fifo, std::size_t budget, Millis now) {
    Fill filled{.outcome = Filled::More, .error = {}};
    adopt_unpublished(now);
    while (filled.bytes < budget) {
        const std::uint64_t at = end();
        const std::uint64_t segment = at / kLiveSegment;
        if (const Result<bool> is_open = open_segment(segment, now); !is_open || !*is_open) {
            filled.outcome = Filled::Held;
            filled.error = is_open ? Error{} : is_open.error();
            return filled;
        }
        const std::uint64_t room = (segment + 1) * kLiveSegment - at;
        const std::size_t size =
            static_cast<std::size_t>(std::min<std::uint64_t>(room, budget - filled.bytes));
        const Result<sys::Transfer> moved = sys::splice(fifo, zone_->zone().fd(), size);
        if (!moved || moved->size == 0) {  // no writer, or one that has nothing now
            if (head_->empty_since.load(std::memory_order_relaxed) == 0) {
                head_->empty_since.store(now.count(), std::memory_order_relaxed);
            }
            filled.outcome = Filled::Empty;
            filled.error = moved ? Error{} : moved.error();
            return filled;
        }
        publish_bytes(at, moved->size, now);
        filled.bytes += moved->size;
    }
    return filled;
}

/// A worker that was killed between taking bytes from the FIFO and saying so left them behind the end,
/// and the file's position, which the kernel keeps, behind them.
void LiveWindow::adopt_unpublished(Millis now) {
    const std::uint64_t at = end();
    const Result<std::uint64_t> position = sys::position(zone_->zone().fd());
    if (!position || !is_open(at / kLiveSegment)) {
        return;
    }
    const std::uint64_t moved = *position - offset_of(at);
    if (moved > 0 && moved <= kLiveSegment - at % kLiveSegment) {
        publish_bytes(at, moved, now);
    }
}

void LiveWindow::publish_bytes(std::uint64_t at, std::uint64_t size, Millis now) {
    note_arrival(at, at + size, now);
    head_->end.store(at + size, std::memory_order_release);
}

bool LiveWindow::is_open(std::uint64_t segment) const {
    return head_->segments_opened.load(std::memory_order_relaxed) == segment + 1;
}

/// False: somebody still needs what the segment holds.
Result<bool> LiveWindow::open_segment(std::uint64_t segment, Millis now) {
    if (is_open(segment)) {
        return true;
    }
    const std::uint64_t kept = segment + 1 > segments_ ? segment + 1 - segments_ : 0;
    if (lowest_floor(now) < kept * kLiveSegment) {
        return false;
    }
    head_->begin.store(kept * kLiveSegment, std::memory_order_release);
    TRY(sys::truncate(zone_->zone().fd(), end_of_segment(kept)));
    TRY(sys::set_position(zone_->zone().fd(), end_of_segment(segment + 1)));
    head_->segments_opened.store(segment + 1, std::memory_order_relaxed);
    return true;
}

void LiveWindow::note_arrival(std::uint64_t from, std::uint64_t to, Millis now) {
    const std::int64_t since = head_->empty_since.exchange(0, std::memory_order_relaxed);
    if (since != 0) {
        head_->waited.fetch_add(std::max<std::int64_t>(now.count() - since, 0),
                                std::memory_order_relaxed);
    }
    const std::int64_t waited = head_->waited.load(std::memory_order_relaxed);
    for (std::uint64_t part = (from + kStampBytes - 1) / kStampBytes; part * kStampBytes < to; ++part) {
        Stamp& stamp = head_->stamps[part % kStamps];
        stamp.arrived.store(now.count(), std::memory_order_relaxed);
        stamp.waited.store(waited, std::memory_order_relaxed);
    }
}

Millis LiveWindow::waited_since(std::uint64_t at) const {
    const Stamp& stamp = head_->stamps[at / kStampBytes % kStamps];
    return Millis(head_->waited.load(std::memory_order_relaxed) -
                  stamp.waited.load(std::memory_order_relaxed));
}

Millis LiveWindow::arrival_of(std::uint64_t at) const {
    return Millis(head_->stamps[at / kStampBytes % kStamps].arrived.load(std::memory_order_relaxed));
}

// ---- workers ----

void LiveWindow::publish(const Crowd& crowd, Millis now) {
    Cell& cell = head_->cells[slot_.value];
    std::uint32_t used = head_->used_cells.load(std::memory_order_relaxed);
    while (used <= slot_.value &&
           !head_->used_cells.compare_exchange_weak(used, std::uint32_t{slot_.value} + 1)) {
    }
    cell.floor.store(crowd.floor, std::memory_order_relaxed);
    cell.ahead.store(crowd.ahead, std::memory_order_relaxed);
    cell.viewers.store(crowd.viewers, std::memory_order_relaxed);
    cell.heard.store(now.count(), std::memory_order_relaxed);
    cell.epoch.store(slots_.epoch_of(slot_), std::memory_order_release);
}

void LiveWindow::withdraw() {
    Cell& cell = head_->cells[slot_.value];
    cell.viewers.store(0, std::memory_order_relaxed);
    cell.floor.store(kNoFloor, std::memory_order_release);
}

std::uint64_t LiveWindow::lowest_floor(Millis now) const {
    std::uint64_t lowest = kNoFloor;
    const std::uint32_t used = head_->used_cells.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(used, shm::kMaxSlots); ++i) {
        const Cell& cell = head_->cells[i];
        const std::uint32_t epoch = cell.epoch.load(std::memory_order_acquire);
        const bool is_heard =
            cell.heard.load(std::memory_order_relaxed) + kSilence.count() > now.count();
        if (cell.viewers.load(std::memory_order_relaxed) > 0 && is_heard &&
            slots_.is_alive(i, epoch)) {
            lowest = std::min(lowest, cell.floor.load(std::memory_order_relaxed));
        }
    }
    return lowest;
}

std::uint64_t LiveWindow::sum(std::atomic<std::uint32_t> Cell::*fact) const {
    std::uint64_t sum = 0;
    const std::uint32_t used = head_->used_cells.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(used, shm::kMaxSlots); ++i) {
        const Cell& cell = head_->cells[i];
        const bool has_viewers = cell.viewers.load(std::memory_order_relaxed) > 0;
        if (has_viewers && slots_.is_alive(i, cell.epoch.load(std::memory_order_acquire))) {
            sum += (cell.*fact).load(std::memory_order_relaxed);
        }
    }
    return sum;
}

std::uint64_t LiveWindow::viewers() const {
    return sum(&Cell::viewers);
}

bool LiveWindow::is_somebody_ahead() const {
    return sum(&Cell::ahead) > 0;
}

bool LiveWindow::take_lease(Millis now) {
    if (shm::try_lock(head_->lock, zone_->owner()) == shm::Locked::Busy) {
        return false;
    }
    const std::uint32_t owner = head_->lease_slot.load(std::memory_order_relaxed);
    const std::uint32_t mine = std::uint32_t{slot_.value} + 1;
    const std::uint32_t epoch = head_->lease_epoch.load(std::memory_order_relaxed);
    const bool is_mine = owner == mine && epoch == slots_.epoch_of(slot_);
    const bool is_others = !is_mine && owner != 0 && slots_.is_alive(owner - 1, epoch) &&
                           head_->lease_until.load(std::memory_order_relaxed) > now.count();
    if (!is_others) {
        head_->lease_epoch.store(slots_.epoch_of(slot_), std::memory_order_relaxed);
        head_->lease_slot.store(mine, std::memory_order_relaxed);
        head_->lease_until.store((now + kLease).count(), std::memory_order_relaxed);
    }
    shm::unlock(head_->lock, zone_->owner());
    return !is_others;
}

void LiveWindow::drop_lease() {
    std::uint32_t mine = std::uint32_t{slot_.value} + 1;
    if (head_->lease_epoch.load(std::memory_order_relaxed) == slots_.epoch_of(slot_)) {
        static_cast<void>(head_->lease_slot.compare_exchange_strong(mine, 0));
    }
}

void LiveWindow::count_dropped() {
    head_->dropped.fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t LiveWindow::dropped() const {
    return head_->dropped.load(std::memory_order_relaxed);
}

}  // namespace sluice::modules
