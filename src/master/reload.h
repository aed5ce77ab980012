// SPDX-License-Identifier: BSD-2-Clause
// Reload: the transaction that replaces the running configuration, as a state machine that knows
// nothing of processes and sockets: what it wants done goes through a ReloadPort, what happened
// comes in as events. So every order of events can be tested.
//
//     Idle → Reading → Opening → Canary → Preparing ─┬→ Committing → Retiring → Idle
//              └─────────┴─────────┴──────────┴ roll back → Idle
//
// The decision point is the step from Preparing to Committing: before it every failure rolls back
// and the running generation never notices; after it nothing does.
// Runs in: master.
#pragma once

#include <cstdint>
#include <expected>
#include <set>
#include <string>

#include "base/units.h"

namespace sluice::master {

/// Names one child for the master's life; never used twice.
using ChildId = StrongId<struct ChildTag, std::uint64_t>;

/// How a reload reaches the workers.
enum class ReloadMode : std::uint8_t {
    InPlace,  ///< living workers adopt the generation
    Replace,  ///< new workers are Ready before the old ones retire
};

/// How one reload ended.
struct ReloadOutcome {
    std::uint64_t run = 0;  ///< which run, see Reload::next_run()
    bool is_accepted = false;
    GenerationNumber generation;  ///< the one that is current now
    std::string text;             ///< why it was refused
};

/// What the machine orders. None of these may call back into the machine.
class ReloadPort {
  public:
    template <class T>
    using Outcome = std::expected<T, std::string>;

    virtual ~ReloadPort() = default;
    /// Reads and compiles the configuration as the candidate `number`.
    virtual Outcome<ReloadMode> read(GenerationNumber number) = 0;
    /// Opens listeners and logs that only the candidate needs.
    virtual Outcome<void> open_resources() = 0;
    virtual Outcome<ChildId> start_canary() = 0;
    /// In place: asks every serving worker to prepare; gives them.
    virtual std::set<ChildId> prepare_workers() = 0;
    /// In place: asks one worker that was born meanwhile.
    virtual void prepare_worker(ChildId worker) = 0;
    /// Replace: starts the candidate's workers; gives them.
    virtual Outcome<std::set<ChildId>> start_new_workers() = 0;
    /// The candidate becomes the current generation. Sends Commit to `workers`.
    virtual void commit(const std::set<ChildId>& workers) = 0;
    /// Kills a child; a worker is started again on the current generation.
    virtual void kill(ChildId child) = 0;
    /// Drops the candidate: aborts it in workers that were asked, kills new workers, closes what
    /// open_resources() opened.
    virtual void roll_back() = 0;
    /// After Commit: retires replaced and surplus workers, starts missing ones, closes listeners.
    virtual void retire_old() = 0;
    /// Calls Reload::time_out() after `delay`; a later call replaces an earlier one.
    virtual void arm(Millis delay) = 0;
    virtual void disarm() = 0;
    virtual void report(const ReloadOutcome& outcome) = 0;
};

class Reload {
  public:
    enum class State : std::uint8_t {
        Idle,
        Reading,     ///< the master reads and compiles the candidate
        Opening,     ///< the master opens new sockets and logs
        Canary,      ///< one process under the worker's user tries the candidate
        Preparing,   ///< all workers compile it; any refusal or silence rolls back
        Committing,  ///< decided; workers that do not follow are killed and start on it
        Retiring,    ///< the old is told to go
    };

    static constexpr Millis kCanaryLimit{10'000};
    static constexpr Millis kPrepareLimit{5'000};
    /// New processes of a replace reload have to start and compile.
    static constexpr Millis kBirthLimit{10'000};
    static constexpr Millis kCommitLimit{2'000};

    explicit Reload(ReloadPort& port, GenerationNumber current) : port_(port), current_(current) {}

    /// A HUP: starts a run, or lets one follow the running one.
    void request();

    /// The run that will answer a request() made now.
    [[nodiscard]] std::uint64_t next_run() const { return run_ + 1; }

    void on_ready(ChildId child, GenerationNumber generation);
    void on_refused(ChildId child, GenerationNumber generation, const std::string& text);
    void on_committed(ChildId child, GenerationNumber generation);
    /// A child that is reaped, for whatever reason.
    void on_death(ChildId child, const std::string& how);
    /// A respawned worker that was started on the current generation.
    void on_birth(ChildId worker);
    void time_out();

    [[nodiscard]] State state() const { return state_; }

    [[nodiscard]] GenerationNumber current() const { return current_; }

    /// The candidate of the running or last run.
    [[nodiscard]] GenerationNumber candidate() const { return candidate_; }

  private:
    void run_once();
    void enter(State next);
    void enter_preparing();
    void decide_when_all_ready();
    void finish_when_all_committed();
    void retire();
    void refuse(const std::string& why);

    ReloadPort& port_;
    GenerationNumber current_;
    GenerationNumber candidate_;
    State state_ = State::Idle;
    ReloadMode mode_ = ReloadMode::InPlace;
    std::uint64_t run_ = 0;
    bool has_request_ = false;
    ChildId canary_;
    std::set<ChildId> participants_;  ///< who takes part in this run and lives
    std::set<ChildId> waiting_;       ///< of those, who has not answered yet
};

[[nodiscard]] const char* name_of(Reload::State state);

}  // namespace sluice::master
