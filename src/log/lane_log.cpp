// SPDX-License-Identifier: BSD-2-Clause
// A process's writing end of the log.
// Runs in: worker, master.
#include "log/lane_log.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "log/error_record.h"
#include "log/escape.h"
#include "sys/clock.h"
#include "sys/epoll.h"

namespace sluice::log {

LaneLog::LaneLog(const shm::SharedLog& region, SlotId slot, int wakeup)
    : errors_(region.errors_lane(slot)),
      access_(region.access_lane(slot)),
      slot_(&region.table().slot(slot)),
      wakeup_(wakeup) {}

std::span<char> LaneLog::begin_access(const AccessMeta& meta, std::size_t max) {
    prefix_ = access_prefix_bytes(meta);
    const std::span<char> room = access_.reserve(prefix_ + max);
    if (room.empty()) {
        // A full lane is news too: the logger must come and make room.
        has_news_ = true;
        return {};
    }
    encode_prefix(meta, room);
    return room.subspan(prefix_);
}

void LaneLog::commit_access(SinkId sink, std::size_t size, Millis wall) {
    access_.commit({.type = shm::RecordType::Access, .sink = sink, .wall = wall}, prefix_ + size);
    has_news_ = true;
}

void LaneLog::write_access(SinkId sink, std::string_view line, Millis wall) {
    constexpr std::size_t kMaxLine = shm::kMaxBodyBytes - sizeof(AccessHead);
    if (line.size() > kMaxLine) {
        line = cut_at_escape(line, kMaxLine);
        access_.count_cut();
    }
    if (const std::span<char> room = begin_access({}, line.size()); room.size() >= line.size()) {
        std::ranges::copy(line, room.begin());
        commit_access(sink, line.size(), wall);
    }
}

void LaneLog::write_error(SinkId sink, Level level, pid_t pid, std::string_view text) {
    constexpr std::size_t kMaxText = shm::kMaxBodyBytes - kErrorPrefixBytes;
    if (text.size() > kMaxText) {
        text = cut_at_escape(text, kMaxText);
        errors_.count_cut();
    }
    const std::span<char> room = errors_.reserve(kErrorPrefixBytes + text.size());
    // A full lane is news too: the logger must come and make room.
    has_news_ = true;
    if (room.empty()) {
        return;
    }
    encode({.pid = pid, .text = text}, room);
    errors_.commit({.type = shm::RecordType::Error,
                    .level = static_cast<std::uint8_t>(level),
                    .sink = sink,
                    .wall = sys::wall_now()},
                   room.size());
    awaited_.errors = errors_.head();
}

void LaneLog::flush_wakeups() {
    if (!has_news_) {
        return;
    }
    has_news_ = false;
    // A read-modify-write, not a load: it and the logger's own exchange are ordered one after the
    // other, so either we see its flag or it sees our head.
    const bool is_asleep = slot_->is_logger_asleep.exchange(0, std::memory_order_acq_rel) != 0;
    if (std::exchange(is_hurried_, false) || is_asleep) {
        // The eventfd can only fail where the logger has gone; the next one drains the lanes.
        static_cast<void>(sys::eventfd_signal(wakeup_));
    }
}

}  // namespace sluice::log
