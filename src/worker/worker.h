// SPDX-License-Identifier: BSD-2-Clause
// Worker: one serving process. It owns the event loop, the listening sockets it was given, one
// object per wire protocol and the two generations that can exist here at a time: the one that
// serves and the one that is prepared. It outlives configurations.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "conf/generation.h"
#include "event/loop.h"
#include "event/pool.h"
#include "event/signals.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "log/journal.h"
#include "log/lane_log.h"
#include "log/rate_limit.h"
#include "metrics/process_rows.h"
#include "metrics/station.h"
#include "net/accept_gate.h"
#include "net/connection_rows.h"
#include "net/protocol.h"
#include "net/service.h"
#include "shm/shared_log.h"
#include "worker/listeners.h"
#include "worker/zone_saver.h"
#include "worker/data_files.h"
#include "worker/zones.h"

namespace sluice::worker {

/// What the worker is doing. Orders outside the allowed steps are ignored with a log line.
enum class State : std::uint8_t {
    Unborn,    ///< waits for Hello
    Waiting,   ///< has an identity and a prepared generation; accepts nothing
    Serving,   ///< accepts and serves
    Retiring,  ///< accepts nothing, finishes what it has
    Ended,     ///< the loop is about to stop
};

class Worker {
  public:
    Worker(std::unique_ptr<event::Loop> loop, sys::UniqueFd channel);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Serves until the end. Gives the exit code.
    /// Blocks: for the process's life.
    int run();

  private:
    struct ChannelPollable : event::Pollable {
        Worker* worker = nullptr;
    };
    struct Turn : event::TurnHook {
        Worker* worker = nullptr;
    };
    struct WorkerTimer : event::Timer {
        Worker* worker = nullptr;
    };

    [[nodiscard]] Result<> start();
    void read_channel();
    void obey(ipc::Received& received);
    void tell(const ipc::Message& message);
    void end(int code);

    void be_born(const ipc::Hello& hello, std::vector<sys::UniqueFd>& fds);
    [[nodiscard]] Result<> open_log(const ipc::Hello& hello, sys::UniqueFd region, sys::UniqueFd wakeup);
    [[nodiscard]] Result<> open_board(const ipc::Hello& hello, sys::UniqueFd board);
    void take_listeners(const ipc::Listeners& listeners, std::vector<sys::UniqueFd>& fds);
    void prepare(GenerationNumber number, const sys::UniqueFd& bundle);
    [[nodiscard]] const conf::Generation* find_generation(GenerationNumber number) const;
    [[nodiscard]] conf::GenerationRef take_prepared(GenerationNumber number);
    void commit(GenerationNumber number);
    void abort(GenerationNumber number);
    void retire(Millis deadline);
    void follow(const conf::Generation& generation);
    void start_protocols();
    void stop_protocols();

    void close_leaving();
    [[nodiscard]] bool dispatch(net::Accepted& connection);
    [[nodiscard]] std::unique_ptr<net::Intake> make_intake(ListenerId listener,
                                                           sys::UniqueFd& socket);
    void on_accept(sys::UniqueFd socket, const net::Address& peer, ListenerId listener);
    void on_signal(const sys::SignalInfo& signal);
    void at_turn_end();
    [[nodiscard]] std::size_t connections() const;
    std::size_t shed_idle(std::size_t count);
    [[nodiscard]] std::size_t shed_batch() const;
    void retry_when_full();
    /// The protocol that `generation` gives the listener, or null.
    [[nodiscard]] net::Protocol* protocol_of(const conf::Generation& generation,
                                             ListenerId listener) const;

    std::unique_ptr<event::Loop> loop_;
    State state_ = State::Unborn;
    int exit_code_ = 0;
    ipc::Channel channel_;
    ChannelPollable channel_pollable_;
    event::Signals signals_;
    Turn turn_;
    WorkerTimer shutdown_;
    WorkerTimer leaving_timer_;
    WorkerTimer full_timer_;

    log::Journal journal_;
    std::optional<shm::SharedLog> region_;
    sys::UniqueFd logger_wakeup_;
    std::optional<log::LaneLog> lanes_;

    event::Pool pool_;  ///< no thread before it is first used
    std::optional<metrics::Board> board_;
    std::optional<metrics::Station> station_;
    metrics::Counters<net::ConnectionRow> connection_rows_;
    metrics::Counters<metrics::WorkerFact> facts_;

    ZoneSaver saver_;
    /// Before whatever holds a generation: their zones use its owner.
    Zones zones_;
    DataFiles data_files_;
    net::AcceptGate gate_;
    Listeners listeners_;
    std::optional<net::WorkerContext> context_;
    /// Before the protocols, whose sessions use them. Same order as registry::services().
    std::vector<std::unique_ptr<net::Service>> services_;
    /// Same order as registry::protocols().
    std::vector<std::unique_ptr<net::Protocol>> protocols_;

    /// Compiled and waiting for Commit, oldest first. Two where a reload began while this worker
    /// was being born: its first generation and the next.
    std::vector<conf::GenerationRef> prepared_;
    /// The generation before, while listeners that only it names still empty their queues.
    conf::GenerationRef leaving_;
    log::RateLimit connection_warnings_{Millis(60'000)};
    std::size_t connection_limit_ = 512;
    Millis shutdown_limit_{0};  ///< worker_shutdown_timeout; 0: none
    bool is_multi_accept_ = false;
    bool is_full_ = false;  ///< worker_connections is reached and nothing was idle
};

}  // namespace sluice::worker
