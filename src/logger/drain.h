// SPDX-License-Identifier: BSD-2-Clause
// Drain: the logger's core: from the lanes of its master's slots into the sinks. Errors go first.
// A lane's tail follows only what its sinks have written, so a logger that is killed repeats lines
// rather than losing them. Knows nothing of processes; the tests run it on memfds and pipes.
// Runs in: logger.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "ipc/message.h"
#include "log/level.h"
#include "log/rate_limit.h"
#include "logger/error_line.h"
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
    };

    Drain(shm::SharedLog region, const Options& options);

    /// Adds a sink, or gives one a new descriptor.
    [[nodiscard]] Result<> open_sink(const ipc::SinkEntry& entry, sys::UniqueFd fd);

    /// Empties the lanes once, errors first, and writes. Gives the bytes it took out.
    [[nodiscard]] std::size_t turn(Millis now);

    /// Asks to be woken by the next line; false, and nothing asked, where lines wait already.
    [[nodiscard]] bool fall_asleep();
    /// Takes the request back.
    void wake();

    /// Whether nothing is left in the lanes and every sink has written all it took.
    [[nodiscard]] bool is_settled();
    /// Whether a sink has something that turn() must look after soon.
    [[nodiscard]] bool has_unsettled_sinks() const;
    /// Writes a line of the logger's own to where the master's error lines go (error_log of the
    /// main level); before the first one, to where any error line went. False where it was dropped.
    bool report(log::Level level, std::string_view text);

  private:
    /// Records from `start` to `end` are safe once `sink` has settled `ticket`.
    struct Pin {
        std::uint64_t start = 0;
        std::uint64_t end = 0;
        const Sink* sink = nullptr;
        std::uint64_t ticket = 0;
    };

    struct LaneState {
        shm::LaneReader reader;
        std::deque<Pin> pins;
    };

    struct SlotState {
        LaneState errors;
        LaneState access;
    };

    struct SinkState {
        explicit SinkState(const std::string& path, Millis period) : sink(path), failures(period) {}

        Sink sink;
        log::RateLimit failures;
        std::uint64_t known_dropped = 0;
        int known_error = 0;
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
    std::size_t drain_lane(LaneState& lane, Millis now);
    void dispatch(LaneState& lane, const shm::Record& record);
    void learn_main_sink(SinkId sink, pid_t writer);
    Sink* sink_of(SinkId id);
    void flush_sinks(Millis now, std::size_t at_least);
    void settle(LaneState& lane);
    void tell_losses(Millis now);
    void count_losses(LaneState& lane);
    void tell_sick_sinks(Millis now);
    template <class Visit>
    void each_lane(Visit&& visit);

    shm::SharedLog region_;
    Options options_;
    ErrorLine error_line_;
    std::vector<std::unique_ptr<SlotState>> slots_;
    std::map<SinkId, std::unique_ptr<SinkState>> sinks_;
    Losses losses_;
    SinkId main_sink_{0};
    bool is_main_sink_certain_ = false;
    Millis next_report_{};
    bool has_reported_ = false;
};

}  // namespace sluice::logger
