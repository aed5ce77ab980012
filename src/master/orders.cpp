// SPDX-License-Identifier: BSD-2-Clause
// Master: what each signal makes it do, from the one table in ipc/commands.
// Runs in: master.
#include <fmt/format.h>

#include "log/log.h"
#include "master/master.h"
#include "sys/process.h"

namespace sluice::master {

namespace {

/// After TERM, before SIGKILL.
constexpr Millis kStopLimit{5'000};

}  // namespace

void Master::obey(const sys::SignalInfo& signal) {
    const ipc::Command* const command = ipc::find_command(signal.number);
    if (command == nullptr) {
        return;
    }
    if (command->order != ipc::Order::ReapChildren && command->order != ipc::Order::Ignore) {
        log::write(log::Level::Notice, "signal {} (SIG{}{}) received from {}", signal.number,
                   command->signal_name,
                   command->has_payload ? fmt::format(", payload {}", signal.payload) : "",
                   signal.sender);
    }
    switch (command->order) {
        case ipc::Order::Reload:
            return hang_up();
        case ipc::Order::ReopenLogs:
            return reopen_logs();
        case ipc::Order::Upgrade:
            return upgrade();
        case ipc::Order::RetireWorkers:
            // A terminal sends WINCH, in the kernel's name, whenever its window changes its size.
            return signal.sender == 0 ? void() : retire_workers();
        case ipc::Order::GracefulStop:
            return quit();
        case ipc::Order::FastStop:
            return stop();
        case ipc::Order::ReapChildren:
            return supervisor_->reap_all();
        case ipc::Order::DumpStatistics:
            return dump_statistics();
        case ipc::Order::SetWorkers:
            return set_workers(signal.payload);
        case ipc::Order::SetLogLevel:
            return set_log_level(signal.payload);
        case ipc::Order::Ignore:
            return;
    }
}

/// HUP is a reload, except in the roll-back of an upgrade: there the old master starts its workers
/// again on the configuration that it had.
void Master::hang_up() {
    if (heir_ && !has_workers_) {
        has_workers_ = true;
        return ensure_workers();
    }
    reload();
}

void Master::reopen_logs() {
    const bool is_root = sys::own_uid() == 0;
    const conf::UserName& user = settings().user.value;
    const bool has_owner = is_root && !user.name.empty();
    for (const std::string& error : sinks_.reopen(has_owner ? &user.account : nullptr)) {
        log::write(log::Level::Emerg, "{}", error);
    }
    if (Child* const logger = supervisor_->logger(); logger != nullptr) {
        for (const SinksMessage& sinks : sinks_.messages(false)) {
            supervisor_->send(*logger, sinks.message, sinks.fds);
        }
    }
    supervisor_->each(ChildKind::Worker,
                      [&](Child& worker) { supervisor_->send(worker, ipc::Reopened{}); });
}

void Master::upgrade() {
    if (phase_ == Phase::Starting) {
        wants_upgrade_ = true;  // once it serves
        return;
    }
    const bool has_parent = inheritance_.parent && *inheritance_.parent == sys::parent_pid();
    if (phase_ != Phase::Serving || heir_ || has_parent) {
        log::write(log::Level::Crit,
                   "no upgrade now: another one is under way, or the server is stopping");
        return;
    }
    forget_dead_parent();  // the heir knows nothing of it
    if (const Result<> moved = pid_file_.become_old(); !moved) {
        log::write(log::Level::Alert, "{}", log::Failure{moved.error(), pid_file_.path()});
        return;
    }
    static_cast<void>(control_->move_to(control_path(pid_file_.current_path())));
    std::vector<Heirloom> heirlooms = custody_.heirlooms();
    heirlooms.push_back(memory_heirloom(kMetricsMemory, counting_.fd()));
    for (const ZoneHeirloom& zone : zones_.heirlooms()) {
        heirlooms.push_back({.key = std::string(kZoneHeirloom) + zone.key, .fd = zone.fd});
    }
    const Result<pid_t> heir = start_heir(start_.arguments, region_->fd(), heirlooms);
    if (!heir) {
        log::write(log::Level::Alert, "cannot start \"{}\": {}", start_.arguments.front(),
                   log::Failure{heir.error()});
        return end_upgrade();
    }
    heir_ = *heir;
    log::write(log::Level::Notice, "start new master process {}", *heir);
}

/// The new program is gone: everything is as before it came.
void Master::end_upgrade() {
    if (heir_) {
        supervisor_->bury_master(*heir_);
        heir_.reset();
    }
    if (const Result<> moved = pid_file_.become_current(); !moved) {
        log::write(log::Level::Alert, "{}", log::Failure{moved.error(), pid_file_.old_path()});
    }
    static_cast<void>(control_->move_to(control_path(pid_file_.current_path())));
    if (phase_ == Phase::Serving && !has_workers_) {
        has_workers_ = true;
        ensure_workers();
    }
}

void Master::retire_workers() {
    if (phase_ != Phase::Serving) {
        return;
    }
    has_workers_ = false;
    for (const std::unique_ptr<Respawn>& respawn : respawns_) {
        event::TimerWheel::disarm(*respawn);
    }
    supervisor_->each(ChildKind::Worker, [&](Child& worker) {
        if (!worker.is_candidate) {
            retire(worker);
        }
    });
}

void Master::quit() {
    if (phase_ != Phase::Starting && phase_ != Phase::Serving) {
        return;
    }
    begin_end(Phase::Quitting);
    supervisor_->each(ChildKind::Worker, [&](Child& worker) { retire(worker); });
    give_up_addresses();
    leave_when_idle();
}

void Master::stop() {
    if (phase_ == Phase::Stopping || phase_ == Phase::Draining || phase_ == Phase::Ended) {
        return;
    }
    begin_end(Phase::Stopping);
    supervisor_->each(ChildKind::Worker,
                      [&](Child& worker) { supervisor_->send(worker, ipc::Stop{}); });
    loop_->arm(limit_, kStopLimit);
    leave_when_idle();
}

/// From here on nothing is born and no reload goes on.
void Master::begin_end(Phase phase) {
    phase_ = phase;
    event::TimerWheel::disarm(limit_);
    event::TimerWheel::disarm(reload_timer_);
    event::TimerWheel::disarm(leaving_timer_);
    event::TimerWheel::disarm(leaving_sinks_timer_);
    for (const std::unique_ptr<Respawn>& respawn : respawns_) {
        event::TimerWheel::disarm(*respawn);
    }
    supervisor_->each(ChildKind::Canary, [&](Child& canary) { supervisor_->kill(canary); });
    control_->close();
}

void Master::kill_all() {
    supervisor_->each(ChildKind::Saver, [&](Child& saver) { supervisor_->kill(saver); });
    supervisor_->each(ChildKind::Worker, [&](Child& worker) { supervisor_->kill(worker); });
}

}  // namespace sluice::master
