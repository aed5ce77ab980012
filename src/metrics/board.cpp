// SPDX-License-Identifier: BSD-2-Clause
// The board's layout: header, names of rows, names of series, heads of lanes, then for each slot,
// page-aligned, the cells and the series. Only what is counted in costs memory.
// Runs in: any.
#include "metrics/board.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "shm/region.h"
#include "sys/file.h"

namespace sluice::metrics {

/// One name of a series. Two masters of an upgrade may add at the same time.
struct Board::SeriesEntry {
    static constexpr std::uint32_t kFree = 0;
    static constexpr std::uint32_t kClaimed = 1;
    static constexpr std::uint32_t kReady = 2;

    std::atomic<std::uint32_t> state{kFree};
    std::uint32_t size = 0;
    std::array<char, kSeriesNameRoom> text{};

    [[nodiscard]] std::string_view name() const {
        return {text.data(), std::min<std::size_t>(size, text.size())};
    }
};

struct Board::LaneHead {
    /// Not 0 once somebody has counted in the lane: the owner's epoch + 1.
    std::atomic<std::uint64_t> claim{0};
};

namespace {

// Of everything behind the header: raise it when Series, kMaxSeries or an offset changes.
constexpr std::uint32_t kLayout = 2;
constexpr std::size_t kHeaderBytes = 64;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kEntryBytes = 256;
constexpr std::size_t kHeadBytes = 8;
constexpr std::size_t kMaxCount = 65536;

constexpr std::size_t rounded(std::size_t size, std::size_t unit) {
    return (size + unit - 1) / unit * unit;
}

std::size_t names_at() {
    return kHeaderBytes;
}

std::size_t series_names_at(const Board::Shape& shape) {
    return names_at() + shape.rows * kRowNameRoom;
}

std::size_t heads_at(const Board::Shape& shape) {
    return series_names_at(shape) + kMaxSeries * kEntryBytes;
}

std::size_t cells_bytes(const Board::Shape& shape) {
    return rounded(shape.rows * sizeof(Cell), alignof(Series));
}

std::size_t lane_bytes(const Board::Shape& shape) {
    return rounded(cells_bytes(shape) + kMaxSeries * sizeof(Series), kPage);
}

std::size_t lane_at(const Board::Shape& shape, std::size_t slot) {
    return rounded(heads_at(shape) + shape.slots * kHeadBytes, kPage) + slot * lane_bytes(shape);
}

shm::RegionHeader expected_header(const Board::Shape& shape) {
    return {.magic = shm::kRegionMagic,
            .kind = shm::RegionKind::Metrics,
            .layout = kLayout,
            .size = lane_at(shape, shape.slots),
            .slots = static_cast<std::uint32_t>(shape.slots),
            .rows = static_cast<std::uint32_t>(shape.rows)};
}

bool is_sane(const Board::Shape& shape) {
    return shape.slots != 0 && shape.rows != 0 && shape.slots <= kMaxCount &&
           shape.rows <= kMaxCount;
}

std::size_t count_rows(Schema schema) {
    std::size_t out = 0;
    for (const Group* const group : schema) {
        out += group->rows.size();
    }
    return out;
}

/// FNV-1a: stable between programs, which std::hash need not be.
std::uint64_t checksum(std::string_view text) {
    std::uint64_t out = 0xcbf29ce484222325;
    for (const char c : text) {
        out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return out;
}

std::string shortened(std::string_view name) {
    if (name.size() <= Board::kSeriesNameRoom) {
        return std::string(name);
    }
    return fmt::format("{}#{:016x}", name.substr(0, Board::kSeriesNameRoom - 17), checksum(name));
}

}  // namespace

Board::Board(sys::UniqueFd fd, sys::Mapping mapping, Shape shape, Schema schema)
    : fd_(std::move(fd)), mapping_(std::move(mapping)), shape_(shape), schema_(schema) {}

Result<Board> Board::create(std::size_t slots, Schema schema) {
    static_assert(sizeof(SeriesEntry) == kEntryBytes && sizeof(LaneHead) == kHeadBytes);
    const Shape shape{.slots = slots, .rows = count_rows(schema)};
    if (!is_sane(shape)) {
        return fail("metrics region", EINVAL);
    }
    const shm::RegionHeader header = expected_header(shape);
    const auto size = static_cast<std::size_t>(header.size);
    sys::UniqueFd fd = TRY(sys::memfd("sluice-metrics", size));
    TRY(sys::seal_size(fd.get()));
    sys::Mapping mapping = TRY(sys::map_shared(fd.get(), size, true));
    Board out(std::move(fd), std::move(mapping), shape, schema);
    char* name = out.at<char>(names_at());
    for (const Group* const group : schema) {
        for (const Row& row : group->rows) {
            row.name.copy(name, kRowNameRoom - 1);
            name += kRowNameRoom;
        }
    }
    std::memcpy(out.mapping_.data(), &header, sizeof header);
    return out;
}

/// A board of this layout with whatever rows.
Result<Board> Board::map(sys::UniqueFd fd) {
    const std::uint64_t size = TRY(sys::file_info(fd.get())).size;
    if (size < kPage) {
        return fail("metrics region", EPROTO);
    }
    shm::RegionHeader header;
    {
        const sys::Mapping first = TRY(sys::map_shared(fd.get(), kPage, false));
        std::memcpy(&header, first.data(), sizeof header);
    }
    const Shape shape{.slots = header.slots, .rows = header.rows};
    if (!is_sane(shape) || header != expected_header(shape) || header.size != size) {
        return fail("metrics region", EPROTO);
    }
    sys::Mapping mapping = TRY(sys::map_shared(fd.get(), static_cast<std::size_t>(size), true));
    return Board(std::move(fd), std::move(mapping), shape, {});
}

Result<Board> Board::attach(sys::UniqueFd fd, Schema schema) {
    Board out = TRY(map(std::move(fd)));
    if (!out.has_rows_of(schema)) {
        return fail("metrics region", EPROTO);
    }
    out.schema_ = schema;
    return out;
}

bool Board::has_rows_of(Schema schema) const {
    if (count_rows(schema) != shape_.rows) {
        return false;
    }
    std::size_t index = 0;
    for (const Group* const group : schema) {
        for (const Row& row : group->rows) {
            if (row_name(index++) != row.name.substr(0, kRowNameRoom - 1)) {
                return false;
            }
        }
    }
    return true;
}

std::string_view Board::row_name(std::size_t row) const {
    const std::string_view room(at<char>(names_at() + row * kRowNameRoom), kRowNameRoom);
    return room.substr(0, room.find('\0'));
}

Result<> Board::carry_over(sys::UniqueFd fd, SlotId slot) {
    const Board old = TRY(map(std::move(fd)));
    for (const Group* const group : schema_) {
        const std::span<Cell> mine = cells(slot, *group);
        for (std::size_t i = 0; i < mine.size(); ++i) {
            if (group->rows[i].kind == RowKind::Counter) {
                bump(mine[i], old.sum_named(group->rows[i].name));
            }
        }
    }
    const std::span<Series> mine = series(slot);
    for (std::size_t i = 0; i < mine.size(); ++i) {
        const SeriesEntry& entry = old.series_names()[i];
        const bool is_named = entry.state.load(std::memory_order_acquire) == SeriesEntry::kReady;
        const SeriesId from{static_cast<std::uint16_t>(i)};
        std::optional<SeriesId> to = i < kFirstSeries ? std::optional(from) : std::nullopt;
        if (is_named) {
            to = name_series(entry.name());
        }
        if (to) {
            old.sum_series(from, mine[to->value]);
        }
    }
    return {};
}

std::uint64_t Board::sum_named(std::string_view name) const {
    std::uint64_t out = 0;
    for (std::size_t row = 0; row < shape_.rows; ++row) {
        if (row_name(row) != name) {
            continue;
        }
        for (std::size_t i = 0; i < shape_.slots; ++i) {
            const SlotId slot{static_cast<std::uint16_t>(i)};
            out += epoch(slot) ? all_cells(slot)[row].load(std::memory_order_relaxed) : 0;
        }
    }
    return out;
}

void Board::begin(SlotId slot, std::uint32_t epoch) {
    if (slot.value >= shape_.slots) {
        return;
    }
    for (const Group* const group : schema_) {
        const std::span<Cell> mine = cells(slot, *group);
        for (std::size_t i = 0; i < mine.size(); ++i) {
            if (group->rows[i].kind != RowKind::Counter) {
                mine[i].store(0, std::memory_order_relaxed);
            }
        }
    }
    lane_heads()[slot.value].claim.store(std::uint64_t{epoch} + 1, std::memory_order_release);
}

std::optional<std::uint32_t> Board::epoch(SlotId slot) const {
    const std::uint64_t claim =
        slot.value < shape_.slots ? lane_heads()[slot.value].claim.load(std::memory_order_acquire)
                                  : 0;
    return claim == 0 ? std::nullopt : std::optional(static_cast<std::uint32_t>(claim - 1));
}

std::span<Cell> Board::cells(SlotId slot, const Group& group) const {
    std::size_t first = 0;
    for (const Group* const one : schema_) {
        if (one == &group) {
            const std::span<Cell> all = all_cells(slot);
            return all.empty() ? all : all.subspan(first, group.rows.size());
        }
        first += one->rows.size();
    }
    return {};
}

std::uint64_t Board::sum(const Group& group, std::size_t row) const {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < shape_.slots; ++i) {
        const SlotId slot{static_cast<std::uint16_t>(i)};
        if (!epoch(slot)) {
            continue;  // looking into a lane that nobody used would give it memory
        }
        const std::span<Cell> lane = cells(slot, group);
        out += row < lane.size() ? lane[row].load(std::memory_order_relaxed) : 0;
    }
    return out;
}

void Board::sum_series(SeriesId id, Series& out) const {
    for (std::size_t i = 0; i < shape_.slots; ++i) {
        const SlotId slot{static_cast<std::uint16_t>(i)};
        if (id.value < kMaxSeries && epoch(slot)) {
            out.add(series(slot)[id.value]);
        }
    }
}

std::optional<SeriesId> Board::name_series(std::string_view name) {
    const std::string text = shortened(name);
    for (std::size_t i = kFirstSeries; i < kMaxSeries; ++i) {
        SeriesEntry& entry = series_names()[i];
        std::uint32_t state = entry.state.load(std::memory_order_acquire);
        if (state == SeriesEntry::kFree &&
            entry.state.compare_exchange_strong(state, SeriesEntry::kClaimed,
                                                std::memory_order_acq_rel)) {
            text.copy(entry.text.data(), entry.text.size());
            entry.size = static_cast<std::uint32_t>(text.size());
            state = SeriesEntry::kReady;
            entry.state.store(state, std::memory_order_release);
        }
        // One that another master is just writing is passed over: the same name may then have two
        // ids for a while, which only splits its counts between the two masters.
        if (state == SeriesEntry::kReady && entry.name() == text) {
            return SeriesId{static_cast<std::uint16_t>(i)};
        }
    }
    return std::nullopt;
}

std::string_view Board::series_name(SeriesId id) const {
    if (id.value >= kMaxSeries) {
        return {};
    }
    const SeriesEntry& entry = series_names()[id.value];
    const bool is_named = entry.state.load(std::memory_order_acquire) == SeriesEntry::kReady;
    return is_named ? entry.name() : std::string_view();
}

std::span<Series> Board::series(SlotId slot) const {
    if (slot.value >= shape_.slots) {
        return {};
    }
    return {at<Series>(lane_at(shape_, slot.value) + cells_bytes(shape_)), kMaxSeries};
}

std::span<Board::SeriesEntry> Board::series_names() const {
    return {at<SeriesEntry>(series_names_at(shape_)), kMaxSeries};
}

std::span<Board::LaneHead> Board::lane_heads() const {
    return {at<LaneHead>(heads_at(shape_)), shape_.slots};
}

std::span<Cell> Board::all_cells(SlotId slot) const {
    if (slot.value >= shape_.slots) {
        return {};
    }
    return {at<Cell>(lane_at(shape_, slot.value)), shape_.rows};
}

}  // namespace sluice::metrics
