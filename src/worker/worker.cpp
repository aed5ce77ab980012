// SPDX-License-Identifier: BSD-2-Clause
// Worker: birth, the master's orders, retirement. Connections are in serving.cpp.
// Runs in: worker.
#include "worker/worker.h"

#include <type_traits>
#include <utility>
#include <variant>

#include "base/bug.h"
#include "conf/process_conf.h"
#include "log/error_log_conf.h"
#include "log/log.h"
#include "registry/registry.h"
#include "sys/clock.h"
#include "sys/epoll.h"
#include "sys/fault.h"
#include "sys/heap.h"
#include "worker/bundle_reader.h"
#include "worker/identity.h"

namespace sluice::worker {

namespace {

// Handshakes that were under way when the master turned new clients away are over by then. Half of a
// client's first retry (1 s), so that whoever was turned away finds the old socket gone.
constexpr Millis kLeavingTime{500};

// The loop rests for tens of microseconds; the kernel's usual slack would double them.
constexpr Nanos kTimerSlack{1000};

// What a thread of the pool is doing when the worker ends is answered by nobody any more.
constexpr Millis kPoolPatience{200};

event::PoolOptions pool_options(const conf::ProcessConf& process) {
    event::PoolOptions options;
    options.threads = process.thread_pools->threads;
    options.queue_limit = process.thread_pools->max_queue;
    return options;
}

}  // namespace

Worker::Worker(std::unique_ptr<event::Loop> loop, sys::UniqueFd channel)
    : loop_(std::move(loop)),
      channel_(std::move(channel), ipc::Sender::Master),
      signals_([](void* self, const sys::SignalInfo& info) {
                   static_cast<Worker*>(self)->on_signal(info);
               },
               this),
      pool_(*loop_, {}),
      saver_(pool_, this,
             [](void* self, const ipc::ZoneSaved& answer) {
                 static_cast<Worker*>(self)->tell(answer);
             }),
      gate_(*loop_),
      listeners_(*loop_, gate_,
                 {.owner = this,
                  .on_accept = [](void* self, net::Acceptor& acceptor, sys::UniqueFd socket,
                                  const net::Address& peer) {
                      static_cast<Worker*>(self)->on_accept(std::move(socket), peer,
                                                            acceptor.listener());
                  }},
                 {.owner = this,
                  .make = [](void* self, ListenerId listener, sys::UniqueFd& socket) {
                      return static_cast<Worker*>(self)->make_intake(listener, socket);
                  }}) {}

Worker::~Worker() {
    listeners_.close_all();
    // Sessions hold references to generations and to the context: they go first.
    protocols_.clear();
    services_.clear();
}

int Worker::run() {
    journal_.install();
    if (const Result<> started = start(); !started) {
        log::write(log::Level::Emerg, "worker cannot start: {}", log::Failure{started.error()});
        return 2;
    }
    sys::set_timer_slack(kTimerSlack);
    if (const Result<> ran = loop_->run(); !ran) {
        log::write(log::Level::Alert, "{}", log::Failure{ran.error()});
        return 1;
    }
    const bool is_quiet = pool_.stop(kPoolPatience);
    stop_protocols();
    if (lanes_) {
        lanes_->flush_wakeups();
    }
    if (!is_quiet) {
        // A file system hangs: the thread that waits for it dies with the process, and what it may
        // still write to must not be freed before.
        sys::exit_now(exit_code_);
    }
    return exit_code_;
}

Result<> Worker::start() {
    TRY(signals_.start(*loop_));
    TRY(gate_.prepare());
    gate_.owner = this;
    gate_.on_exhausted = [](void* self, const Error& error) {
        auto* const worker = static_cast<Worker*>(self);
        const std::size_t closed = worker->shed_idle(32);
        log::write(log::Level::Crit, "{}, {} idle connections closed", log::Failure{error}, closed);
    };
    channel_pollable_.worker = this;
    channel_pollable_.fd = channel_.fd();
    channel_pollable_.on_ready = [](event::Pollable& pollable, std::uint32_t events) {
        Worker& worker = *static_cast<ChannelPollable&>(pollable).worker;
        if ((events & EPOLLOUT) != 0 && !worker.channel_.flush()) {
            return worker.end(1);
        }
        worker.read_channel();
    };
    TRY(loop_->watch(channel_pollable_, EPOLLIN | EPOLLOUT | EPOLLET));
    turn_.worker = this;
    turn_.before_sleep = [](event::TurnHook& hook) {
        static_cast<Turn&>(hook).worker->at_turn_end();
    };
    loop_->before_sleep(turn_);
    shutdown_.worker = this;
    shutdown_.fire = [](event::Timer& timer) {
        Worker& worker = *static_cast<WorkerTimer&>(timer).worker;
        log::write(log::Level::Notice, "shutdown time-out: closing {} connections",
                   worker.connections());
        worker.end(0);
    };
    leaving_timer_.worker = this;
    leaving_timer_.fire = [](event::Timer& timer) {
        static_cast<WorkerTimer&>(timer).worker->close_leaving();
    };
    full_timer_.worker = this;
    full_timer_.fire = [](event::Timer& timer) {
        static_cast<WorkerTimer&>(timer).worker->retry_when_full();
    };
    return {};
}

void Worker::read_channel() {
    while (state_ != State::Ended) {
        Result<ipc::Reception> reception = channel_.receive();
        if (!reception || reception->is_end) {
            // The master is gone. Its successor needs the addresses; our clients need us.
            loop_->forget(channel_pollable_);
            channel_pollable_.fd = -1;
            channel_.close();
            if (state_ == State::Serving) {
                log::write(log::Level::Crit, "the master has gone, retiring");
                return retire(shutdown_limit_);
            }
            return state_ == State::Retiring ? void() : end(1);
        }
        if (!reception->received) {
            return;
        }
        obey(*reception->received);
    }
}

void Worker::obey(ipc::Received& received) {
    const auto act = [&](const auto& message) {
        using T = std::decay_t<decltype(message)>;
        if constexpr (std::is_same_v<T, ipc::Hello>) {
            be_born(message, received.fds);
        } else if constexpr (std::is_same_v<T, ipc::Listeners>) {
            take_listeners(message, received.fds);
        } else if constexpr (std::is_same_v<T, ipc::Zones>) {
            zones_.take(message, received.fds);
        } else if constexpr (std::is_same_v<T, ipc::DataFile>) {
            data_files_.take(message, std::move(received.fds.front()), find_generation(message.generation));
        } else if constexpr (std::is_same_v<T, ipc::SaveZone>) {
            saver_.save(message, received.fds);
        } else if constexpr (std::is_same_v<T, ipc::Release>) {
            listeners_.release(message.id, message.member);
        } else if constexpr (std::is_same_v<T, ipc::Prepare>) {
            prepare(message.generation, received.fds.front());
        } else if constexpr (std::is_same_v<T, ipc::Commit>) {
            commit(message.generation);
        } else if constexpr (std::is_same_v<T, ipc::Abort>) {
            abort(message.generation);
        } else if constexpr (std::is_same_v<T, ipc::Retire>) {
            retire(Millis(static_cast<std::int64_t>(message.deadline_millis)));
        } else if constexpr (std::is_same_v<T, ipc::Stop>) {
            end(0);
        } else if constexpr (std::is_same_v<T, ipc::SetLogLevel>) {
            journal_.use_level(static_cast<log::Level>(message.level));
        } else {
            // Reopened needs nothing here yet; the rest is not for workers.
            log::write(log::Level::Debug, "message {} has no effect in a worker",
                       ipc::name_of(received.message));
        }
    };
    std::visit(act, received.message);
}

void Worker::tell(const ipc::Message& message) {
    if (channel_.fd() < 0) {
        return;
    }
    if (const Result<> sent = channel_.send(message); !sent) {
        log::write(log::Level::Error, "cannot answer the master: {}", log::Failure{sent.error()});
    }
}

void Worker::end(int code) {
    state_ = State::Ended;
    exit_code_ = code;
    loop_->stop();
}

// ---- birth ----

void Worker::be_born(const ipc::Hello& hello, std::vector<sys::UniqueFd>& fds) {
    if (state_ != State::Unborn) {
        return;
    }
    if (hello.is_canary) {
        sys::set_process_title("sluice: checking configuration");
        if (sys::has_fault(sys::Fault::CanaryCrash)) {
            BUG_UNLESS(false, "fault switch: canary-crash");
        }
        if (sys::has_fault(sys::Fault::CanaryHang)) {
            return;
        }
    }
    Result<> born = open_log(hello, std::move(fds[1]), std::move(fds[2]));
    if (born) {
        born = open_board(hello, std::move(fds[3]));
    }
    if (born) {
        born = assume_identity(hello);
    }
    if (!born) {
        tell(ipc::Refused{hello.generation, fmt::format("{}", log::Failure{born.error()})});
        return end(2);
    }
    context_.emplace(*loop_, *lanes_, conf::GenerationRef{});
    context_->pool = &pool_;
    context_->station = &*station_;
    if (hello.level != 0) {
        journal_.use_level(static_cast<log::Level>(hello.level - 1));
    }
    context_->dispatcher = {.owner = this, .dispatch = [](void* self, net::Accepted& connection) {
                                return static_cast<Worker*>(self)->dispatch(connection);
                            }};
    context_->slots = region_->table();
    context_->slot = hello.slot;
    state_ = State::Waiting;
    prepare(hello.generation, fds[0]);
    if (hello.is_canary) {
        end(0);
    }
}

Result<> Worker::open_log(const ipc::Hello& hello, sys::UniqueFd region, sys::UniqueFd wakeup) {
    region_.emplace(TRY(shm::SharedLog::attach(std::move(region))));
    logger_wakeup_ = std::move(wakeup);
    lanes_.emplace(*region_, hello.slot, logger_wakeup_.get());
    return {};
}

Result<> Worker::open_board(const ipc::Hello& hello, sys::UniqueFd board) {
    board_.emplace(TRY(metrics::Board::attach(std::move(board), registry::counter_groups())));
    station_.emplace(*board_, *region_, hello.slot);
    if (hello.is_canary) {
        return {};  // leaves no trace in the slot that it borrows
    }
    board_->begin(hello.slot, hello.epoch);
    connection_rows_ = station_->counters(net::kConnectionRows);
    facts_ = station_->counters(metrics::kWorkerFacts);
    facts_.set(metrics::WorkerFact::IsWorker, 1);
    facts_.set(metrics::WorkerFact::Index, hello.worker_index);
    facts_.set(metrics::WorkerFact::Restarts, hello.restarts);
    facts_.set(metrics::WorkerFact::Started,
               static_cast<std::uint64_t>(loop_->wall_seconds().count()));
    return {};
}

void Worker::start_protocols() {
    for (const net::ServiceKind& kind : registry::services()) {
        services_.push_back(kind.create(*context_));
    }
    for (const net::ProtocolKind& kind : registry::protocols()) {
        protocols_.push_back(kind.create(*context_));
    }
    for (const http::Module* module : registry::http_modules()) {
        if (module->start_worker != nullptr) {
            module->start_worker(*context_);
        }
    }
    for (const stream::Module* module : registry::stream_modules()) {
        if (module->start_worker != nullptr) {
            module->start_worker(*context_);
        }
    }
}

void Worker::stop_protocols() {
    listeners_.close_all();
    for (const std::unique_ptr<net::Protocol>& protocol : protocols_) {
        protocol->stop();
    }
    protocols_.clear();
    services_.clear();
    for (const http::Module* module : registry::http_modules()) {
        if (module->stop_worker != nullptr) {
            module->stop_worker();
        }
    }
    for (const stream::Module* module : registry::stream_modules()) {
        if (module->stop_worker != nullptr) {
            module->stop_worker();
        }
    }
}

// ---- generations ----

void Worker::prepare(GenerationNumber number, const sys::UniqueFd& bundle) {
    if (state_ == State::Serving && sys::has_fault(sys::Fault::PrepareSilent)) {
        return;
    }
    std::expected<std::unique_ptr<conf::Generation>, std::string> compiled =
        compile_bundle(bundle.get(), number);
    if (!compiled) {
        tell(ipc::Refused{number, compiled.error()});
        return;
    }
    if (auto attached = zones_.attach(**compiled); !attached) {
        tell(ipc::Refused{number, attached.error()});
        return;
    }
    if (auto attached = data_files_.attach(**compiled); !attached) {
        tell(ipc::Refused{number, attached.error()});
        return;
    }
    prepared_.emplace_back(std::move(*compiled));
    tell(ipc::Ready{number});
}

/// The one that serves or is prepared; null: neither is of that number.
const conf::Generation* Worker::find_generation(GenerationNumber number) const {
    if (context_ && context_->current && context_->current->number() == number) {
        return context_->current.get();
    }
    const auto found = std::ranges::find_if(
        prepared_, [number](const conf::GenerationRef& one) { return one->number() == number; });
    return found == prepared_.end() ? nullptr : found->get();
}

/// Takes that generation out of the prepared ones and forgets older ones.
conf::GenerationRef Worker::take_prepared(GenerationNumber number) {
    conf::GenerationRef found;
    std::erase_if(prepared_, [&](const conf::GenerationRef& one) {
        if (one->number() == number) {
            found = one;
        }
        return one->number() <= number;
    });
    return found;
}

void Worker::commit(GenerationNumber number) {
    if (state_ == State::Serving && sys::has_fault(sys::Fault::CommitSilent)) {
        return;
    }
    conf::GenerationRef next = take_prepared(number);
    if (!next) {
        // The master will find us silent and replace us; going on would serve a wrong generation.
        log::write(log::Level::Alert, "commit of generation {} which is not prepared here",
                   number.value);
        return end(1);
    }
    close_leaving();
    leaving_ = std::exchange(context_->current, std::move(next));
    follow(*context_->current);
    if (state_ != State::Waiting) {
        journal_.use_level(std::nullopt);  // a reload goes back to what is configured
    }
    if (state_ == State::Waiting) {
        start_protocols();
        state_ = State::Serving;
    } else {
        for (const std::unique_ptr<net::Service>& service : services_) {
            service->generation_changed();
        }
        for (const std::unique_ptr<net::Protocol>& protocol : protocols_) {
            protocol->generation_changed();
        }
    }
    if (state_ != State::Serving || !listeners_.adopt(*context_->current, is_multi_accept_)) {
        close_leaving();
    } else {
        loop_->arm(leaving_timer_, kLeavingTime);
    }
    facts_.set(metrics::WorkerFact::Generation, number.value);
    tell(ipc::Committed{number});
}

void Worker::abort(GenerationNumber number) {
    std::erase_if(prepared_,
                  [&](const conf::GenerationRef& one) { return one->number() == number; });
    if (context_ && context_->current) {
        listeners_.keep_only(*context_->current);
    }
}

void Worker::follow(const conf::Generation& generation) {
    const conf::ProcessConf& process = conf::process_conf(generation);
    connection_limit_ = process.worker_connections.value;
    context_->connection_limit = connection_limit_;
    is_multi_accept_ = process.multi_accept.value;
    loop_->set_resting(process.gather.value);
    shutdown_limit_ = process.worker_shutdown_timeout.value;
    pool_.set_options(pool_options(process));
    journal_.set_main(log::main_destination(generation));
    journal_.use_lanes(&*lanes_);
}

void Worker::take_listeners(const ipc::Listeners& listeners, std::vector<sys::UniqueFd>& fds) {
    for (std::size_t i = 0; i < listeners.grants.size(); ++i) {
        listeners_.grant(listeners.grants[i], std::move(fds[i]));
    }
    if (listeners.applies_now && state_ == State::Serving) {
        (void)listeners_.adopt(*context_->current, is_multi_accept_);
    }
}

/// What old generations held goes back to the machine: sessions that outlive one lie between its
/// pieces, and the heap gives nothing back by itself.
void Worker::close_leaving() {
    listeners_.close_leaving();
    if (leaving_) {
        leaving_.reset();
        sys::trim_heap();
    }
}

// ---- the end ----

void Worker::retire(Millis deadline) {
    if (state_ != State::Serving) {
        return state_ == State::Retiring ? void() : end(0);
    }
    state_ = State::Retiring;
    listeners_.drain_and_close();
    sys::set_process_title("sluice: worker process is shutting down");
    log::write(log::Level::Notice, "gracefully shutting down");
    context_->is_retiring = true;
    for (const std::unique_ptr<net::Protocol>& protocol : protocols_) {
        protocol->retire();
    }
    for (const std::unique_ptr<net::Service>& service : services_) {
        service->retire();
    }
    if (deadline.count() > 0) {
        loop_->arm(shutdown_, deadline);
    }
    tell(ipc::Draining{static_cast<std::uint32_t>(connections())});
}

void Worker::at_turn_end() {
    if (state_ == State::Retiring && connections() == 0) {
        tell(ipc::Drained{});
        log::write(log::Level::Notice, "exiting");
        end(0);
    }
    if (is_full_ && connections() < connection_limit_) {
        is_full_ = false;
        gate_.open(net::ShutReason::Connections);
    }
    if (lanes_) {
        lanes_->flush_wakeups();
    }
}

void Worker::on_signal(const sys::SignalInfo& signal) {
    if (saver_.is_busy()) {
        return;  // a terminal signals all of its programs; the master waits for what we write
    }
    switch (signal.number) {
        case SIGTERM:
        case SIGINT:
            log::write(log::Level::Notice, "signal {} received, exiting", signal.number);
            return end(0);
        case SIGQUIT:
            return retire(shutdown_limit_);
        default:
            return;  // the master's business; and a terminal sends WINCH to all of its programs
    }
}

}  // namespace sluice::worker
