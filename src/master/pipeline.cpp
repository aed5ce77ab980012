// SPDX-License-Identifier: BSD-2-Clause
// Births and deaths of a log pipeline.
// Runs in: master.
#include "master/pipeline.h"

#include <algorithm>
#include <limits>
#include <signal.h>

#include "log/log.h"
#include "master/supervisor.h"
#include "sys/file.h"

namespace sluice::master {

namespace {

constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

/// A pipe as programs expect it: blocking.
Result<sys::Pipe> blocking_pipe() {
    sys::Pipe pipe = TRY(sys::pipe());
    TRY(sys::set_nonblocking(pipe.read_end.get(), false));
    TRY(sys::set_nonblocking(pipe.write_end.get(), false));
    return pipe;
}

}  // namespace

Result<> Pipeline::open() {
    for (const std::vector<std::string>& command : commands_) {
        if (!sys::can_execute(command.front())) {
            return fail("execve()", ENOENT);
        }
    }
    input_ = TRY(sys::pipe());
    // The two ends are two open files: the command's blocks, the logger's does not.
    return sys::set_nonblocking(input_.read_end.get(), false);
}

void Pipeline::start(Millis now) {
    if (state_ != State::Idle && state_ != State::Pausing) {
        return;
    }
    due_.reset();
    born_ = now;
    state_ = State::Running;
    if (const Result<> started = start_members(); !started) {
        log::write(log::Level::Alert, "cannot start log command \"{}\": {}",
                   commands_[members_.size()].front(), log::Failure{started.error()});
        fall(members_.size(), now);
    }
}

Result<> Pipeline::start_members() {
    sys::UniqueFd input = TRY(sys::duplicate(input_.read_end.get()));
    for (std::size_t i = 0; i < commands_.size(); ++i) {
        const bool is_last = i + 1 == commands_.size();
        sys::Pipe next;
        if (!is_last) {
            next = TRY(blocking_pipe());
        }
        const sys::SpawnPlan plan{.arguments = commands_[i],
                                  .environment = {},
                                  .fds = {input.get(), is_last ? 1 : next.write_end.get(), errors_},
                                  .searches_path = true,
                                  .starts_session = true};
        const pid_t pid = TRY(sys::spawn(plan));
        log::write(log::Level::Notice, "start log command \"{}\" {}", commands_[i].front(), pid);
        members_.push_back({.pid = pid, .place = i});
        input = std::move(next.read_end);
    }
    return {};
}

bool Pipeline::bury(const sys::Death& death, Millis now) {
    const auto at = std::ranges::find(members_, death.pid, &Member::pid);
    if (at == members_.end()) {
        return false;
    }
    const std::size_t place = at->place;
    members_.erase(at);
    const bool is_expected = state_ == State::Closing || state_ == State::Falling;
    log::write(is_expected ? log::Level::Notice : log::Level::Alert, "log command \"{}\" {} {}",
               commands_[place].front(), death.pid, how_it_ended(death));
    if (state_ == State::Closing) {
        return true;
    }
    fall(place, now);
    return true;
}

/// Those behind a dead member see the end of their input. Those before it write to nobody.
void Pipeline::fall(std::size_t dead_place, Millis now) {
    if (members_.empty()) {
        return pause(now);
    }
    signal_members(dead_place, SIGTERM);
    if (state_ != State::Falling) {
        due_ = now + kGrace;
    }
    state_ = State::Falling;
}

void Pipeline::pause(Millis now) {
    const Millis pause = backoff_.after_death(now - born_);
    state_ = State::Pausing;
    due_ = now + pause;
}

void Pipeline::tick(Millis now) {
    if (!due_ || now < *due_) {
        return;
    }
    due_.reset();
    if (state_ == State::Pausing) {
        start(now);
    } else {
        kill();
    }
}

void Pipeline::close(Millis now) {
    if (state_ == State::Pausing) {
        // Lines may wait in the pipe; the commands get a last chance to take them.
        start(now);
    }
    input_ = {};
    state_ = State::Closing;
    due_ = now + kGrace;
}

void Pipeline::kill() {
    signal_members(kAll, SIGKILL);
}

void Pipeline::signal_members(std::size_t before_place, int signal) const {
    for (const Member& member : members_) {
        if (member.place < before_place) {
            // Not reaped yet, so the number is still theirs; what they started hears it too.
            static_cast<void>(sys::kill_group(member.pid, signal));
        }
    }
}

}  // namespace sluice::master
