// SPDX-License-Identifier: BSD-2-Clause
// The logger process: waits for the master's messages and for workers' wake-ups, and turns the
// drain. While lines come it looks again by itself every few milliseconds, so that busy workers
// make no system call to wake it.
// Runs in: logger.
#include "logger/run.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "ipc/channel.h"
#include "log/log.h"
#include "logger/drain.h"
#include "sys/clock.h"
#include "sys/epoll.h"
#include "sys/process.h"

namespace sluice::logger {

namespace {

/// Pause after a turn that found lines: batches them and spares workers the wake-up.
constexpr Millis kNap{5};
/// A turn that found this much is followed by the next without a pause.
constexpr std::size_t kBusyBytes = 64 * 1024;
constexpr Millis kLastCare{10};
/// How long a blocked sink may hold up the end, and how long one that fails.
constexpr Millis kDrainLimit{5000};
constexpr Millis kHopelessLimit{500};

class Process {
  public:
    Process(sys::UniqueFd channel, pid_t keeper)
        : keeper_(keeper), channel_(std::move(channel), ipc::Sender::Master) {}

    Result<> start();
    Result<> serve();
    void drain_and_answer();

    /// Gives up what may hang in a blocked write: the process's end takes it away.
    void abandon() { static_cast<void>(drain_.release()); }

  private:
    enum class State : std::uint8_t { Serving, Quitting, Orphaned };

    void read_channel();
    void obey(ipc::Received& received);
    Result<> greet(const ipc::LoggerHello& hello, std::vector<sys::UniqueFd>& fds);
    void open_sinks(const ipc::Sinks& sinks, std::vector<sys::UniqueFd>& fds);
    void send_alerts();
    Millis next_pause(std::size_t taken);
    void wait(Millis limit);

    pid_t keeper_;
    State state_ = State::Serving;
    ipc::Channel channel_;
    sys::UniqueFd epoll_;
    sys::UniqueFd wakeup_;
    sys::UniqueFd backlogs_;
    std::unique_ptr<Drain> drain_;
    bool has_sinks_ = false;
    bool is_asleep_ = false;
};

Result<> Process::start() {
    epoll_ = TRY(sys::epoll_create());
    return sys::epoll_add(epoll_.get(), channel_.fd(), EPOLLIN, &channel_);
}

Result<> Process::serve() {
    while (state_ == State::Serving) {
        std::size_t taken = 0;
        // Before the first Sinks there is nowhere to put a line; they wait in their lanes.
        if (has_sinks_) {
            taken = drain_->turn(sys::monotonic_now());
            send_alerts();
        }
        wait(next_pause(taken));
    }
    return {};
}

Millis Process::next_pause(std::size_t taken) {
    constexpr Millis kNoLimit{-1};
    if (!has_sinks_) {
        return kNoLimit;
    }
    if (taken >= kBusyBytes) {
        return Millis::zero();
    }
    if (taken > 0 && !drain_->wrote_path_files()) {
        return kNap;
    }
    if (!drain_->fall_asleep()) {
        return Millis::zero();
    }
    is_asleep_ = true;
    const Millis now = sys::monotonic_now();
    const std::optional<Millis> care = drain_->care_at(now);
    return care ? std::max(*care - now, Millis::zero()) : kNoLimit;
}

void Process::send_alerts() {
    for (const ipc::Alert& alert : drain_->take_alerts()) {
        // The master reads them when it can; where its end is gone nobody is to be alarmed.
        static_cast<void>(channel_.send(alert));
    }
}

void Process::wait(Millis limit) {
    std::array<epoll_event, 2> events{};
    const auto count = sys::epoll_wait(epoll_.get(), events, limit);
    if (is_asleep_) {
        drain_->wake();
        is_asleep_ = false;
    }
    for (std::size_t i = 0; i < count.value_or(0); ++i) {
        if (events[i].data.ptr == &channel_) {
            read_channel();
        } else {
            static_cast<void>(sys::eventfd_drain(wakeup_.get()));
        }
    }
}

void Process::read_channel() {
    while (state_ == State::Serving) {
        auto got = channel_.receive();
        if (!got || got->is_end) {
            state_ = State::Orphaned;
            return;
        }
        if (!got->received) {
            return;
        }
        obey(*got->received);
    }
}

void Process::obey(ipc::Received& received) {
    if (const auto* const hello = std::get_if<ipc::LoggerHello>(&received.message)) {
        if (const Result<> greeted = greet(*hello, received.fds); !greeted) {
            log::write(log::Level::Emerg, "logger: {}", log::Failure{greeted.error()});
            state_ = State::Orphaned;
        }
    } else if (const auto* const sinks = std::get_if<ipc::Sinks>(&received.message)) {
        open_sinks(*sinks, received.fds);
    } else if (const auto* const level = std::get_if<ipc::SetLogLevel>(&received.message)) {
        // Lines of others passed their level before they came; this is for our own.
        log::Journal::installed()->use_fd(2, static_cast<log::Level>(level->level));
    } else if (const auto* const gone = std::get_if<ipc::DropSinks>(&received.message)) {
        for (std::size_t i = 0; drain_ && i < gone->sinks.size(); ++i) {
            drain_->drop_sink(gone->sinks[i]);
        }
    } else if (std::holds_alternative<ipc::DrainAndExit>(received.message)) {
        state_ = State::Quitting;
    }
}

Result<> Process::greet(const ipc::LoggerHello& hello, std::vector<sys::UniqueFd>& fds) {
    if (drain_ || fds.size() != 3) {
        return fail("greeting", EPROTO);
    }
    wakeup_ = std::move(fds[1]);
    TRY(sys::epoll_add(epoll_.get(), wakeup_.get(), EPOLLIN, nullptr));
    shm::SharedLog region = TRY(shm::SharedLog::attach(std::move(fds[0])));
    if (hello.drops_user) {
        TRY(sys::set_user(hello.uid, hello.gid, hello.user_name.c_str()));
    }
    backlogs_ = std::move(fds[2]);
    drain_ = std::make_unique<Drain>(std::move(region), Drain::Options{.keeper = keeper_,
                                                                       .own_pid = sys::own_pid(),
                                                                       .backlogs = backlogs_.get()});
    return {};
}

void Process::open_sinks(const ipc::Sinks& sinks, std::vector<sys::UniqueFd>& fds) {
    if (!drain_) {
        return;
    }
    std::size_t next_fd = 0;
    for (const ipc::SinkEntry& entry : sinks.sinks) {
        sys::UniqueFd fd = entry.has_fd() ? std::move(fds[next_fd++]) : sys::UniqueFd();
        if (const Result<> opened = drain_->open_sink(entry, std::move(fd)); !opened) {
            log::write(log::Level::Alert, "log {} cannot be used: {}", entry.path,
                       log::Failure{opened.error()});
        }
    }
    has_sinks_ = has_sinks_ || !sinks.has_more;
}

void Process::drain_and_answer() {
    const Millis begin = sys::monotonic_now();
    if (drain_) {
        drain_->stop_holding();
    }
    // Nothing is in this set: waiting on it is a pause, whatever the channel has to say.
    const Result<sys::UniqueFd> pause = sys::epoll_create();
    std::array<epoll_event, 1> none{};
    while (has_sinks_ && pause) {
        const Millis now = sys::monotonic_now();
        static_cast<void>(drain_->turn(now));
        send_alerts();
        if (drain_->is_settled()) {
            break;
        }
        if (now >= begin + (drain_->is_hopeless() ? kHopelessLimit : kDrainLimit)) {
            log::write(log::Level::Alert,
                       "logger exits although some log lines could not be written");
            break;
        }
        static_cast<void>(sys::epoll_wait(pause->get(), none, kLastCare));
    }
    if (state_ == State::Quitting) {
        // Where the master has gone meanwhile nobody waits for the answer.
        static_cast<void>(channel_.send(ipc::Drained{}));
    }
}

}  // namespace

int run(int channel) {
    const pid_t keeper = sys::parent_pid();
    // The journal that the master had installed writes to lanes; ours must not feed itself.
    log::Journal journal(2, log::Level::Notice);
    journal.install();
    sys::set_process_title("sluice: logger");
    Process process(sys::UniqueFd(channel), keeper);
    if (const Result<> started = process.start(); !started) {
        log::write(log::Level::Emerg, "logger: {}", log::Failure{started.error()});
        return 1;
    }
    const Result<> served = process.serve();
    process.drain_and_answer();
    process.abandon();
    return served ? 0 : 1;
}

}  // namespace sluice::logger
