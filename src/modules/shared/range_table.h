// SPDX-License-Identifier: BSD-2-Clause
// RangeTable: which number belongs to an address. Ranges are painted one over the other while the
// configuration is read; what is left are disjoint stretches, found by one binary search.
// Runs in: any (build), worker (find).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>

#include "base/arena.h"

namespace sluice::modules {

/// `Key` is ordered and has `next`, see KeyV4 and KeyV6 in geo.cpp.
template <class Key>
struct RangeTable {
    std::span<const Key> starts;  ///< sorted; the first is the lowest key
    std::span<const std::uint32_t> numbers;

    /// Needs a table that was built.
    [[nodiscard]] std::uint32_t find(const Key& key) const {
        const auto above = std::upper_bound(starts.begin(), starts.end(), key);
        return numbers[static_cast<std::size_t>(above - starts.begin()) - 1];
    }
};

/// Lives: only while the configuration is read.
template <class Key>
class RangePainter {
  public:
    /// Everything has `number` at first.
    explicit RangePainter(std::uint32_t number) { stretches_.emplace(Key{}, number); }

    /// Gives `first`…`last` a number; `first` is not above `last`.
    void paint(const Key& first, const Key& last, std::uint32_t number) {
        Key behind{};
        const bool has_behind = next(last, behind);
        if (has_behind && !stretches_.contains(behind)) {
            stretches_.emplace(behind, std::prev(stretches_.upper_bound(behind))->second);
        }
        const auto end = has_behind ? stretches_.find(behind) : stretches_.end();
        stretches_.erase(stretches_.lower_bound(first), end);
        stretches_.emplace(first, number);
    }

    /// False: the arena is full.
    [[nodiscard]] bool build(Arena& arena, RangeTable<Key>& out) const {
        const auto starts = arena.make_span<Key>(stretches_.size());
        const auto numbers = arena.make_span<std::uint32_t>(stretches_.size());
        if (starts.empty() || numbers.empty()) {
            return false;
        }
        std::size_t i = 0;
        for (const auto& [start, number] : stretches_) {
            starts[i] = start;
            numbers[i++] = number;
        }
        out = {starts, numbers};
        return true;
    }

  private:
    std::map<Key, std::uint32_t> stretches_;
};

}  // namespace sluice::modules
