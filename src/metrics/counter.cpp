// SPDX-License-Identifier: BSD-2-Clause
// The board of counters: a header, then one row of words per slot, each slot on cache lines of its
// own.
// Runs in: any.
#include "metrics/counter.h"

#include <cstring>

#include "shm/region.h"
#include "sys/file.h"

namespace sluice::metrics {

namespace {

using Cell = std::atomic<std::uint64_t>;

constexpr std::uint32_t kLayout = 1;
constexpr std::size_t kHeaderBytes = 64;
constexpr std::size_t kMaxCount = 65536;

std::size_t lane_bytes(std::size_t rows) {
    return (rows * sizeof(Cell) + 63) & ~std::size_t{63};
}

shm::RegionHeader expected_header(std::size_t slots, std::size_t rows) {
    return {.magic = shm::kRegionMagic,
            .kind = shm::RegionKind::Metrics,
            .layout = kLayout,
            .size = kHeaderBytes + slots * lane_bytes(rows),
            .slots = static_cast<std::uint32_t>(slots),
            .rows = static_cast<std::uint32_t>(rows)};
}

}  // namespace

Board::Board(sys::UniqueFd fd, sys::Mapping mapping, std::size_t slots, std::size_t rows)
    : fd_(std::move(fd)), mapping_(std::move(mapping)), slots_(slots), rows_(rows) {}

Result<Board> Board::create(std::size_t slots, std::size_t rows) {
    if (slots == 0 || rows == 0 || slots > kMaxCount || rows > kMaxCount) {
        return fail("metrics region", EINVAL);
    }
    const shm::RegionHeader header = expected_header(slots, rows);
    const auto size = static_cast<std::size_t>(header.size);
    sys::UniqueFd fd = TRY(sys::memfd("sluice-metrics", size));
    TRY(sys::seal_size(fd.get()));
    sys::Mapping mapping = TRY(sys::map_shared(fd.get(), size, true));
    std::memcpy(mapping.data(), &header, sizeof header);
    return Board(std::move(fd), std::move(mapping), slots, rows);
}

Result<Board> Board::attach(sys::UniqueFd fd, std::size_t rows) {
    const std::uint64_t size = TRY(sys::file_info(fd.get())).size;
    if (rows == 0 || rows > kMaxCount || size < kHeaderBytes) {
        return fail("metrics region", EPROTO);
    }
    const std::size_t slots = (static_cast<std::size_t>(size) - kHeaderBytes) / lane_bytes(rows);
    sys::Mapping mapping = TRY(sys::map_shared(fd.get(), static_cast<std::size_t>(size), true));
    shm::RegionHeader header;
    std::memcpy(&header, mapping.data(), sizeof header);
    if (slots == 0 || slots > kMaxCount || header != expected_header(slots, rows) ||
        header.size != size) {
        return fail("metrics region", EPROTO);
    }
    return Board(std::move(fd), std::move(mapping), slots, rows);
}

Lane Board::lane(SlotId slot) const {
    if (slot.value >= slots_) {
        return {};
    }
    char* const at = mapping_.bytes().data() + kHeaderBytes + slot.value * lane_bytes(rows_);
    return Lane({static_cast<Cell*>(static_cast<void*>(at)), rows_});
}

std::uint64_t Board::sum(std::size_t index) const {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < slots_; ++i) {
        out += lane(SlotId{static_cast<std::uint16_t>(i)}).value(index);
    }
    return out;
}

}  // namespace sluice::metrics
