// SPDX-License-Identifier: BSD-2-Clause
// Master: the one process that owns everything and serves nobody. It joins the parts:
// configuration, sockets, logs, children, the reload transaction, signals, upgrade. The decisions
// of each part are in that part's file; here is who calls whom. Runs in: master; one loop, never a
// thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/process_conf.h"
#include "event/loop.h"
#include "event/signals.h"
#include "ipc/commands.h"
#include "log/journal.h"
#include "log/lane_log.h"
#include "master/backoff.h"
#include "master/candidate.h"
#include "master/control_socket.h"
#include "master/counting.h"
#include "master/custody.h"
#include "master/data_files.h"
#include "master/pidfile.h"
#include "master/programs.h"
#include "master/reload.h"
#include "master/sinks.h"
#include "master/start.h"
#include "master/supervisor.h"
#include "master/upgrade.h"
#include "master/zone_saves.h"
#include "master/zones.h"
#include "shm/backlog.h"
#include "shm/shared_log.h"

namespace sluice::master {

/// What the whole server is doing.
enum class Phase : std::uint8_t {
    Starting,  ///< until every first worker serves
    Serving,
    Quitting,  ///< QUIT: workers finish their connections
    Stopping,  ///< TERM, INT: workers exit at once
    Draining,  ///< no worker is left; the logger writes what it has
    Ended,
};

class Master final : private SupervisorOwner, private ReloadPort {
  public:
    /// What was there before the process went to the background.
    struct Estate {
        Ids& ids;
        Counting& counting;
        Configuration first;
        Inheritance inheritance;
    };

    /// `start` and what `estate` refers to outlive it.
    Master(const Start& start, Estate estate);
    ~Master() override;
    Master(const Master&) = delete;
    Master& operator=(const Master&) = delete;

    /// Opens everything and starts the children.
    /// Fails: a line for each thing that could not be had, fit for a person.
    [[nodiscard]] std::expected<void, std::vector<std::string>> open();
    /// Serves until it is told to end. Gives the exit code.
    /// `on_serving(context)` is called once, when the first workers serve.
    [[nodiscard]] int serve(void (*on_serving)(void*), void* context);

  private:
    struct Timer : event::Timer {
        Master* master = nullptr;
    };

    struct Respawn : event::Timer {
        Master* master = nullptr;
        Backoff backoff;
        std::uint32_t restarts = 0;  ///< of the worker of that index
    };

    struct Task : event::Posted {
        Master* master = nullptr;
    };

    struct Turn : event::TurnHook {
        Master* master = nullptr;
    };

    // ---- master.cpp: start and end ----
    [[nodiscard]] Result<> open_machinery();
    [[nodiscard]] Result<> open_log_region();
    void bind_timers();
    void go_to_serving_when_ready();
    void go_to_serving();
    void on_limit();
    void leave_when_idle();
    void drain_logger();
    void end_programs();
    void end(int code);
    void complain(const std::string& text) const;
    [[nodiscard]] const conf::ProcessConf& settings() const;

    // ---- children.cpp: policy of births and deaths ----
    void on_message(Child& child, const ipc::Message& message) override;
    void on_death(Child& child, const sys::Death& death) override;
    void on_stranger_death(const sys::Death& death) override;
    void on_refused(Child& child, const ipc::Refused& refusal);
    void on_worker_death(const Child& worker);
    void on_logger_death(const Child& logger);
    void on_alert(const ipc::Alert& alert);
    void start_logger();
    Result<Child*> start_child(ChildKind kind,
                               const Configuration& configuration,
                               std::uint32_t index);
    void start_serving_worker(std::uint32_t index);
    void commit_worker(Child& worker, GenerationNumber generation);
    void send_zones(Child& worker, const conf::Generation& generation);
    void tell_identity(ipc::SaveZone& order) const;
    void send_grants(Child& worker, const std::vector<Grant>& grants, bool applies_now);
    [[nodiscard]] ipc::Hello hello_for(const Child& child,
                                       const Configuration& configuration) const;
    void forget_dead_parent();
    void ensure_workers();
    void retire(Child& worker);
    void rebalance_groups();
    [[nodiscard]] static bool is_serving(const Child& worker);
    [[nodiscard]] std::vector<ChildId> serving_workers();
    [[nodiscard]] Respawn& respawn_of(std::uint32_t index);

    // ---- reloading.cpp: the transaction's hands ----
    Outcome<ReloadMode> read(GenerationNumber number) override;
    Outcome<void> open_resources() override;
    Outcome<ChildId> start_canary() override;
    std::set<ChildId> prepare_workers() override;
    void prepare_worker(ChildId worker) override;
    Outcome<std::set<ChildId>> start_new_workers() override;
    void commit(const std::set<ChildId>& workers) override;
    void kill(ChildId child) override;
    void roll_back() override;
    void retire_old() override;
    void arm(Millis delay) override;
    void disarm() override;
    void report(const ReloadOutcome& outcome) override;
    void close_leaving_listeners();
    void close_leaving_sinks();
    std::optional<std::uint64_t> reload_for_client();

    // ---- live.cpp: what signals change until the next reload ----
    [[nodiscard]] std::uint32_t wanted_workers() const;
    void set_workers(int count);
    void set_log_level(int level);
    void refuse(std::string text);
    void apply_live_settings();
    void apply_workers();
    void apply_log_level();
    void forget_live_settings();
    void dump_statistics();
    void dump_child(const Child& child) const;
    void dump_zones() const;
    std::optional<std::string> answer_question(std::string_view question);
    std::optional<std::string> answer_workers(std::uint64_t count);
    [[nodiscard]] ControlSocket::Handout hand_out_configuration() const;

    // ---- zone_saves.cpp: zones go to their files ----
    void save_zones(bool is_end);
    void order_save(const conf::ZoneSpec& spec, int file);
    void on_zone_saved(Child& saver, const ipc::ZoneSaved& saved);
    [[nodiscard]] bool is_saving_at_end();
    void arm_save_timer();
    void tell_of_zones();

    // ---- data_watch.cpp: files of data that may change between reloads ----
    void send_data_files(Child& worker, const conf::Generation& generation);
    void arm_data_timer();
    void look_at_data_files();
    void renew_data_file(std::size_t index);

    // ---- orders.cpp: signals ----
    void obey(const sys::SignalInfo& signal);
    void hang_up();
    void reload();
    void reopen_logs();
    void upgrade();
    void end_upgrade();
    void retire_workers();
    void quit();
    void give_up_addresses();
    void stop();
    void begin_end(Phase phase);
    void kill_all();

    const Start& start_;
    Ids& ids_;
    Counting& counting_;
    Configuration current_;
    std::optional<Configuration> candidate_;
    Inheritance inheritance_;
    Phase phase_ = Phase::Starting;
    int exit_code_ = 0;
    void (*on_serving_)(void*) = nullptr;
    void* on_serving_context_ = nullptr;

    log::Journal* journal_;
    std::unique_ptr<event::Loop> loop_;
    std::optional<event::Signals> signals_;
    std::optional<shm::SharedLog> region_;
    std::optional<SlotId> own_slot_;
    std::string statistics_note_;  ///< about counts that another program left; for the log
    sys::UniqueFd logger_wakeup_;
    sys::UniqueFd backlogs_;  ///< what the log sinks have not written, for the next logger
    std::optional<log::LaneLog> lanes_;
    Programs programs_;
    Sinks sinks_{programs_};
    Custody custody_;
    Zones zones_;
    DataFiles data_files_;
    std::map<std::string, Millis> looked_at_;  ///< by path, when such a file was last looked at
    ZoneSaves zone_saves_;
    std::map<ZoneId, Millis> saved_at_;
    bool has_saved_at_end_ = false;
    PidFile pid_file_;
    std::optional<Supervisor> supervisor_;
    std::optional<ControlSocket> control_;
    Reload reload_;

    /// What signals last asked for; nothing: as configured.
    struct Live {
        std::optional<std::uint32_t> workers;
        std::optional<log::Level> level;
        bool changes_workers = false;  ///< still to be applied, in live_task_ or after a reload
        bool changes_level = false;
        bool outlives_reload = false;  ///< the level came after the reload that runs
        std::string refusal;  ///< of the last order that was not obeyed
    };

    Live live_;
    bool has_workers_ = true;                         ///< false after WINCH
    bool wants_reload_ = false;                       ///< HUP came while starting
    bool wants_upgrade_ = false;  ///< the same for USR2
    std::optional<pid_t> heir_;                       ///< the program that an upgrade started
    std::vector<std::unique_ptr<Respawn>> respawns_;  ///< by worker index
    Respawn logger_respawn_;
    Timer reload_timer_;
    Timer leaving_timer_;
    Timer leaving_sinks_timer_;
    Timer save_timer_;
    Timer data_timer_;
    Timer limit_;  ///< of Starting, Stopping and Draining
    Task reload_task_;
    Task live_task_;
    Turn turn_;
};

}  // namespace sluice::master
