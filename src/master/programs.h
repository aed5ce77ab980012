// SPDX-License-Identifier: BSD-2-Clause
// Programs: everything that the master runs for the log: pipelines, which live as long as their
// target is configured, and the commands of log_alert, which run once per event. One timer serves all.
// Runs in: master.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "event/loop.h"
#include "ipc/message.h"
#include "log/rate_limit.h"
#include "master/pipeline.h"
#include "sys/process.h"
#include "sys/unique_fd.h"

namespace sluice::master {

class Programs {
  public:
    /// Commands of log_alert that may run at one time; further events are counted.
    static constexpr std::size_t kMaxAlerts = 4;
    /// An alert's command that runs longer is killed.
    static constexpr Millis kAlertLimit{30'000};

    Programs() = default;
    ~Programs();
    Programs(const Programs&) = delete;
    Programs& operator=(const Programs&) = delete;

    /// Before the first start().
    void use_loop(event::Loop& loop);
    /// In the background programs must not hold on to the standard error of whoever started us.
    void keep_errors_from_programs(bool on);

    /// Prepares a pipeline; gives the descriptor that the logger writes to, which stays ours.
    [[nodiscard]] Result<int> open(SinkId id, const CommandLines& commands);
    /// Starts the pipelines that were opened and do not run yet.
    void start();
    /// Takes away a pipeline: one that runs sees the end of its input.
    void close(SinkId id);
    void close_all();
    void kill_all();

    /// Runs a log_alert command with the event on its standard input and in its environment.
    void raise(const CommandLines& commands, const ipc::Alert& alert);

    /// Takes note of a death; false where it was none of ours.
    bool bury(const sys::Death& death);

    /// Whether no pipeline is left, not even a closed one that still ends.
    [[nodiscard]] bool has_no_pipeline() const { return pipelines_.empty() && closing_.empty(); }

  private:
    struct Timer : event::Timer {
        Programs* programs = nullptr;
    };

    struct Running {
        pid_t pid = 0;
        Millis limit{};
    };

    [[nodiscard]] Result<pid_t> spawn_alert(const std::vector<std::string>& command,
                                            const ipc::Alert& alert) const;
    [[nodiscard]] int errors() const { return null_ ? null_.get() : 2; }

    void tick();
    void arm();
    template <class Visit>
    void each(Visit visit);

    event::Loop* loop_ = nullptr;
    sys::UniqueFd null_;  ///< in the background: the programs' standard error
    Timer timer_;
    std::map<SinkId, std::unique_ptr<Pipeline>> pipelines_;
    std::vector<std::unique_ptr<Pipeline>> closing_;
    std::vector<Running> alerts_;
    log::RateLimit busy_{Millis{10'000}};
};

}  // namespace sluice::master
