// SPDX-License-Identifier: BSD-2-Clause
// Units and strong ids: durations, byte counts and the small numbers that name things, each a type
// of its own so that a listener's id is never taken for a slot's.
// Runs in: any.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace sluice {

/// A duration, or a reading of the monotonic clock (milliseconds since boot).
using Millis = std::chrono::duration<std::int64_t, std::milli>;
using Nanos = std::chrono::duration<std::int64_t, std::nano>;
/// Seconds since 1970 (wall clock), as HTTP dates and file times need them.
using UnixSeconds = std::chrono::duration<std::int64_t>;

/// A size in bytes that a person configured.
struct Bytes {
    std::uint64_t count = 0;
    friend auto operator<=>(const Bytes&, const Bytes&) = default;
};

template <class Tag, class Int>
struct StrongId {
    Int value{};
    friend auto operator<=>(const StrongId&, const StrongId&) = default;
};

/// Names one listening address for the master's whole life, across generations.
using ListenerId = StrongId<struct ListenerTag, std::uint32_t>;
/// Names one opened log destination for the master's whole life.
using SinkId = StrongId<struct SinkTag, std::uint16_t>;
/// Names what is counted of one server or location, across generations.
using SeriesId = StrongId<struct SeriesTag, std::uint16_t>;
/// Names one shared zone for the master's whole life: the same name, kind, size and shards.
using ZoneId = StrongId<struct ZoneTag, std::uint32_t>;
/// Names one worker's place in the shared slot table.
using SlotId = StrongId<struct SlotTag, std::uint16_t>;
/// Counts accepted configurations from 1.
using GenerationNumber = StrongId<struct GenerationTag, std::uint64_t>;

}  // namespace sluice

template <class Tag, class Int>
struct std::hash<sluice::StrongId<Tag, Int>> {
    std::size_t operator()(sluice::StrongId<Tag, Int> id) const noexcept {
        return std::hash<Int>{}(id.value);
    }
};
