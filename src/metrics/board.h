// SPDX-License-Identifier: BSD-2-Clause
// Board: all counters of a server in one memfd that the master owns. Every slot has a lane: the cells
// of the rows and a row of Series. A lane is written by its slot's owner and read by anybody, and it
// outlives its owner: reload, respawn and upgrade lose nothing.
// Runs in: any.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "metrics/cell.h"
#include "metrics/row.h"
#include "metrics/series.h"
#include "sys/memory.h"
#include "sys/unique_fd.h"

namespace sluice::metrics {

class Board {
  public:
    /// A new board. `schema` must outlive it.
    /// Fails: EINVAL where there is no slot or no row.
    [[nodiscard]] static Result<Board> create(std::size_t slots, Schema schema);
    /// Maps another process's board; takes `fd`.
    /// Fails: EPROTO where header, layout, size or the rows' names are not this program's.
    [[nodiscard]] static Result<Board> attach(sys::UniqueFd fd, Schema schema);

    /// Adds what a board of other rows or other size counted to the lane of `slot`, which nobody
    /// counts in yet: rows and series of the same name.
    /// Fails: EPROTO where `fd` is no board of this layout.
    [[nodiscard]] Result<> carry_over(sys::UniqueFd fd, SlotId slot);

    /// A new owner begins to count in a slot: its gauges and facts are 0 again, and readers believe
    /// them while the slot's epoch is `epoch`.
    void begin(SlotId slot, std::uint32_t epoch);
    /// The epoch of begin(); nothing where nobody ever counted in that slot.
    [[nodiscard]] std::optional<std::uint32_t> epoch(SlotId slot) const;

    /// The cells of `group` in a slot; without effect where the group is none of the schema's.
    template <class Enum>
    [[nodiscard]] Counters<Enum> counters(SlotId slot, const GroupOf<Enum>& group) const {
        return Counters<Enum>(cells(slot, group));
    }

    [[nodiscard]] std::span<Cell> cells(SlotId slot, const Group& group) const;

    /// A counter over all slots.
    [[nodiscard]] std::uint64_t sum(const Group& group, std::size_t row) const;

    /// The series of a slot, indexed by SeriesId; empty where there is no such slot.
    [[nodiscard]] std::span<Series> series(SlotId slot) const;
    /// Adds a series of all slots to `out`.
    void sum_series(SeriesId id, Series& out) const;
    /// The id of the series of that name, now and for the board's life; longer names than
    /// kSeriesNameRoom are told apart by a checksum. Nothing: no id is left. Only masters call it.
    [[nodiscard]] std::optional<SeriesId> name_series(std::string_view name);

    /// The name behind an id; empty where it has none.
    [[nodiscard]] std::string_view series_name(SeriesId id) const;

    static constexpr std::size_t kSeriesNameRoom = 248;

    [[nodiscard]] int fd() const { return fd_.get(); }

    [[nodiscard]] std::size_t slots() const { return shape_.slots; }

    [[nodiscard]] Schema schema() const { return schema_; }

    /// Counts of a board's parts; with the layout number they decide every offset.
    struct Shape {
        std::size_t slots = 0;
        std::size_t rows = 0;
    };

  private:
    struct SeriesEntry;
    struct LaneHead;

    Board(sys::UniqueFd fd, sys::Mapping mapping, Shape shape, Schema schema);

    [[nodiscard]] static Result<Board> map(sys::UniqueFd fd);
    [[nodiscard]] std::string_view row_name(std::size_t row) const;
    [[nodiscard]] bool has_rows_of(Schema schema) const;
    [[nodiscard]] std::uint64_t sum_named(std::string_view name) const;
    [[nodiscard]] std::span<SeriesEntry> series_names() const;
    [[nodiscard]] std::span<LaneHead> lane_heads() const;
    [[nodiscard]] std::span<Cell> all_cells(SlotId slot) const;

    template <class T>
    [[nodiscard]] T* at(std::size_t offset) const {
        return static_cast<T*>(static_cast<void*>(mapping_.bytes().data() + offset));
    }

    sys::UniqueFd fd_;
    sys::Mapping mapping_;
    Shape shape_;
    Schema schema_;
};

}  // namespace sluice::metrics
