// SPDX-License-Identifier: BSD-2-Clause
// `stream` over TCP in one worker.
// Runs in: worker.
#include "proto/tcp/protocol.h"

#include <utility>

namespace sluice::tcp {

net::ProtocolKind protocol_kind() {
    return {.name = stream::kTcpProtocol,
            .create = [](net::WorkerContext& worker) -> std::unique_ptr<net::Protocol> {
                return std::make_unique<Tcp>(worker);
            }};
}

Tcp::Tcp(net::WorkerContext& worker)
    : worker_(worker) {
    if (worker.station != nullptr) {
        meter_ = stream::Meter(*worker.station);
    }
}

Tcp::~Tcp() {
    stop();
}

void Tcp::accept(net::Accepted connection) {
    const stream::Port* const port = stream::find_port(*worker_.current, connection.listener);
    if (port == nullptr) {
        return;
    }
    Client& client = *clients_.make(*this, std::move(connection.fd), connection.peer,
                                    connection.listener, worker_.next_connection_number++);
    all_.push_back(client);
    client.begin(*port);
}

void Tcp::retire() {
    all_.each([this](Client& client) {
        if (client.is_lingering()) {
            destroy(client);
        }
    });
}

void Tcp::stop() {
    while (!all_.empty()) {
        Client& client = all_.front();
        client.abandon();
        destroy(client);
    }
}

void Tcp::destroy(Client& client) {
    clients_.destroy(&client);
}

bool Tcp::hand_over(net::Accepted& handed) {
    const net::Dispatcher& dispatcher = worker_.dispatcher;
    ++passes_;
    const bool is_taken =
        dispatcher.dispatch != nullptr && dispatcher.dispatch(dispatcher.owner, handed);
    --passes_;
    return is_taken;
}

}  // namespace sluice::tcp
