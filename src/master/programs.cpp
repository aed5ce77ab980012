// SPDX-License-Identifier: BSD-2-Clause
// The programs that serve the log.
// Runs in: master.
#include "master/programs.h"

#include <algorithm>
#include <optional>
#include <fcntl.h>
#include <signal.h>
#include <utility>

#include <fmt/format.h>

#include "log/log.h"
#include "master/supervisor.h"
#include "sys/clock.h"
#include "sys/file.h"

namespace sluice::master {

Programs::~Programs() {
    event::TimerWheel::disarm(timer_);
}

void Programs::use_loop(event::Loop& loop) {
    loop_ = &loop;
    timer_.programs = this;
    timer_.fire = [](event::Timer& timer) { static_cast<Timer&>(timer).programs->tick(); };
}

void Programs::keep_errors_from_programs(bool on) {
    if (auto null = sys::open("/dev/null", O_WRONLY); on && null) {
        null_ = std::move(*null);
    }
}

Result<int> Programs::open(SinkId id, const CommandLines& commands) {
    auto pipeline = std::make_unique<Pipeline>(commands, errors());
    TRY(pipeline->open());
    const int fd = pipeline->writing_end();
    pipelines_[id] = std::move(pipeline);
    return fd;
}

void Programs::start() {
    for (const auto& [id, pipeline] : pipelines_) {
        if (pipeline->members() == 0 && !pipeline->due()) {
            pipeline->start(sys::monotonic_now());
        }
    }
    arm();
}

void Programs::close(SinkId id) {
    const auto found = pipelines_.find(id);
    if (found == pipelines_.end()) {
        return;
    }
    found->second->close(sys::monotonic_now());
    if (!found->second->is_gone()) {
        closing_.push_back(std::move(found->second));
    }
    pipelines_.erase(found);
    arm();
}

void Programs::close_all() {
    while (!pipelines_.empty()) {
        close(pipelines_.begin()->first);
    }
}

void Programs::kill_all() {
    each([](Pipeline& pipeline) { pipeline.kill(); });
}

bool Programs::bury(const sys::Death& death) {
    const Millis now = sys::monotonic_now();
    const auto alert = std::ranges::find(alerts_, death.pid, &Running::pid);
    if (alert != alerts_.end()) {
        alerts_.erase(alert);
        if (death.signal != 0 || death.exit_code != 0) {
            log::write(log::Level::Warn, "alert command {} {}", death.pid, how_it_ended(death));
        }
        return true;
    }
    bool is_ours = false;
    each([&](Pipeline& pipeline) { is_ours = is_ours || pipeline.bury(death, now); });
    std::erase_if(closing_, [](const auto& pipeline) { return pipeline->is_gone(); });
    if (is_ours) {
        arm();
    }
    return is_ours;
}

void Programs::raise(const CommandLines& commands, const ipc::Alert& alert) {
    if (alerts_.size() >= kMaxAlerts) {
        if (const auto quiet = busy_.ask(sys::monotonic_now())) {
            log::write(log::Level::Warn,
                       "{} alert commands are running, an event is not reported ({} before it)",
                       alerts_.size(), *quiet);
        }
        return;
    }
    const Result<pid_t> pid = spawn_alert(commands.front(), alert);
    if (!pid) {
        if (busy_.ask(sys::monotonic_now())) {
            log::write(log::Level::Warn, "cannot start alert command \"{}\": {}",
                       commands.front().front(), log::Failure{pid.error()});
        }
        return;
    }
    alerts_.push_back({.pid = *pid, .limit = sys::monotonic_now() + kAlertLimit});
    arm();
}

/// The text is shorter than a pipe's buffer, so it is written before the command starts to read.
Result<pid_t> Programs::spawn_alert(const std::vector<std::string>& command,
                                    const ipc::Alert& alert) const {
    const auto level = static_cast<log::Level>(alert.level);
    sys::Pipe input = TRY(sys::pipe());
    TRY(sys::set_nonblocking(input.read_end.get(), false));
    TRY(sys::write_all(input.write_end.get(), alert.text + "\n"));
    std::vector<std::string> environment = sys::whole_environment();
    environment.push_back(fmt::format("SLUICE_LEVEL={}", log::name_of(level)));
    environment.push_back(fmt::format("SLUICE_PID={}", alert.pid));
    environment.push_back(fmt::format("SLUICE_TIME={}", alert.wall_millis / 1000));
    environment.push_back(fmt::format("SLUICE_SUPPRESSED={}", alert.suppressed));
    environment.push_back("SLUICE_MESSAGE=" + alert.text);
    return sys::spawn({.arguments = command,
                       .environment = std::move(environment),
                       .fds = {input.read_end.get(), 1, errors()},
                       .searches_path = true,
                       .starts_session = true});
}

template <class Visit>
void Programs::each(Visit visit) {
    for (const auto& [id, pipeline] : pipelines_) {
        visit(*pipeline);
    }
    for (const auto& pipeline : closing_) {
        visit(*pipeline);
    }
}

void Programs::tick() {
    const Millis now = sys::monotonic_now();
    each([&](Pipeline& pipeline) { pipeline.tick(now); });
    for (Running& alert : alerts_) {
        if (alert.limit <= now) {
            static_cast<void>(sys::kill_group(alert.pid, SIGKILL));
            alert.limit = now + kAlertLimit;
        }
    }
    arm();
}

void Programs::arm() {
    std::optional<Millis> next;
    const auto consider = [&next](Millis at) { next = next ? std::min(*next, at) : at; };
    each([&](Pipeline& pipeline) {
        if (pipeline.due()) {
            consider(*pipeline.due());
        }
    });
    for (const Running& alert : alerts_) {
        consider(alert.limit);
    }
    event::TimerWheel::disarm(timer_);
    if (next && loop_ != nullptr) {
        loop_->arm(timer_, std::max(*next - sys::monotonic_now(), Millis::zero()));
    }
}

}  // namespace sluice::master
