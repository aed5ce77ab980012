// SPDX-License-Identifier: BSD-2-Clause
// Temporary files of zones, and the master's part in saving.
// Runs in: master.
#include "master/zone_saves.h"

#include <array>
#include <fcntl.h>
#include <utility>

#include <fmt/format.h>

#include "log/log.h"
#include "master/master.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sluice::master {

sys::UniqueFd ZoneSaves::begin(const conf::ZoneSpec& spec) {
    if (pending_.contains(spec.id)) {
        return {};
    }
    Pending pending{.name = std::string(spec.name),
                    .path = std::string(spec.state_path),
                    .temporary = fmt::format("{}.{}.tmp", spec.state_path, sys::own_pid())};
    constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
    Result<sys::UniqueFd> file = sys::open(pending.temporary.c_str(), kFlags, 0600);
    if (!file) {
        log::write(log::Level::Error, "zone \"{}\" is not saved: {}", pending.name,
                   log::Failure{file.error(), "\"" + pending.temporary + "\""});
        return {};
    }
    pending_.emplace(spec.id, std::move(pending));
    return std::move(*file);
}

void ZoneSaves::finish(const ipc::ZoneSaved& saved) {
    const auto at = pending_.find(saved.id);
    if (at == pending_.end()) {
        return;
    }
    const Pending pending = std::move(at->second);
    pending_.erase(at);
    if (saved.failure != 0) {
        log::write(log::Level::Error, "zone \"{}\" is not saved: {}", pending.name,
                   log::Failure{{"write()", saved.failure}, "to \"" + pending.temporary + "\""});
        return drop(pending);
    }
    if (const Result<> moved = sys::rename(pending.temporary.c_str(), pending.path.c_str());
        !moved) {
        log::write(log::Level::Error, "zone \"{}\" is not saved: {}", pending.name,
                   log::Failure{moved.error(), "to \"" + pending.path + "\""});
        return drop(pending);
    }
    log::write(log::Level::Notice, "zone \"{}\": {} entries saved to \"{}\", {} bytes",
               pending.name, saved.entries, pending.path, saved.bytes);
}

void ZoneSaves::fail_all() {
    for (const auto& [id, pending] : std::exchange(pending_, {})) {
        log::write(log::Level::Error, "zone \"{}\" is not saved: the process that wrote it died",
                   pending.name);
        drop(pending);
    }
}

void ZoneSaves::drop(const Pending& pending) {
    static_cast<void>(sys::unlink(pending.temporary.c_str()));
}

// ---- Master ----

namespace {

/// A disk that does not answer may hold up the end no longer.
constexpr Millis kSaveLimit{60'000};

}  // namespace

/// Starts saving the zones that have a file: all of them at the end, else those whose interval is
/// over.
void Master::save_zones(bool is_end) {
    const Millis now = loop_->now();
    for (const std::unique_ptr<conf::ZoneSpec>& spec : current_.generation->zones()) {
        const bool is_due = is_end || (spec->state_interval.count() > 0 &&
                                       now - saved_at_[spec->id] >= spec->state_interval);
        if (spec->state_path.empty() || !is_due) {
            continue;
        }
        saved_at_[spec->id] = now;
        if (const sys::UniqueFd file = zone_saves_.begin(*spec); file.is_open()) {
            order_save(*spec, file.get());
        }
    }
}

void Master::order_save(const conf::ZoneSpec& spec, int file) {
    Child* saver = nullptr;
    supervisor_->each(ChildKind::Saver, [&](Child& child) {
        saver = child.is_killed || child.is_retiring ? saver : &child;
    });
    if (saver == nullptr) {
        const Result<Child*> born = supervisor_->start(ChildKind::Saver, 0);
        if (!born) {
            log::write(log::Level::Alert, "cannot start a process that saves zones: {}",
                       log::Failure{born.error()});
            return zone_saves_.finish({.id = spec.id, .failure = born.error().code});
        }
        saver = *born;
    }
    ipc::SaveZone order{.id = spec.id,
                        .kind = std::string(spec.use.kind),
                        .layout = spec.use.layout,
                        .cell_bytes = spec.use.cell_bytes,
                        .bytes = spec.bytes,
                        .shards = spec.shards};
    tell_identity(order);
    const std::array<int, 2> fds = {zones_.fd_of(spec.id), file};
    supervisor_->send(*saver, order, fds);
}

void Master::on_zone_saved(Child& saver, const ipc::ZoneSaved& saved) {
    zone_saves_.finish(saved);
    if (zone_saves_.is_idle()) {
        saver.is_retiring = true;
        supervisor_->send(saver, ipc::Stop{});
    }
}

/// Before the logger goes: no worker is left, nothing changes any more. True: wait.
bool Master::is_saving_at_end() {
    const bool has_parent = inheritance_.parent && *inheritance_.parent == sys::parent_pid();
    if (!std::exchange(has_saved_at_end_, true)) {
        event::TimerWheel::disarm(save_timer_);
        // In an upgrade the zones live on in the other program.
        if (!heir_ && !has_parent) {
            save_zones(true);
            loop_->arm(limit_, kSaveLimit);
        }
    }
    return supervisor_->count(ChildKind::Saver) != 0;
}

void Master::arm_save_timer() {
    Millis shortest{0};
    for (const std::unique_ptr<conf::ZoneSpec>& spec : current_.generation->zones()) {
        if (spec->state_interval.count() > 0) {
            shortest = shortest.count() == 0 ? spec->state_interval
                                             : std::min(shortest, spec->state_interval);
            saved_at_.try_emplace(spec->id, loop_->now());
        }
    }
    event::TimerWheel::disarm(save_timer_);
    if (shortest.count() > 0) {
        loop_->arm(save_timer_, shortest);
    }
}

void Master::tell_of_zones() {
    for (const ZoneNote& note : zones_.take_notes()) {
        log::write(note.level, "{}", note.text);
    }
}

}  // namespace sluice::master
