// SPDX-License-Identifier: BSD-2-Clause
// The board's life in the master.
// Runs in: master.
#include "master/counting.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/bug.h"
#include "sys/clock.h"
#include "sys/file.h"

namespace sluice::master {

namespace {

std::uint64_t now_in_seconds() {
    return static_cast<std::uint64_t>(std::chrono::floor<UnixSeconds>(sys::wall_now()).count());
}

}  // namespace

void Counting::inherit(sys::UniqueFd board) {
    if (!board.is_open()) {
        return;
    }
    if (Result<sys::UniqueFd> copy = sys::duplicate(board.get()); copy) {
        if (Result<metrics::Board> attached = metrics::Board::attach(std::move(*copy), schema_);
            attached) {
            board_.emplace(std::move(*attached));
            return;
        }
    }
    old_board_ = std::move(board);
}

std::optional<SeriesId> Counting::series(std::string_view name) {
    if (board_) {
        return board_->name_series(name);
    }
    auto at = std::ranges::find(names_, name);
    if (at == names_.end()) {
        if (names_.size() == metrics::kMaxSeries - metrics::kFirstSeries) {
            return std::nullopt;
        }
        at = names_.emplace(names_.end(), name);
    }
    return SeriesId{static_cast<std::uint16_t>(metrics::kFirstSeries +
                                               static_cast<std::size_t>(at - names_.begin()))};
}

Result<std::string> Counting::open(const shm::SharedLog& log, SlotId own) {
    std::string told;
    if (board_ && board_->slots() != log.slots()) {
        TRY(leave_board());
    }
    if (!board_) {
        TRY(make_board(log.slots()));
        if (old_board_.is_open()) {
            const Result<> carried = board_->carry_over(std::move(old_board_), own);
            told = carried ? "the statistics have another layout: counters of the same name are "
                             "taken over"
                           : "the statistics have another layout and begin anew";
        }
    }
    station_.emplace(*board_, log, own);
    board_->begin(own, log.table().info(own).epoch);
    rows_ = station_->counters(metrics::kMasterRows);
    rows_.set(metrics::MasterRow::Started, now_in_seconds());
    return told;
}

/// Every slot needs a lane: another board is made. The configuration that was read has the ids of
/// this one, so its names are kept in their order.
Result<> Counting::leave_board() {
    for (std::size_t i = metrics::kFirstSeries; i < metrics::kMaxSeries; ++i) {
        names_.emplace_back(board_->series_name(SeriesId{static_cast<std::uint16_t>(i)}));
    }
    while (!names_.empty() && names_.back().empty()) {
        names_.pop_back();
    }
    old_board_ = TRY(sys::duplicate(board_->fd()));
    board_.reset();
    return {};
}

Result<> Counting::make_board(std::size_t slots) {
    metrics::Board board = TRY(metrics::Board::create(slots, schema_));
    for (std::size_t i = 0; i < names_.size(); ++i) {
        const std::optional<SeriesId> id = board.name_series(names_[i]);
        BUG_UNLESS(id && id->value == i + metrics::kFirstSeries,
                   "a series has another id than workers were told");
    }
    names_.clear();
    board_.emplace(std::move(board));
    return {};
}

void Counting::note_generation(GenerationNumber generation) {
    rows_.set(metrics::MasterRow::Generation, generation.value);
}

void Counting::note_reload(bool is_accepted) {
    rows_.add(is_accepted ? metrics::MasterRow::ReloadsAccepted
                          : metrics::MasterRow::ReloadsRefused);
    rows_.set(metrics::MasterRow::LastReload, now_in_seconds());
    rows_.set(metrics::MasterRow::LastReloadAccepted, is_accepted ? 1 : 0);
}

}  // namespace sluice::master
