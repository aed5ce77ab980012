// SPDX-License-Identifier: BSD-2-Clause
// Master: how it starts, waits and ends.
// Runs in: master.
#include "master/master.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "log/error_log_conf.h"
#include "log/log.h"
#include "master/directories.h"
#include "sys/epoll.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sluice::master {

namespace {

/// For the first workers to serve; where none does, the start has failed.
constexpr Millis kStartLimit{10'000};
/// The logger gives up on blocked sinks after 5 s by itself.
constexpr Millis kDrainLimit{8'000};

std::string sentence(const Error& error, std::string_view object = {}) {
    return fmt::format("{}", log::Failure{error, object});
}

/// Slots for workers and for those that retire beside them in replace reloads and upgrades. A slot
/// costs address space only until it is used.
std::size_t slots_for(std::uint32_t workers) {
    return std::clamp<std::size_t>(std::size_t{4} * workers + 64, 256, shm::kMaxSlots);
}

}  // namespace

Master::Master(const Start& start, Estate estate)
    : start_(start),
      ids_(estate.ids),
      counting_(estate.counting),
      current_(std::move(estate.first)),
      inheritance_(std::move(estate.inheritance)),
      journal_(log::Journal::installed()),
      reload_(*this, current_.generation->number()) {
    bind_timers();
}

Master::~Master() {
    if (journal_ != nullptr) {
        journal_->use_lanes(nullptr);
    }
}

const conf::ProcessConf& Master::settings() const {
    return conf::process_conf(*current_.generation);
}

std::expected<void, std::vector<std::string>> Master::open() {
    const conf::Generation& generation = *current_.generation;
    programs_.keep_errors_from_programs(settings().daemon.value);
    for (Inheritance::Socket& socket : inheritance_.sockets) {
        constexpr std::string_view kZone = kZoneHeirloom;
        if (socket.key.starts_with(kZone)) {
            zones_.inherit(socket.key.substr(kZone.size()), std::move(socket.fd));
        } else {
            custody_.inherit(socket.key, socket.member, std::move(socket.fd));
        }
    }
    if (auto opened = sinks_.open(generation); !opened) {
        return opened;
    }
    if (auto made = make_directories(generation); !made) {
        return made;
    }
    if (auto taken = data_files_.open(generation); !taken) {
        return taken;
    }
    if (auto opened = custody_.open(generation, settings().worker_processes.value); !opened) {
        return opened;
    }
    if (auto opened = zones_.open(generation); !opened) {
        return opened;
    }
    custody_.drop_unclaimed();
    zones_.drop_unclaimed();
    sinks_.commit(generation);
    custody_.commit(generation);
    zones_.commit(generation);
    pid_file_ = PidFile(std::string(settings().pid.value));
    if (const Result<> written = pid_file_.write(sys::own_pid()); !written) {
        custody_.remove_unix_files();
        const std::string path = "\"" + pid_file_.path() + "\"";
        return std::unexpected(std::vector{sentence(written.error(), path)});
    }
    if (const Result<> ready = open_machinery(); !ready) {
        pid_file_.remove(sys::own_pid());
        custody_.remove_unix_files();
        return std::unexpected(std::vector{sentence(ready.error())});
    }
    return {};
}

Result<> Master::open_machinery() {
    TRY(seal(current_));
    loop_ = TRY(event::Loop::create());
    signals_.emplace(
        [](void* self, const sys::SignalInfo& signal) { static_cast<Master*>(self)->obey(signal); },
        this);
    TRY(signals_->start(*loop_));
    TRY(open_log_region());
    SupervisorOwner& owner = *this;
    supervisor_.emplace(*loop_, start_.roles, region_->table(), owner);
    supervisor_->keep_errors_from_children(settings().daemon.value);
    programs_.use_loop(*loop_);
    control_.emplace(
        *loop_,
        ControlSocket::Answers{
            .owner = this,
            .on_reload = [](void* self) { return static_cast<Master*>(self)->reload_for_client(); },
            .on_question =
                [](void* self, std::string_view question) {
                    return static_cast<Master*>(self)->answer_question(question);
                },
            .on_configuration =
                [](void* self) { return static_cast<Master*>(self)->hand_out_configuration(); }});
    control_->offer_log(region_->fd());
    if (const Result<> opened = control_->open(control_path(pid_file_.path())); !opened) {
        log::write(log::Level::Warn, "no control socket: {}", log::Failure{opened.error()});
    }
    turn_.master = this;
    turn_.before_sleep = [](event::TurnHook& hook) {
        static_cast<Turn&>(hook).master->lanes_->flush_wakeups();
    };
    loop_->before_sleep(turn_);
    return {};
}

Result<> Master::open_log_region() {
    if (inheritance_.shared_log.is_open()) {
        if (auto old = shm::SharedLog::attach(std::move(inheritance_.shared_log)); old) {
            region_.emplace(std::move(*old));
        }
    }
    if (!region_) {
        region_.emplace(TRY(shm::SharedLog::create(slots_for(settings().worker_processes.value))));
    }
    own_slot_ = region_->table().claim(sys::own_pid());
    if (!own_slot_) {
        return fail("slot of the master", EAGAIN);
    }
    region_->table().assign(*own_slot_, sys::own_pid(),
                            sys::process_start_time(sys::own_pid()).value_or(0));
    statistics_note_ = TRY(counting_.open(*region_, *own_slot_));
    counting_.note_generation(reload_.current());
    logger_wakeup_ = TRY(sys::eventfd());
    backlogs_ = TRY(shm::Backlog::create_store());
    lanes_.emplace(*region_, *own_slot_, logger_wakeup_.get());
    return {};
}

void Master::bind_timers() {
    const auto bind = [this](Timer& timer, event::Timer::Fire fire) {
        timer.master = this;
        timer.fire = fire;
    };
    bind(reload_timer_,
         [](event::Timer& timer) { static_cast<Timer&>(timer).master->reload_.time_out(); });
    bind(leaving_timer_,
         [](event::Timer& timer) { static_cast<Timer&>(timer).master->close_leaving_listeners(); });
    bind(leaving_sinks_timer_,
         [](event::Timer& timer) { static_cast<Timer&>(timer).master->close_leaving_sinks(); });
    bind(save_timer_, [](event::Timer& timer) {
        Master& master = *static_cast<Timer&>(timer).master;
        master.save_zones(false);
        master.arm_save_timer();
    });
    bind(data_timer_, [](event::Timer& timer) {
        static_cast<Timer&>(timer).master->look_at_data_files();
    });
    bind(limit_, [](event::Timer& timer) { static_cast<Timer&>(timer).master->on_limit(); });
    logger_respawn_.master = this;
    logger_respawn_.fire = [](event::Timer& timer) {
        static_cast<Respawn&>(timer).master->start_logger();
    };
    live_task_.master = this;
    live_task_.run = [](event::Posted& posted) {
        static_cast<Task&>(posted).master->apply_live_settings();
    };
    reload_task_.master = this;
    reload_task_.run = [](event::Posted& posted) { static_cast<Task&>(posted).master->reload(); };
}

int Master::serve(void (*on_serving)(void*), void* context) {
    on_serving_ = on_serving;
    on_serving_context_ = context;
    journal_->set_main(log::main_destination(*current_.generation));
    journal_->use_lanes(&*lanes_);
    log::write(log::Level::Notice, "sluice {}, generation {}, {} worker processes", start_.version,
               reload_.current().value, settings().worker_processes.value);
    tell_of_zones();
    for (const std::string& warning : current_.warnings) {
        log::write(log::Level::Warn, "{}", warning.substr(0, warning.find('\n')));
    }
    if (!statistics_note_.empty()) {
        log::write(log::Level::Notice, "{}", statistics_note_);
    }
    loop_->arm(limit_, kStartLimit);
    programs_.start();
    start_logger();
    ensure_workers();
    if (const Result<> ran = loop_->run(); !ran) {
        log::write(log::Level::Emerg, "{}", log::Failure{ran.error()});
        exit_code_ = 1;
    }
    control_->close();
    pid_file_.remove(sys::own_pid());
    give_up_addresses();
    return exit_code_;
}

/// Whoever wants to listen there may. Files of Unix sockets go too, unless an upgrade's other
/// master listens on them.
void Master::give_up_addresses() {
    const bool has_parent = inheritance_.parent && *inheritance_.parent == sys::parent_pid();
    if (!heir_ && !has_parent) {
        custody_.remove_unix_files();
    }
    custody_.close_all();
}

void Master::go_to_serving_when_ready() {
    if (phase_ != Phase::Starting) {
        return;
    }
    std::uint32_t serving = 0;
    supervisor_->each(ChildKind::Worker,
                      [&](const Child& worker) { serving += worker.has_committed ? 1 : 0; });
    if (serving < wanted_workers()) {
        return;
    }
    go_to_serving();
}

void Master::go_to_serving() {
    phase_ = Phase::Serving;
    event::TimerWheel::disarm(limit_);
    arm_save_timer();
    arm_data_timer();
    on_serving_(on_serving_context_);
    if (std::exchange(wants_reload_, false)) {
        reload();
    }
    if (std::exchange(wants_upgrade_, false)) {
        upgrade();
    }
}

/// Starting, Stopping or Draining has taken too long.
void Master::on_limit() {
    switch (phase_) {
        case Phase::Starting: {
            bool has_any = false;
            supervisor_->each(ChildKind::Worker, [&](const Child& worker) {
                has_any = has_any || worker.has_committed;
            });
            if (has_any) {
                return go_to_serving();
            }
            complain("no worker process serves after 10 s");
            exit_code_ = 1;
            return stop();
        }
        case Phase::Stopping:
            return kill_all();
        case Phase::Draining:
            if (Child* const logger = supervisor_->logger(); logger != nullptr) {
                return supervisor_->kill(*logger);  // its death leads on
            }
            programs_.kill_all();
            return end(exit_code_);
        case Phase::Quitting:
            return supervisor_->each(ChildKind::Saver,
                                     [&](Child& saver) { supervisor_->kill(saver); });
        case Phase::Serving:
        case Phase::Ended:
            return;
    }
}

/// Logs what ends the start, and tells the person who waits for it.
void Master::complain(const std::string& text) const {
    log::write(log::Level::Emerg, "{}", text);
    if (phase_ == Phase::Starting) {
        static_cast<void>(sys::write_all(2, "sluice: [emerg] " + text + "\n"));
    }
}

void Master::leave_when_idle() {
    const bool is_leaving = phase_ == Phase::Quitting || phase_ == Phase::Stopping;
    if (is_leaving && supervisor_->count(ChildKind::Worker) == 0 &&
        supervisor_->count(ChildKind::Canary) == 0 && !is_saving_at_end()) {
        drain_logger();
    }
}

void Master::drain_logger() {
    log::write(log::Level::Notice, "exit");
    phase_ = Phase::Draining;
    lanes_->flush_wakeups();
    event::TimerWheel::disarm(logger_respawn_);
    if (supervisor_->logger() == nullptr) {
        start_logger();  // it died just now; what the lanes hold is still to be written
    }
    Child* const logger = supervisor_->logger();
    if (logger == nullptr) {
        return end_programs();
    }
    loop_->arm(limit_, kDrainLimit);
    supervisor_->send(*logger, ipc::DrainAndExit{});
}

/// The logger is gone: log commands see the end of their input and are given time for what they
/// have read.
void Master::end_programs() {
    programs_.close_all();
    if (programs_.has_no_pipeline()) {
        return end(exit_code_);
    }
    loop_->arm(limit_, Pipeline::kGrace + Millis{1000});
}

void Master::end(int code) {
    phase_ = Phase::Ended;
    exit_code_ = code;
    loop_->stop();
}

}  // namespace sluice::master
