// SPDX-License-Identifier: BSD-2-Clause
// Master: what real-time signals change while the server runs: the number of workers, the level of
// error logs; and the statistics that one of them asks for. A reload goes back to what is
// configured. Orders are taken one by one in their order and applied together at the end of the
// turn, so that a burst costs what its last order costs.
// Runs in: master.
#include <algorithm>

#include <fmt/format.h>

#include "base/ascii.h"
#include "log/log.h"
#include "master/master.h"
#include "net/connection_rows.h"
#include "sys/process.h"

namespace sluice::master {

namespace {

constexpr std::uint32_t kMostWorkers = 1024;  // as worker_processes
/// Slots for the master, a canary and those that retire while others are started.
constexpr std::size_t kSpareSlots = 8;

const char* state_of(const Child& child) {
    if (child.is_retiring) {
        return "retiring";
    }
    return child.has_committed ? "serving" : "starting";
}

}  // namespace

std::uint32_t Master::wanted_workers() const {
    return live_.workers.value_or(settings().worker_processes.value);
}

/// An order that makes no sense changes nothing.
void Master::refuse(std::string text) {
    log::write(log::Level::Warn, "{}", text);
    live_.refusal = std::move(text);
}

void Master::set_workers(int count) {
    const auto most = static_cast<int>(
        std::min<std::size_t>(kMostWorkers, (region_->slots() - kSpareSlots) / 2));
    if (count < 1 || count > most) {
        return refuse(fmt::format("{} worker processes refused: 1 to {} are possible", count, most));
    }
    if ((phase_ != Phase::Serving && phase_ != Phase::Starting) || !has_workers_) {
        return refuse("no worker processes are started now");
    }
    live_.workers = static_cast<std::uint32_t>(count);
    live_.changes_workers = true;
    live_.refusal.clear();
    loop_->post(live_task_);
}

void Master::set_log_level(int level) {
    if (level < 0 || level > static_cast<int>(log::Level::Debug)) {
        return refuse(
            fmt::format("log level {} refused: expected 0 (emerg) to 7 (debug)", level));
    }
    live_.level = static_cast<log::Level>(level);
    live_.changes_level = true;
    live_.outlives_reload = reload_.state() != Reload::State::Idle;
    live_.refusal.clear();
    loop_->post(live_task_);
}

void Master::apply_live_settings() {
    if (std::exchange(live_.changes_level, false) && live_.level) {
        apply_log_level();
    }
    // A reload counts its workers: what came meanwhile follows it.
    if (live_.changes_workers && reload_.state() == Reload::State::Idle) {
        live_.changes_workers = false;
        apply_workers();
    }
    control_->ask_again();
}

void Master::apply_workers() {
    const std::uint32_t wanted = wanted_workers();
    log::write(log::Level::Notice, "{} worker processes from now on", wanted);
    // Groups of sockets (reuseport) get a member for each worker; sockets that are there stay.
    if (const auto opened = custody_.open(*current_.generation, wanted); !opened) {
        for (const std::string& error : opened.error()) {
            log::write(log::Level::Warn, "{}", error);
        }
    }
    custody_.commit(*current_.generation);
    supervisor_->each(ChildKind::Worker, [&](Child& worker) {
        if (!worker.is_candidate && worker.index >= wanted) {
            retire(worker);
        }
    });
    for (std::size_t i = wanted; i < respawns_.size(); ++i) {
        event::TimerWheel::disarm(*respawns_[i]);
    }
    ensure_workers();
    go_to_serving_when_ready();
}

void Master::apply_log_level() {
    const ipc::SetLogLevel order{static_cast<std::uint8_t>(*live_.level)};
    journal_->use_level(live_.level);
    supervisor_->each(ChildKind::Worker, [&](Child& worker) {
        if (!worker.is_candidate) {
            supervisor_->send(worker, order);
        }
    });
    if (Child* const logger = supervisor_->logger(); logger != nullptr) {
        supervisor_->send(*logger, order);
    }
}

/// A reload was decided: the configuration counts again, except for orders that came after it.
void Master::forget_live_settings() {
    if (!live_.changes_workers) {
        live_.workers.reset();
    }
    if (std::exchange(live_.outlives_reload, false)) {
        live_.changes_level = true;  // the workers forget it at their Commit
        loop_->post(live_task_);
        return;
    }
    if (live_.level) {
        live_.level.reset();
        journal_->use_level(std::nullopt);
        if (Child* const logger = supervisor_->logger(); logger != nullptr) {
            supervisor_->send(*logger,
                              ipc::SetLogLevel{static_cast<std::uint8_t>(log::Level::Notice)});
        }
    }
}

// ---- `-s` asks whether its order is done ----

std::optional<std::string> Master::answer_question(std::string_view question) {
    const std::size_t equals = std::min(question.find('='), question.size());
    const std::string_view word = question.substr(0, equals);
    const std::string_view value = question.substr(std::min(equals + 1, question.size()));
    const ipc::Command* const command = ipc::find_command(word);
    const ipc::Order order = command == nullptr ? ipc::Order::Ignore : command->order;
    const std::string refused = "error\n" + live_.refusal + "\n";
    if (order == ipc::Order::DumpStatistics) {
        return "ok the statistics are in the error log\n";
    }
    if (order == ipc::Order::SetLogLevel) {
        if (live_.level && log::name_of(*live_.level) == value && !live_.changes_level) {
            return fmt::format("ok log level {}\n", value);
        }
        return live_.refusal.empty() ? "error\nanother order has followed\n" : refused;
    }
    const std::optional<std::uint64_t> count = parse_decimal(value);
    if (order == ipc::Order::SetWorkers && count) {
        return answer_workers(*count);
    }
    return "error\nunknown request\n";
}

/// Besides the bundle: pid, generation, and what signals have changed: how many workers are wanted,
/// the log level or "-".
ControlSocket::Handout Master::hand_out_configuration() const {
    return {.fd = current_.bundle.get(),
            .text = fmt::format("{} {} {} {}", sys::own_pid(), current_.generation->number().value,
                                wanted_workers(), live_.level ? log::name_of(*live_.level) : "-")};
}

std::optional<std::string> Master::answer_workers(std::uint64_t count) {
    if (live_.workers != count) {
        return live_.refusal.empty() ? "error\nanother order has followed\n"
                                     : "error\n" + live_.refusal + "\n";
    }
    std::uint64_t serving = 0;
    supervisor_->each(ChildKind::Worker, [&](const Child& worker) {
        serving += is_serving(worker) && worker.has_committed ? 1U : 0U;
    });
    if (live_.changes_workers || serving != count) {
        return std::nullopt;
    }
    return fmt::format("ok {} worker processes serve\n", count);
}

// ---- statistics ----

void Master::dump_statistics() {
    // Whoever asks wants to see them, at whatever level the log is.
    const std::optional<log::Level> before = journal_->live_level();
    if (!journal_->is_on(log::Level::Notice)) {
        journal_->use_level(log::Level::Notice);
    }
    const metrics::Station& station = counting_.station();
    log::write(log::Level::Notice,
               "statistics: master {}, generation {}, {} of {} worker processes, error log level {}",
               sys::own_pid(), reload_.current().value, serving_workers().size(), wanted_workers(),
               live_.level ? log::name_of(*live_.level) : "as configured");
    for (const ChildKind kind : {ChildKind::Worker, ChildKind::Logger}) {
        supervisor_->each(kind, [&](const Child& child) { dump_child(child); });
    }
    for (const metrics::Group* const group : station.board.schema()) {
        for (std::size_t i = 0; i < group->rows.size(); ++i) {
            if (group->rows[i].kind != metrics::RowKind::Fact) {
                log::write(log::Level::Notice, "statistics: {} {}", group->rows[i].name,
                           station.sum(*group, i));
            }
        }
    }
    dump_zones();
    for (const conf::SeriesSpec& spec : current_.generation->series()) {
        metrics::Series sum;
        station.board.sum_series(spec.id, sum);
        if (!spec.is_location) {
            log::write(log::Level::Notice,
                       "statistics: server {}: {} requests, {} bytes received, {} sent",
                       log::Escaped{spec.server}, sum.requests(), sum.received.load(),
                       sum.sent.load());
        }
    }
    journal_->use_level(before);
}

void Master::dump_zones() const {
    for (const auto& spec : current_.generation->zones()) {
        const shm::Zone* const zone = zones_.find(spec->id);
        if (zone == nullptr) {
            continue;
        }
        const shm::ZoneStats stats = zone->stats();
        log::write(log::Level::Notice,
                   "statistics: zone {}: {} entries, {} of {} bytes, {} hits, {} misses, {} "
                   "evictions, {} repairs, {} resets",
                   log::Escaped{spec->name}, stats.entries, stats.used_bytes, stats.capacity_bytes,
                   stats.hits, stats.misses, stats.evictions, stats.repairs, stats.resets);
    }
}

void Master::dump_child(const Child& child) const {
    const long long age = (sys::monotonic_now() - child.born).count() / 1000;
    if (!child.slot) {
        log::write(log::Level::Notice, "statistics: {} {}, up {} s", name_of(child.kind), child.pid,
                   age);
        return;
    }
    const auto rows = counting_.station().board.counters(*child.slot, net::kConnectionRows);
    log::write(log::Level::Notice,
               "statistics: {} {} {}, index {}, slot {}, generation {}, up {} s, connections: {} "
               "reading, {} writing, {} waiting",
               name_of(child.kind), child.pid, state_of(child), child.index, child.slot->value,
               child.told.value, age, rows.value(net::ConnectionRow::Reading),
               rows.value(net::ConnectionRow::Writing), rows.value(net::ConnectionRow::Waiting));
}

}  // namespace sluice::master
