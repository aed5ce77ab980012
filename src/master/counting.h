// SPDX-License-Identifier: BSD-2-Clause
// Counting: the master's keeping of the statistics: whose names series have, the board that all
// workers count on, and what the master itself has to tell there.
// Runs in: master; names only in the command line.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "metrics/process_rows.h"
#include "metrics/station.h"
#include "sys/unique_fd.h"

namespace sluice::master {

class Counting {
  public:
    explicit Counting(metrics::Schema schema) : schema_(schema) {}

    /// The board of the master that started us, before the first configuration is read, so that
    /// known names keep their ids. One of another layout is kept for open().
    void inherit(sys::UniqueFd board);
    /// The id of a series; nothing where none is left. Before open() names are only remembered.
    [[nodiscard]] std::optional<SeriesId> series(std::string_view name);

    /// Makes sure that there is a board for every slot of `log`, and begins to count as `own`.
    /// Gives a line for the log where counts could not be taken over as they were.
    [[nodiscard]] Result<std::string> open(const shm::SharedLog& log, SlotId own);

    [[nodiscard]] int fd() const { return board_->fd(); }

    [[nodiscard]] const metrics::Station& station() const { return *station_; }

    /// The generation that serves.
    void note_generation(GenerationNumber generation);
    void note_reload(bool is_accepted);
    void note_worker_restart() { rows_.add(metrics::MasterRow::WorkerRestarts); }

  private:
    [[nodiscard]] Result<> leave_board();
    [[nodiscard]] Result<> make_board(std::size_t slots);

    metrics::Schema schema_;
    std::optional<metrics::Board> board_;
    std::optional<metrics::Station> station_;
    metrics::Counters<metrics::MasterRow> rows_;
    sys::UniqueFd old_board_;         ///< inherited, of another layout
    std::vector<std::string> names_;  ///< in the order of their ids, until there is a board
};

}  // namespace sluice::master
