// SPDX-License-Identifier: BSD-2-Clause
// Worker: connections and their limits.
// Runs in: worker.
#include <algorithm>
#include <span>
#include <utility>

#include "log/log.h"
#include "registry/registry.h"
#include "worker/worker.h"

namespace sluice::worker {

namespace {

// How many idle connections make room at once when worker_connections is reached: a share of the
// limit, so that a small one is not emptied.
constexpr std::size_t kShedBatch = 16;
constexpr std::size_t kShedShare = 16;

// How soon a worker that is full of busy connections looks again for idle ones.
constexpr Millis kFullRetry{250};

}  // namespace

void Worker::on_accept(sys::UniqueFd socket, const net::Address& peer, ListenerId listener) {
    connection_rows_.add(net::ConnectionRow::Accepted);
    // Room is made before the newcomer is here: it is idle itself until its first bytes come.
    if (connections() + 1 >= connection_limit_) {
        shed_idle(shed_batch());
    }
    if (net::Protocol* const protocol = protocol_of(*context_->current, listener)) {
        connection_rows_.add(net::ConnectionRow::Handled);
        protocol->accept({.fd = std::move(socket), .peer = peer, .listener = listener});
    } else if (leaving_) {
        // A listener that left with the last reload: its queue is served as it was promised.
        net::Protocol* const former = protocol_of(*leaving_, listener);
        if (former == nullptr) {
            return;
        }
        connection_rows_.add(net::ConnectionRow::Handled);
        conf::GenerationRef current = std::exchange(context_->current, leaving_);
        former->accept({.fd = std::move(socket), .peer = peer, .listener = listener});
        context_->current = std::move(current);
    }
    if (connections() < connection_limit_ || is_full_) {
        return;
    }
    is_full_ = true;
    gate_.shut(net::ShutReason::Connections);
    loop_->arm(full_timer_, kFullRetry);
    if (connection_warnings_.ask(loop_->now())) {
        log::write(log::Level::Warn, "{} worker_connections are not enough, accepting pauses",
                   connection_limit_);
    }
}

/// What a session of one protocol hands to a listener of another; it was counted when it came.
bool Worker::dispatch(net::Accepted& connection) {
    net::Protocol* const protocol = protocol_of(*context_->current, connection.listener);
    if (protocol == nullptr) {
        return false;
    }
    protocol->accept(std::move(connection));
    return true;
}

/// Null where the listener brings connections.
std::unique_ptr<net::Intake> Worker::make_intake(ListenerId listener, sys::UniqueFd& socket) {
    net::Protocol* const protocol = protocol_of(*context_->current, listener);
    return protocol == nullptr ? nullptr : protocol->listen(listener, socket);
}

/// Connections that were busy when the limit was reached may be idle by now. Nobody knows whether a
/// client waits behind the shut gate, so a few of them have to make room.
void Worker::retry_when_full() {
    if (is_full_ && shed_idle(shed_batch()) == 0) {
        loop_->arm(full_timer_, kFullRetry);
    }
}

std::size_t Worker::shed_batch() const {
    return std::clamp<std::size_t>(connection_limit_ / kShedShare, 1, kShedBatch);
}

net::Protocol* Worker::protocol_of(const conf::Generation& generation, ListenerId listener) const {
    const conf::ListenSpec* const spec = generation.find_listen(listener);
    if (spec == nullptr) {
        return nullptr;
    }
    const std::span<const net::ProtocolKind> kinds = registry::protocols();
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (kinds[i].name == spec->protocol) {
            return protocols_[i].get();
        }
    }
    return nullptr;
}

std::size_t Worker::connections() const {
    std::size_t total = 0;
    for (const std::unique_ptr<net::Protocol>& protocol : protocols_) {
        total += protocol->connections();
    }
    return total;
}

std::size_t Worker::shed_idle(std::size_t count) {
    std::size_t closed = 0;
    for (const std::unique_ptr<net::Protocol>& protocol : protocols_) {
        if (closed < count) {
            closed += protocol->shed_idle(count - closed);
        }
    }
    return closed;
}

}  // namespace sluice::worker
