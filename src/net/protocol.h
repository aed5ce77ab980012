// SPDX-License-Identifier: BSD-2-Clause
// Protocol: what a worker asks of a wire protocol (http now, stream later). The worker accepts,
// the protocol makes sessions of it. One object per protocol and worker.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/units.h"
#include "conf/generation.h"
#include "event/loop.h"
#include "event/pool.h"
#include "log/lane_log.h"
#include "metrics/station.h"
#include "net/address.h"
#include "net/intake.h"
#include "shm/slot_table.h"
#include "sys/unique_fd.h"

namespace sluice::net {

struct Accepted;

/// Takes a connection as if it had come to `Accepted::listener`.
struct Dispatcher {
    void* owner = nullptr;
    /// False: this worker serves no such listener; the connection is the caller's still.
    bool (*dispatch)(void* owner, Accepted& connection) = nullptr;
};

/// What every session may use of its worker. Owner: the worker, for its whole life.
struct WorkerContext {
    event::Loop& loop;
    log::LaneLog& lanes;
    /// The generation for new connections and new requests; replaced on Commit.
    conf::GenerationRef current;
    bool is_retiring = false;
    std::uint64_t next_connection_number = 1;
    /// Threads for what would block the loop; null in tests that need none.
    event::Pool* pool = nullptr;
    /// Where this worker counts; null: nowhere (programs of tests).
    const metrics::Station* station = nullptr;
    /// Everybody's slots and this worker's own, for what belongs to a worker's life.
    shm::SlotTable slots{};
    SlotId slot{};
    /// For a protocol that hands a connection on (`pass`).
    Dispatcher dispatcher{};
    /// worker_connections of the current generation.
    std::size_t connection_limit = 512;
};

struct Accepted {
    sys::UniqueFd fd;
    Address peer;
    ListenerId listener;
};

class Protocol {
  public:
    virtual ~Protocol() = default;
    /// A new connection; the protocol owns it from here on, whatever happens.
    virtual void accept(Accepted connection) = 0;

    /// A listening socket of this protocol that the worker shall take from. Null: it brings
    /// connections, which the worker accepts and hands to accept(); the socket is the caller's still.
    [[nodiscard]] virtual std::unique_ptr<Intake> listen(ListenerId /*listener*/,
                                                         sys::UniqueFd& /*socket*/) {
        return nullptr;
    }
    /// WorkerContext::current is a new generation: adopt it for new requests. Nothing running stops.
    virtual void generation_changed() = 0;
    /// WorkerContext::is_retiring became true: finish what runs, answer the next request of an
    /// idle connection with `Connection: close`, close idle ones when keep-alive ends. QUIT must
    /// not wait for idle connections longer than HOUSE §2 says.
    virtual void retire() = 0;
    /// Closes everything now (TERM, or the shutdown time-out).
    virtual void stop() = 0;
    /// Connections that are open, idle ones included.
    [[nodiscard]] virtual std::size_t connections() const = 0;
    /// Closes up to `count` of the longest idle connections; gives how many it closed. Called when
    /// worker_connections or descriptors run out.
    virtual std::size_t shed_idle(std::size_t count) = 0;
};

/// One line of the registry's list of wires. `name` is ListenSpec::protocol.
struct ProtocolKind {
    std::string_view name;
    std::unique_ptr<Protocol> (*create)(WorkerContext& worker);
};

}  // namespace sluice::net
