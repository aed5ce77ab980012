// SPDX-License-Identifier: BSD-2-Clause
// LaneHistory: reads what a lane still holds, drained or not, while its writer goes on and perhaps
// overwrites it. It takes nothing from the logger and writes nothing; it copies, then asks the head
// again and forgets what may have been overwritten meanwhile.
// Runs in: any (the command line).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "shm/lane.h"

namespace sluice::shm {

/// One record of the past.
/// Lives: `body` until the next read().
struct PastRecord {
    RecordType type{};
    std::uint8_t level = 0;
    SinkId sink{};
    Millis wall{};
    std::string_view body;
};

class LaneHistory {
  public:
    explicit LaneHistory(const Lane& lane) : lane_(lane) {}

    /// Appends to `out`, oldest first, what was published since the last call; the first call goes
    /// back as far as the ring does. False where records in between were overwritten unseen.
    bool read(std::vector<PastRecord>& out);

    /// Whether read() would find anything.
    [[nodiscard]] bool has_news() const { return published_head() != position_; }

  private:
    [[nodiscard]] std::uint64_t published_head() const;
    [[nodiscard]] std::uint64_t oldest_sound(std::uint64_t head) const;
    [[nodiscard]] std::uint64_t first_start(std::uint64_t from, std::uint64_t head) const;
    void copy(std::uint64_t from, std::uint64_t head);
    void parse(std::uint64_t copied_from,
               std::uint64_t from,
               std::uint64_t head,
               std::vector<PastRecord>& out) const;

    Lane lane_;
    std::uint64_t position_ = 0;  ///< what was read ends here
    bool has_read_ = false;
    std::string bytes_;
};

}  // namespace sluice::shm
