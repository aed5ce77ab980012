// SPDX-License-Identifier: BSD-2-Clause
// Drain: the logger's core: from the lanes of its master's slots into the sinks. Errors go first.
// A lane's tail follows what lies in the sinks' backlogs, which outlive the process: a logger that is
// killed repeats lines rather than losing them. Knows nothing of processes; the tests run it on memfds
// and pipes.
// Runs in: logger.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "ipc/message.h"
#include "log/access_record.h"
#include "log/level.h"
#include "log/rate_limit.h"
#include "logger/error_line.h"
#include "logger/json_line.h"
#include "logger/path_files.h"
#include "logger/sink.h"
#include "shm/lane_reader.h"
#include "shm/shared_log.h"
#include "sys/unique_fd.h"

namespace sluice::logger {

class Drain {
  public:
    struct Options {
        pid_t keeper = 0;  ///< the master whose slots are drained
        pid_t own_pid = 0;
        Millis report_period{10'000};  ///< between two lines about drops, or about one sick sink
        int backlogs = -1;  ///< shm::Backlog::create_store(), which outlives this; -1: none is kept
    };

    Drain(shm::SharedLog region, const Options& options);

    /// Adds a sink, or gives one a new descriptor and new options.
    [[nodiscard]] Result<> open_sink(const ipc::SinkEntry& entry, sys::UniqueFd fd);
    /// Forgets a sink once it has written what it holds, or half a minute later, when the rest is
    /// lost and counted; lines for it that come later are unknown.
    void drop_sink(SinkId id);
    /// The end is near: buffers are not held any more.
    void stop_holding();

    /// Empties the lanes once, errors first, and writes. Gives the bytes it took out.
    [[nodiscard]] std::size_t turn(Millis now);

    /// Whether the last turn wrote lines to files that they name. Then the next one is not to wait
    /// for the end of a nap: whoever moves such a file away expects its lines in it.
    [[nodiscard]] bool wrote_path_files() const { return wrote_path_files_; }

    /// Asks to be woken by the next line; false, and nothing asked, where lines wait already.
    [[nodiscard]] bool fall_asleep();
    /// Takes the request back.
    void wake();

    /// Whether nothing is left in the lanes and every sink has written all it took.
    [[nodiscard]] bool is_settled();
    /// When turn() must look after a sink again, whatever the lanes bring; nothing: never.
    [[nodiscard]] std::optional<Millis> care_at(Millis now) const;
    /// Whether every sink that has not written all fails to: waiting will hardly help.
    [[nodiscard]] bool is_hopeless() const;
    /// Events for log_alert since the last call.
    [[nodiscard]] std::vector<ipc::Alert> take_alerts();
    /// Writes a line of the logger's own to the main level's error logs; where none was named, to
    /// where the master's error lines go. False where nothing took it.
    bool report(log::Level level, std::string_view text);

  private:
    struct SlotState {
        shm::LaneReader errors;
        shm::LaneReader access;
    };

    struct SinkState {
        SinkState(const ipc::SinkEntry& entry, const Options& options)
            : sink(entry.path, options.backlogs),
              failures(options.report_period),
              alerts(Millis(static_cast<std::int64_t>(entry.alert_pause_millis))),
              is_alert(entry.kind == ipc::SinkKind::Alert) {}

        Sink sink;
        std::unique_ptr<PathFiles> path_files;  ///< instead of the sink where lines name their files
        log::RateLimit failures;
        log::RateLimit alerts;
        bool is_alert = false;
        bool is_json = false;
        bool is_main = false;
        log::Level main_level = log::Level::Error;
        bool is_leaving = false;
        std::optional<Millis> gone_at;  ///< when a leaving one is given up
        std::uint64_t known_dropped = 0;
        int known_error = 0;
    };

    struct Pace {
        Millis now{};
        std::size_t write_at = 64 * 1024;  ///< a sink is written as soon as this much waits for it
    };

    /// What is to be told about lost lines.
    struct Losses {
        std::uint64_t in_lanes = 0;
        std::uint64_t in_sinks = 0;
        std::uint64_t unknown_sink = 0;
        std::uint64_t cut = 0;
        std::uint64_t resets = 0;

        [[nodiscard]] std::uint64_t all() const { return in_lanes + in_sinks + unknown_sink; }
    };

    void find_slots();
    std::size_t drain_lane(shm::LaneReader& lane, SlotId slot, const Pace& pace);
    void dispatch(const shm::Record& record, SlotId slot, Millis now);
    void take_error(SinkState& state, const shm::Record& record, SlotId slot, Millis now);
    bool write_event(SinkState& state, const ErrorEvent& event);
    void raise(SinkState& state, const ipc::Alert& alert, Millis now);
    void learn_main_sink(SinkId sink, pid_t writer);
    SinkState* sink_of(SinkId id);
    bool take_for_path(SinkState& state, const log::AccessRecord& record);
    void bury_leaving(Millis now);
    bool report_to(SinkState& state, log::Level level, std::string_view text);
    void flush_sinks(Millis now, std::size_t at_least);
    void settle(shm::LaneReader& lane);
    void tell_losses(Millis now);
    void count_losses(shm::LaneReader& lane);
    void count_losses(SinkState& state);
    void tell_sick_sinks(Millis now);
    template <class Visit>
    void each_lane(Visit&& visit);
    template <class Visit>
    void each_sink(Visit&& visit) const;

    shm::SharedLog region_;
    Options options_;
    ErrorLine error_line_;
    JsonLine json_line_;
    std::vector<std::unique_ptr<SlotState>> slots_;
    std::vector<std::unique_ptr<SinkState>> sinks_;  ///< by id; ids are small
    std::vector<ipc::Alert> alerts_;
    Losses losses_;
    std::size_t staged_for_paths_ = 0;  ///< bytes in PathFiles that are not written
    bool wrote_path_files_ = false;
    SinkId main_sink_{0};
    bool is_main_sink_certain_ = false;
    Millis next_report_{};
    bool has_reported_ = false;
};

}  // namespace sluice::logger
