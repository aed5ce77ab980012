// SPDX-License-Identifier: BSD-2-Clause
// Master: the hands of the reload transaction.
// Runs in: master.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "conf/row.h"
#include "log/error_log_conf.h"
#include "log/log.h"
#include "master/directories.h"
#include "master/master.h"

namespace sluice::master {

namespace {

/// Time for handshakes that were under way to a leaving listener; new SYNs are refused meanwhile.
/// Half of a client's first retry (1 s): it then finds the old socket gone, and another that covers
/// the address, if there is one.
constexpr Millis kLeavingTime{500};

/// How long requests of older generations may still log to what is not configured any more: as long
/// as they would be given in a retiring worker.
Millis sink_linger(const conf::ProcessConf& settings) {
    constexpr Millis kWhereNoLimit{30'000};
    const Millis limit = settings.worker_shutdown_timeout.value;
    return limit == Millis::zero() ? kWhereNoLimit : limit;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const std::string& line : lines) {
        out += (out.empty() ? "" : "\n") + line;
    }
    return out;
}

}  // namespace

void Master::reload() {
    if (phase_ == Phase::Starting) {
        wants_reload_ = true;
        return;
    }
    if (phase_ == Phase::Serving) {
        reload_.request();
    }
}

std::optional<std::uint64_t> Master::reload_for_client() {
    const bool may_reload = phase_ == Phase::Serving || phase_ == Phase::Starting;
    if (!may_reload || heir_) {
        return std::nullopt;
    }
    loop_->post(reload_task_);
    return reload_.next_run();
}

Master::Outcome<ReloadMode> Master::read(GenerationNumber number) {
    log::write(log::Level::Notice, "reading the configuration as generation {}", number.value);
    auto read = read_configuration(start_, ids_, number);
    if (!read) {
        return std::unexpected(joined(read.error()));
    }
    if (const Result<> sealed = seal(*read); !sealed) {
        return std::unexpected(fmt::format("{}", log::Failure{sealed.error(), "bundle"}));
    }
    for (const std::string& warning : read->warnings) {
        log::write(log::Level::Warn, "{}", warning.substr(0, warning.find('\n')));
    }
    const conf::Applies change = conf::strongest_change(*current_.generation, *read->generation);
    if (change == conf::Applies::Restart) {
        log::write(log::Level::Warn,
                   "\"pid\", \"daemon\" and \"master_process\" change with the next restart only");
    }
    const bool is_replace =
        change != conf::Applies::InPlace ||
        conf::process_conf(*read->generation).reload_mode.value == conf::ReloadMode::Replace;
    candidate_.emplace(std::move(*read));
    return is_replace ? ReloadMode::Replace : ReloadMode::InPlace;
}

Master::Outcome<void> Master::open_resources() {
    const conf::Generation& next = *candidate_->generation;
    if (auto opened = sinks_.open(next); !opened) {
        return std::unexpected(joined(opened.error()));
    }
    if (auto made = make_directories(next); !made) {
        return std::unexpected(joined(made.error()));
    }
    if (auto taken = data_files_.open(next); !taken) {
        return std::unexpected(joined(taken.error()));
    }
    const auto zones = zones_.open(next);
    tell_of_zones();
    if (!zones) {
        return std::unexpected(joined(zones.error()));
    }
    const std::size_t members = conf::process_conf(next).worker_processes.value;
    if (auto opened = custody_.open(next, members); !opened) {
        return std::unexpected(joined(opened.error()));
    }
    return {};
}

Master::Outcome<ChildId> Master::start_canary() {
    const Result<Child*> canary = start_child(ChildKind::Canary, *candidate_, 0);
    if (!canary) {
        return std::unexpected(fmt::format("{}", log::Failure{canary.error()}));
    }
    return (*canary)->id;
}

std::set<ChildId> Master::prepare_workers() {
    std::set<ChildId> out;
    for (const ChildId id : serving_workers()) {
        prepare_worker(id);
        out.insert(id);
    }
    return out;
}

void Master::prepare_worker(ChildId worker) {
    Child* const child = supervisor_->find(worker);
    if (child == nullptr) {
        return;
    }
    send_grants(*child, custody_.shared(true), false);
    send_zones(*child, *candidate_->generation);
    send_data_files(*child, *candidate_->generation);
    const std::array<int, 1> fds = {candidate_->bundle.get()};
    supervisor_->send(*child, ipc::Prepare{candidate_->generation->number()}, fds);
}

Master::Outcome<std::set<ChildId>> Master::start_new_workers() {
    std::set<ChildId> out;
    const conf::ProcessConf& next = conf::process_conf(*candidate_->generation);
    for (std::uint32_t index = 0; index < next.worker_processes.value; ++index) {
        const Result<Child*> worker = start_child(ChildKind::Worker, *candidate_, index);
        if (!worker) {
            return std::unexpected(fmt::format("{}", log::Failure{worker.error()}));
        }
        (*worker)->is_candidate = true;
        out.insert((*worker)->id);
    }
    return out;
}

void Master::commit(const std::set<ChildId>& workers) {
    current_ = std::move(*candidate_);
    candidate_.reset();
    forget_live_settings();
    const conf::Generation& generation = *current_.generation;
    counting_.note_generation(generation.number());
    if (Child* const logger = supervisor_->logger(); logger != nullptr) {
        for (const SinksMessage& sinks : sinks_.messages(true)) {
            supervisor_->send(*logger, sinks.message, sinks.fds);
        }
    }
    programs_.start();
    event::TimerWheel::disarm(leaving_sinks_timer_);
    if (sinks_.commit(generation)) {
        loop_->arm(leaving_sinks_timer_, sink_linger(settings()));
    }
    custody_.commit(generation);
    zones_.commit(generation);
    data_files_.keep_only(generation);
    arm_data_timer();
    arm_save_timer();
    journal_->set_main(log::main_destination(generation));
    const bool is_replace = std::any_of(workers.begin(), workers.end(), [&](ChildId id) {
        const Child* const child = supervisor_->find(id);
        return child != nullptr && child->is_candidate;
    });
    supervisor_->each(ChildKind::Worker, [&](Child& child) {
        if (!workers.contains(child.id)) {
            child.is_replaced = child.is_replaced || (is_replace && is_serving(child));
            return;
        }
        if (std::exchange(child.is_candidate, false)) {
            send_grants(child, custody_.shared(false), false);
        }
        commit_worker(child, generation.number());
    });
    has_workers_ = true;
    rebalance_groups();
}

void Master::kill(ChildId child) {
    if (Child* const found = supervisor_->find(child); found != nullptr) {
        supervisor_->kill(*found);
    }
}

void Master::roll_back() {
    const bool was_prepared = reload_.state() == Reload::State::Preparing;
    supervisor_->each(ChildKind::Worker, [&](Child& worker) {
        if (worker.is_candidate) {
            supervisor_->kill(worker);
        } else if (was_prepared && is_serving(worker)) {
            supervisor_->send(worker, ipc::Abort{reload_.candidate()});
        }
    });
    custody_.roll_back();
    zones_.roll_back();
    data_files_.keep_only(*current_.generation);
    sinks_.roll_back();
    candidate_.reset();
}

void Master::retire_old() {
    supervisor_->each(ChildKind::Worker, [&](Child& worker) {
        if (worker.is_replaced || worker.index >= wanted_workers()) {
            retire(worker);
        }
    });
    for (std::size_t i = wanted_workers(); i < respawns_.size(); ++i) {
        event::TimerWheel::disarm(*respawns_[i]);
    }
    ensure_workers();
    if (!custody_.leaving().empty()) {
        loop_->arm(leaving_timer_, kLeavingTime);
    }
}

void Master::close_leaving_listeners() {
    for (const Grant& grant : custody_.leaving()) {
        supervisor_->each(ChildKind::Worker, [&](Child& worker) {
            supervisor_->send(worker, ipc::Release{grant.what.id, grant.what.member});
        });
    }
    custody_.close_leaving();
}

void Master::close_leaving_sinks() {
    const std::vector<SinkId> gone = sinks_.close_leaving();
    Child* const logger = supervisor_->logger();
    for (std::size_t at = 0; logger != nullptr && at < gone.size(); at += ipc::kMaxSinks) {
        const std::size_t end = std::min(at + ipc::kMaxSinks, gone.size());
        const auto from = gone.begin() + static_cast<std::ptrdiff_t>(at);
        const auto to = gone.begin() + static_cast<std::ptrdiff_t>(end);
        supervisor_->send(*logger, ipc::DropSinks{{from, to}});
    }
}

void Master::arm(Millis delay) {
    event::TimerWheel::disarm(reload_timer_);
    loop_->arm(reload_timer_, delay);
}

void Master::disarm() {
    event::TimerWheel::disarm(reload_timer_);
}

void Master::report(const ReloadOutcome& outcome) {
    counting_.note_reload(outcome.is_accepted);
    live_.outlives_reload = false;
    if (live_.changes_workers) {
        loop_->post(live_task_);  // an order that came while the reload ran
    }
    if (outcome.is_accepted) {
        log::write(log::Level::Notice, "generation {} serves", outcome.generation.value);
        return control_->answer(outcome.run, fmt::format("ok {}\n", outcome.generation.value));
    }
    // The whole text, with carets, is for the client; a log line holds one line.
    std::string_view rest = outcome.text;
    while (!rest.empty()) {
        const std::size_t size = std::min(rest.find('\n'), rest.size());
        if (const std::string_view line = rest.substr(0, size); !line.starts_with(' ')) {
            log::write(log::Level::Emerg, "{}", line);
        }
        rest.remove_prefix(std::min(size + 1, rest.size()));
    }
    log::write(log::Level::Error, "reload refused, generation {} serves on",
               outcome.generation.value);
    control_->answer(outcome.run, fmt::format("error\n{}\n", outcome.text));
}

}  // namespace sluice::master
