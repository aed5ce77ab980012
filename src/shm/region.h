// SPDX-License-Identifier: BSD-2-Clause
// RegionHeader: the first bytes of every shared region. Whoever maps a region checks that magic,
// kind, layout version and size are what this program would write, so that two binaries of one
// upgrade either agree about a region or leave it alone.
// Runs in: any.
#pragma once

#include <cstdint>

namespace sluice::shm {

inline constexpr std::uint64_t kRegionMagic = 0x6563'6975'6c73'0a01;

/// What a region holds.
enum class RegionKind : std::uint32_t { Log = 1, Metrics = 2, Zone = 3 };

/// Written once by the master before anybody else maps the region.
struct RegionHeader {
    std::uint64_t magic = 0;
    RegionKind kind{};
    std::uint32_t layout = 0;  ///< version of everything behind this header
    std::uint64_t size = 0;    ///< bytes of the whole region
    std::uint32_t slots = 0;   ///< workers that have a place in it; zones: shards
    std::uint32_t rows = 0;    ///< metrics: rows per slot; zones: bytes of a cell

    friend bool operator==(const RegionHeader&, const RegionHeader&) = default;
};

}  // namespace sluice::shm
