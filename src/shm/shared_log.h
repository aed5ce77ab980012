// SPDX-License-Identifier: BSD-2-Clause
// SharedLog: one memfd that holds the slot table and two lanes per slot. The master creates it
// before it forks anybody; workers and the logger map the same descriptor.
// Runs in: any.
#pragma once

#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/units.h"
#include "shm/lane.h"
#include "shm/slot_table.h"
#include "sys/memory.h"
#include "sys/unique_fd.h"

namespace sluice::shm {

inline constexpr std::size_t kErrorsLaneBytes = 256 * 1024;
inline constexpr std::size_t kAccessLaneBytes = 1024 * 1024;
inline constexpr std::size_t kMaxSlots = 2048;

class SharedLog {
  public:
    /// A new region for `slots` owners (1 … kMaxSlots); its descriptor is fd(). Memory is taken
    /// from the kernel only as lanes are used.
    [[nodiscard]] static Result<SharedLog> create(std::size_t slots);
    /// Maps a region that another process created; takes `fd`.
    /// Fails: EPROTO where header or size are not this program's.
    [[nodiscard]] static Result<SharedLog> attach(sys::UniqueFd fd) {
        return attach(std::move(fd), true);
    }

    /// The same for a descriptor that allows no writing: LaneHistory only reads.
    [[nodiscard]] static Result<SharedLog> attach_read_only(sys::UniqueFd fd) {
        return attach(std::move(fd), false);
    }

    [[nodiscard]] int fd() const { return fd_.get(); }

    [[nodiscard]] std::size_t slots() const { return slots_; }

    [[nodiscard]] SlotTable table() const;
    [[nodiscard]] Lane errors_lane(SlotId id) const;
    [[nodiscard]] Lane access_lane(SlotId id) const;

  private:
    [[nodiscard]] static Result<SharedLog> attach(sys::UniqueFd fd, bool is_writable);
    SharedLog(sys::UniqueFd fd, sys::Mapping mapping, std::size_t slots);

    sys::UniqueFd fd_;
    sys::Mapping mapping_;
    std::size_t slots_ = 0;
};

}  // namespace sluice::shm
