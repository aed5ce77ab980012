// SPDX-License-Identifier: BSD-2-Clause
// From lanes to sinks.
// Runs in: logger.
#include "logger/drain.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "log/access_record.h"
#include "log/error_record.h"
#include "log/log.h"
#include "sys/clock.h"

namespace sluice::logger {

namespace {

constexpr std::size_t kBatch = 64;
/// So long a sink that nobody names any more may take to write what it holds.
constexpr Millis kLeavingLimit{30'000};

PathFilesOptions options_of(const ipc::FileCacheEntry& cache) {
    return {.max = static_cast<std::size_t>(cache.max),
            .inactive = Millis(static_cast<std::int64_t>(cache.inactive_millis)),
            .min_uses = cache.min_uses,
            .valid = Millis(static_cast<std::int64_t>(cache.valid_millis))};
}

}  // namespace

Drain::Drain(shm::SharedLog region, const Options& options)
    : region_(std::move(region)), options_(options), slots_(region_.slots()) {}

Result<> Drain::open_sink(const ipc::SinkEntry& entry, sys::UniqueFd fd) {
    if (entry.id.value >= sinks_.size()) {
        sinks_.resize(entry.id.value + 1U);
    }
    std::unique_ptr<SinkState>& state = sinks_[entry.id.value];
    if (!state) {
        state = std::make_unique<SinkState>(entry, options_);
    }
    state->is_leaving = false;
    state->gone_at.reset();
    state->is_main = entry.is_main;
    state->is_json = entry.is_json;
    state->main_level = static_cast<log::Level>(entry.main_level);
    if (entry.kind == ipc::SinkKind::Paths) {
        if (!state->path_files) {
            state->path_files = std::make_unique<PathFiles>(options_of(entry.file_cache));
        }
        state->path_files->set_options(options_of(entry.file_cache));
        state->path_files->reopen();
        return {};
    }
    return state->sink.open(entry, std::move(fd));
}

void Drain::drop_sink(SinkId id) {
    if (SinkState* const state = sink_of(id); state != nullptr) {
        state->is_leaving = true;
        state->sink.stop_holding();
    }
}

void Drain::stop_holding() {
    each_sink([](SinkState& state) { state.sink.stop_holding(); });
}

std::size_t Drain::turn(Millis now) {
    find_slots();
    wrote_path_files_ = false;
    std::size_t taken = 0;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        const SlotId id{static_cast<std::uint16_t>(i)};
        // A lane's tail passes an error line when it is written: ends of connections wait for that.
        taken += slots_[i] ? drain_lane(slots_[i]->errors, id, {.now = now, .write_at = 1}) : 0;
    }
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        const SlotId id{static_cast<std::uint16_t>(i)};
        taken += slots_[i] ? drain_lane(slots_[i]->access, id, {.now = now}) : 0;
    }
    flush_sinks(now, 0);
    tell_losses(now);
    tell_sick_sinks(now);
    flush_sinks(now, 0);
    each_lane([this](shm::LaneReader& lane) { settle(lane); });
    bury_leaving(now);
    return taken;
}

/// Opens the lanes of slots that our master has claimed, and forgets those that it gave up.
void Drain::find_slots() {
    const shm::SlotTable table = region_.table();
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        const SlotId id{static_cast<std::uint16_t>(i)};
        const bool is_ours = table.is_kept_by(id, options_.keeper);
        if (is_ours && !slots_[i]) {
            slots_[i] = std::make_unique<SlotState>();
            slots_[i]->errors = shm::LaneReader(region_.errors_lane(id));
            slots_[i]->access = shm::LaneReader(region_.access_lane(id));
        } else if (!is_ours && slots_[i]) {
            slots_[i].reset();
        }
    }
}

/// Empties one lane, but at most one ring's worth, so that a busy one does not starve the others.
std::size_t Drain::drain_lane(shm::LaneReader& lane, SlotId slot, const Pace& pace) {
    std::array<shm::Record, kBatch> batch;
    std::size_t taken = 0;
    while (taken < lane.capacity()) {
        const std::size_t count = lane.peek(batch);
        if (count == 0) {
            break;
        }
        for (std::size_t i = 0; i < count; ++i) {
            dispatch(batch[i], slot, pace.now);
            taken += shm::record_bytes(batch[i].body.size());
        }
        flush_sinks(pace.now, pace.write_at);
        settle(lane);
    }
    return taken;
}

void Drain::dispatch(const shm::Record& record, SlotId slot, Millis now) {
    SinkState* const state = sink_of(record.sink);
    if (state == nullptr) {
        ++losses_.unknown_sink;
        return;
    }
    if (record.type == shm::RecordType::Access) {
        const auto access = log::decode_access(record.body);
        if (!access || take_for_path(*state, *access)) {
            return;
        }
        state->sink.take(access->line, {.is_access = true, .wall = record.wall});
    } else {
        take_error(*state, record, slot, now);
    }
}

void Drain::take_error(SinkState& state,
                       const shm::Record& record,
                       SlotId slot,
                       Millis now) {
    const auto error = log::decode_error(record.body);
    if (!error) {
        return;
    }
    if (state.is_alert) {
        return raise(state,
                     {.sink = record.sink,
                      .level = record.level,
                      .pid = error->pid,
                      .wall_millis = static_cast<std::uint64_t>(record.wall.count()),
                      .text = std::string(error->text)},
                     now);
    }
    learn_main_sink(record.sink, error->pid);
    write_event(state, {.level = static_cast<log::Level>(record.level),
                        .wall = record.wall,
                        .pid = error->pid,
                        .process = error->pid == options_.keeper ? "master" : "worker",
                        .slot = slot,
                        .text = error->text});
}

bool Drain::write_event(SinkState& state, const ErrorEvent& event) {
    const std::string_view line =
        state.is_json ? json_line_.format(event, state.sink.takes_messages())
                      : error_line_.format(event.level, event.wall, event.pid, event.text);
    return state.sink.take(line,
                           {.level = event.level, .wall = event.wall, .pid = event.pid});
}

void Drain::raise(SinkState& state, const ipc::Alert& alert, Millis now) {
    // `-s loglevel=` lets lines through to every target that theirs would not.
    if (alert.level > static_cast<std::uint8_t>(state.main_level)) {
        return;
    }
    if (const auto suppressed = state.alerts.ask(now)) {
        alerts_.push_back(alert);
        alerts_.back().suppressed = *suppressed;
    }
}

std::vector<ipc::Alert> Drain::take_alerts() {
    return std::exchange(alerts_, {});
}

/// The master writes only to the main level's error_log.
void Drain::learn_main_sink(SinkId sink, pid_t writer) {
    const bool is_masters = writer == options_.keeper;
    if (is_masters || !is_main_sink_certain_) {
        main_sink_ = sink;
        is_main_sink_certain_ = is_masters;
    }
}

Drain::SinkState* Drain::sink_of(SinkId id) {
    return id.value < sinks_.size() ? sinks_[id.value].get() : nullptr;
}

/// A line for the file that it names; false where the sink has none such.
bool Drain::take_for_path(SinkState& state, const log::AccessRecord& record) {
    if (!state.path_files || record.meta.path.empty()) {
        return false;
    }
    state.path_files->take(record.meta.path, record.meta.root, record.line);
    staged_for_paths_ += record.line.size() + 1;
    return true;
}

void Drain::flush_sinks(Millis now, std::size_t at_least) {
    const bool writes_paths = staged_for_paths_ > 0 && staged_for_paths_ >= at_least;
    each_sink([&](SinkState& state) {
        if (state.sink.staged() >= at_least) {
            state.sink.flush(now);
        }
        if (writes_paths && state.path_files) {
            state.path_files->flush(now);
        }
    });
    wrote_path_files_ = wrote_path_files_ || writes_paths;
    staged_for_paths_ = writes_paths ? 0 : staged_for_paths_;
}

/// Sinks that nobody names any more go when they have written everything, or had their time.
void Drain::bury_leaving(Millis now) {
    for (std::unique_ptr<SinkState>& state : sinks_) {
        if (!state || !state->is_leaving) {
            continue;
        }
        state->gone_at = state->gone_at.value_or(now + kLeavingLimit);
        if (state->sink.is_settled() || now >= *state->gone_at) {
            state->sink.give_up();
            count_losses(*state);
            state->sink.forget_backlog();
            state.reset();
        }
    }
}

/// Moves the lane's tail behind what was taken out: it lies in backlogs now, where a sick sink holds
/// up nobody else.
void Drain::settle(shm::LaneReader& lane) {
    // Lines for files that they name have no backlog; at the end of the turn none is left.
    if (staged_for_paths_ == 0) {
        lane.advance();
    }
}

bool Drain::fall_asleep() {
    find_slots();
    bool has_lines = false;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        if (!slots_[i]) {
            continue;
        }
        // The exchange orders us against the worker's: a head published before it is seen below.
        const SlotId id{static_cast<std::uint16_t>(i)};
        region_.table().slot(id).is_logger_asleep.exchange(1, std::memory_order_acq_rel);
        has_lines = has_lines || slots_[i]->errors.has_records() ||
                    slots_[i]->access.has_records();
    }
    if (has_lines) {
        wake();
    }
    return !has_lines;
}

void Drain::wake() {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        if (slots_[i]) {
            const SlotId id{static_cast<std::uint16_t>(i)};
            region_.table().slot(id).is_logger_asleep.exchange(0, std::memory_order_acq_rel);
        }
    }
}

bool Drain::is_settled() {
    bool has_rest = false;
    each_lane([&has_rest](shm::LaneReader& lane) { has_rest = has_rest || lane.has_records(); });
    each_sink([&has_rest](SinkState& state) { has_rest = has_rest || !state.sink.is_settled(); });
    return !has_rest;
}

bool Drain::is_hopeless() const {
    bool has_hope = false;
    each_sink([&has_hope](SinkState& state) {
        has_hope = has_hope || (!state.sink.is_settled() && state.sink.error() == 0);
    });
    return !has_hope;
}

std::optional<Millis> Drain::care_at(Millis now) const {
    std::optional<Millis> out;
    each_sink([&](SinkState& state) {
        if (const auto at = state.sink.care_at(now); at) {
            out = out ? std::min(*out, *at) : at;
        }
    });
    return out;
}

bool Drain::report(log::Level level, std::string_view text) {
    bool is_taken = false;
    bool has_main = false;
    each_sink([&](SinkState& state) {
        has_main = has_main || state.is_main;
        if (state.is_main && level <= state.main_level) {
            is_taken = report_to(state, level, text) || is_taken;
        }
    });
    if (has_main) {
        return is_taken;
    }
    SinkState* const state = sink_of(main_sink_);
    return state != nullptr && !state->is_alert && report_to(*state, level, text);
}

bool Drain::report_to(SinkState& state, log::Level level, std::string_view text) {
    return write_event(state, {.level = level,
                               .wall = sys::wall_now(),
                               .pid = options_.own_pid,
                               .process = "logger",
                               .slot = std::nullopt,
                               .text = text});
}

void Drain::tell_losses(Millis now) {
    each_lane([this](shm::LaneReader& lane) { count_losses(lane); });
    each_sink([this](SinkState& state) { count_losses(state); });
    if ((losses_.all() == 0 && losses_.cut == 0 && losses_.resets == 0) ||
        (has_reported_ && now < next_report_)) {
        return;
    }
    const std::string text = fmt::format(
        "{} log lines dropped ({} lane full, {} sink not writable, {} unknown sink), {} cut, {} "
        "damaged lanes emptied",
        losses_.all(), losses_.in_lanes, losses_.in_sinks, losses_.unknown_sink, losses_.cut,
        losses_.resets);
    if (report(log::Level::Warn, text)) {
        losses_ = {};
        has_reported_ = true;
        next_report_ = now + options_.report_period;
    }
}

void Drain::count_losses(shm::LaneReader& lane) {
    const shm::LaneLosses found = lane.take_losses();
    losses_.in_lanes += found.dropped;
    losses_.cut += found.cut;
    losses_.resets += found.resets;
}

void Drain::count_losses(SinkState& state) {
    const std::uint64_t dropped =
        state.sink.dropped() + (state.path_files ? state.path_files->dropped() : 0);
    losses_.in_sinks += dropped - std::exchange(state.known_dropped, dropped);
}

void Drain::tell_sick_sinks(Millis now) {
    each_sink([&](SinkState& state) {
        if (auto failure = state.path_files ? state.path_files->take_report() : std::nullopt) {
            report(log::Level::Crit, *failure);
        }
        const Sink& sink = state.sink;
        const int error = sink.error();
        if (error == state.known_error) {
            return;
        }
        if (error == 0) {
            state.known_error = 0;
            report(log::Level::Notice, fmt::format("writing to {} works again", sink.path()));
        } else if (state.failures.ask(now)) {
            state.known_error = error;
            report(log::Level::Crit, fmt::format("{} to {} failed ({}: {})", sink.operation(),
                                                 sink.path(), error, log::error_text(error)));
        }
    });
}

template <class Visit>
void Drain::each_lane(Visit&& visit) {
    for (const auto& slot : slots_) {
        if (slot) {
            visit(slot->errors);
            visit(slot->access);
        }
    }
}

template <class Visit>
void Drain::each_sink(Visit&& visit) const {
    for (const auto& state : sinks_) {
        if (state) {
            visit(*state);
        }
    }
}

}  // namespace sluice::logger
