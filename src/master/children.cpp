// SPDX-License-Identifier: BSD-2-Clause
// Master: which children there should be, what a new one is told, and what a death leads to.
// Runs in: master.
#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "log/log.h"
#include "master/cpus.h"
#include "master/identity.h"
#include "master/master.h"
#include "sys/process.h"

namespace sluice::master {

namespace {

/// CPUs of worker `index`; empty: not pinned.
std::vector<std::uint16_t> cpus_for(const conf::ProcessConf& settings, std::uint32_t index) {
    const conf::Affinity& affinity = settings.worker_cpu_affinity.value;
    std::vector<int> cpus;
    if (affinity.is_auto) {
        const std::vector<int> from =
            affinity.masks.empty() ? cpu_share().allowed : affinity.masks.front();
        if (!from.empty()) {
            cpus = {from[index % from.size()]};
        }
    } else if (!affinity.masks.empty()) {
        cpus = affinity.masks[std::min<std::size_t>(index, affinity.masks.size() - 1)];
    } else if (const CpuShare share = cpu_share();
               !share.quota && share.allowed.size() == settings.worker_processes.value &&
               index < share.allowed.size()) {
        // One worker per CPU that nobody rations: moving them about would only cool caches.
        cpus = {share.allowed[index]};
    }
    std::vector<std::uint16_t> out;
    for (const int cpu : cpus) {
        out.push_back(static_cast<std::uint16_t>(cpu));
    }
    return out;
}

}  // namespace

// ---- births ----

void Master::start_logger() {
    const Result<Child*> logger = supervisor_->start(ChildKind::Logger, 0);
    if (!logger) {
        log::write(log::Level::Alert, "cannot start the logger: {}", log::Failure{logger.error()});
        if (phase_ != Phase::Draining) {
            loop_->arm(logger_respawn_, Backoff::kLongestPause);
        }
        return;
    }
    Identity identity = identity_for(settings());
    const ipc::LoggerHello hello{.slots = static_cast<std::uint16_t>(region_->slots()),
                                 .drops_user = identity.drops_user,
                                 .uid = identity.account.uid,
                                 .gid = identity.account.gid,
                                 .user_name = std::move(identity.name)};
    const std::array<int, 3> fds = {region_->fd(), logger_wakeup_.get(), backlogs_.get()};
    supervisor_->send(**logger, hello, fds);
    for (const SinksMessage& sinks : sinks_.messages(false)) {
        supervisor_->send(**logger, sinks.message, sinks.fds);
    }
    if (live_.level) {
        supervisor_->send(**logger, ipc::SetLogLevel{static_cast<std::uint8_t>(*live_.level)});
    }
}

void Master::tell_identity(ipc::SaveZone& order) const {
    Identity identity = identity_for(settings());
    order.drops_user = identity.drops_user;
    order.uid = identity.account.uid;
    order.gid = identity.account.gid;
    order.user_name = std::move(identity.name);
}

ipc::Hello Master::hello_for(const Child& child, const Configuration& configuration) const {
    const conf::ProcessConf& settings = conf::process_conf(*configuration.generation);
    Identity identity = identity_for(settings);
    // A candidate configuration has its own levels; they count from its Commit on.
    const bool is_live = live_.level && configuration.generation.get() == current_.generation.get();
    const auto level =
        static_cast<std::uint8_t>(is_live ? static_cast<unsigned>(*live_.level) + 1 : 0);
    return {.slot = *child.slot,
            .epoch = region_->table().info(*child.slot).epoch,
            .worker_index = child.index,
            .worker_count = wanted_workers(),
            .restarts = child.index < respawns_.size() ? respawns_[child.index]->restarts : 0,
            .generation = configuration.generation->number(),
            .cpu = -1,
            .cpus = cpus_for(settings, child.index),
            .level = level,
            .is_canary = child.kind == ChildKind::Canary,
            .drops_user = identity.drops_user,
            .uid = identity.account.uid,
            .gid = identity.account.gid,
            .user_name = std::move(identity.name),
            .fd_limit = settings.worker_rlimit_nofile.value,
            .core_limit = settings.worker_rlimit_core.value.count,
            .has_core_limit = settings.worker_rlimit_core.is_set,
            .priority = static_cast<std::int32_t>(settings.worker_priority.value),
            .working_directory = std::string(settings.working_directory.value)};
}

Result<Child*> Master::start_child(ChildKind kind,
                                   const Configuration& configuration,
                                   std::uint32_t index) {
    Child* const child = TRY(supervisor_->start(kind, index));
    const std::array<int, 4> fds = {configuration.bundle.get(), region_->fd(),
                                    logger_wakeup_.get(), counting_.fd()};
    send_zones(*child, *configuration.generation);
    send_data_files(*child, *configuration.generation);
    supervisor_->send(*child, hello_for(*child, configuration), fds);
    return child;
}

void Master::send_zones(Child& worker, const conf::Generation& generation) {
    for (const ZonesMessage& zones : zones_.messages(generation)) {
        supervisor_->send(worker, zones.message, zones.fds);
    }
}

void Master::commit_worker(Child& worker, GenerationNumber generation) {
    worker.told = generation;
    supervisor_->send(worker, ipc::Commit{generation});
}

void Master::send_grants(Child& worker, const std::vector<Grant>& grants, bool applies_now) {
    for (std::size_t at = 0; at < grants.size(); at += ipc::kMaxFds) {
        const std::size_t end = std::min(at + ipc::kMaxFds, grants.size());
        ipc::Listeners message{.grants = {}, .applies_now = applies_now};
        std::vector<int> fds;
        for (std::size_t i = at; i < end; ++i) {
            message.grants.push_back(grants[i].what);
            fds.push_back(grants[i].fd);
        }
        supervisor_->send(worker, message, fds);
    }
}

/// Looks whether the master that we took over from, and its logger, are gone.
void Master::forget_dead_parent() {
    if (inheritance_.parent && *inheritance_.parent != sys::parent_pid()) {
        supervisor_->bury_master(*inheritance_.parent);
        inheritance_.parent.reset();
    }
}

/// Starts what is missing of the configured workers on the current generation.
void Master::ensure_workers() {
    forget_dead_parent();
    const bool may_start = phase_ == Phase::Starting || phase_ == Phase::Serving;
    if (!may_start || !has_workers_) {
        return;
    }
    for (std::uint32_t index = 0; index < wanted_workers(); ++index) {
        bool is_there = respawn_of(index).is_armed();
        supervisor_->each(ChildKind::Worker, [&](const Child& worker) {
            is_there = is_there || (worker.index == index && is_serving(worker));
        });
        if (!is_there) {
            start_serving_worker(index);
        }
    }
    rebalance_groups();
}

void Master::start_serving_worker(std::uint32_t index) {
    const Result<Child*> worker = start_child(ChildKind::Worker, current_, index);
    if (!worker) {
        log::write(log::Level::Alert, "cannot start a worker process: {}",
                   log::Failure{worker.error()});
        loop_->arm(respawn_of(index), Backoff::kFirstPause);
        return;
    }
    send_grants(**worker, custody_.shared(false), false);
    commit_worker(**worker, reload_.current());
    reload_.on_birth((*worker)->id);
}

Master::Respawn& Master::respawn_of(std::uint32_t index) {
    while (respawns_.size() <= index) {
        auto respawn = std::make_unique<Respawn>();
        respawn->master = this;
        respawn->fire = [](event::Timer& timer) {
            static_cast<Respawn&>(timer).master->ensure_workers();
        };
        respawns_.push_back(std::move(respawn));
    }
    return *respawns_[index];
}

bool Master::is_serving(const Child& worker) {
    return !worker.is_retiring && !worker.is_replaced && !worker.is_candidate && !worker.is_killed;
}

std::vector<ChildId> Master::serving_workers() {
    std::vector<ChildId> out;
    supervisor_->each(ChildKind::Worker, [&](const Child& worker) {
        if (is_serving(worker)) {
            out.push_back(worker.id);
        }
    });
    return out;
}

void Master::rebalance_groups() {
    const std::vector<ChildId> workers = serving_workers();
    for (const Move& move : custody_.rebalance(workers)) {
        Child* const from = move.from ? supervisor_->find(*move.from) : nullptr;
        if (from != nullptr) {
            supervisor_->send(*from, ipc::Release{move.grant.what.id, move.grant.what.member});
        }
        if (Child* const to = supervisor_->find(move.to); to != nullptr) {
            send_grants(*to, {move.grant}, true);
        }
    }
}

void Master::retire(Child& worker) {
    if (worker.is_retiring || worker.is_killed) {
        return;
    }
    worker.is_retiring = true;
    const Millis limit = settings().worker_shutdown_timeout.value;
    supervisor_->send(worker, ipc::Retire{static_cast<std::uint64_t>(limit.count())});
}

// ---- messages and deaths ----

void Master::on_message(Child& child, const ipc::Message& message) {
    const bool is_reloading = phase_ == Phase::Serving;
    const auto act = [&](const auto& m) {
        using T = std::decay_t<decltype(m)>;
        if constexpr (std::is_same_v<T, ipc::Ready>) {
            child.is_ready = true;
            if (is_reloading) {
                reload_.on_ready(child.id, m.generation);
            }
        } else if constexpr (std::is_same_v<T, ipc::Refused>) {
            on_refused(child, m);
        } else if constexpr (std::is_same_v<T, ipc::Committed>) {
            child.has_committed = true;
            if (is_reloading) {
                reload_.on_committed(child.id, m.generation);
            }
            go_to_serving_when_ready();
            control_->ask_again();
        } else if constexpr (std::is_same_v<T, ipc::Drained>) {
            child.has_drained = true;
        } else if constexpr (std::is_same_v<T, ipc::Alert>) {
            on_alert(m);
        } else if constexpr (std::is_same_v<T, ipc::ZoneSaved>) {
            on_zone_saved(child, m);
        }
    };
    std::visit(act, message);
}

void Master::on_refused(Child& child, const ipc::Refused& refusal) {
    if (phase_ == Phase::Starting && child.kind == ChildKind::Worker) {
        complain(refusal.text);
        exit_code_ = 1;
        return stop();
    }
    if (phase_ != Phase::Serving) {
        return;
    }
    if (refusal.generation != reload_.candidate() || child.told == refusal.generation) {
        log::write(log::Level::Alert, "{} {} refuses generation {}: {}", name_of(child.kind),
                   child.pid, refusal.generation.value, refusal.text);
        return;
    }
    reload_.on_refused(child.id, refusal.generation, refusal.text);
}

void Master::on_death(Child& child, const sys::Death& death) {
    const bool is_bad = death.signal != 0 || death.exit_code != 0;
    log::write(is_bad && !child.is_killed ? log::Level::Alert : log::Level::Notice, "{} {} {}",
               name_of(child.kind), death.pid, how_it_ended(death));
    if (child.kind == ChildKind::Logger) {
        return on_logger_death(child);
    }
    if (child.kind == ChildKind::Saver && !child.is_retiring) {
        zone_saves_.fail_all();
    }
    if (phase_ == Phase::Serving) {
        reload_.on_death(child.id, how_it_ended(death));
    }
    if (child.kind == ChildKind::Worker) {
        on_worker_death(child);
    }
    leave_when_idle();
}

void Master::on_worker_death(const Child& worker) {
    const bool was_told_to_go = worker.is_retiring || worker.is_replaced || worker.is_candidate;
    const bool may_start = phase_ == Phase::Starting || phase_ == Phase::Serving;
    if (was_told_to_go || !may_start || !has_workers_ ||
        worker.index >= wanted_workers()) {
        return rebalance_groups();
    }
    Respawn& respawn = respawn_of(worker.index);
    ++respawn.restarts;
    counting_.note_worker_restart();
    const Millis pause = respawn.backoff.after_death(sys::monotonic_now() - worker.born);
    if (pause.count() > 0) {
        loop_->arm(respawn, pause);
        return rebalance_groups();
    }
    ensure_workers();
}

void Master::on_logger_death(const Child& logger) {
    if (phase_ == Phase::Draining) {
        return end_programs();
    }
    if (phase_ == Phase::Ended) {
        return;
    }
    const Millis pause = logger_respawn_.backoff.after_death(sys::monotonic_now() - logger.born);
    if (pause.count() > 0) {
        loop_->arm(logger_respawn_, pause);
        return;
    }
    start_logger();
}

void Master::on_alert(const ipc::Alert& alert) {
    // A logger may name a sink that a reload has just taken away.
    const CommandLines* const commands = sinks_.alert_commands(alert.sink);
    if (commands != nullptr && phase_ != Phase::Ended) {
        programs_.raise(*commands, alert);
    }
}

void Master::on_stranger_death(const sys::Death& death) {
    if (programs_.bury(death)) {
        if (phase_ == Phase::Draining && supervisor_->logger() == nullptr &&
            programs_.has_no_pipeline()) {
            end(exit_code_);
        }
        return;
    }
    if (heir_ != death.pid) {
        return;
    }
    log::write(log::Level::Notice, "the new master process {} {}", death.pid, how_it_ended(death));
    end_upgrade();
}

}  // namespace sluice::master
