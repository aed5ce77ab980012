// SPDX-License-Identifier: BSD-2-Clause
// `stream` over datagrams in one worker: what comes finds its session, or begins one.
// Runs in: worker.
#include "proto/dgram/protocol.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "log/log.h"
#include "sys/process.h"
#include "sys/socket.h"

namespace sluice::dgram {

namespace {

/// Datagrams of one listener per turn, before the others have theirs.
constexpr std::size_t kTurnBudget = 128;
/// Datagrams of one listener that are asked for at once, at least.
constexpr std::size_t kLeastBatch = 8;

net::Address bound_address(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    return sys::local_address(fd, &storage, &size) ? net::Address::from_kernel(storage, size)
                                                   : net::Address();
}

}  // namespace

net::ProtocolKind protocol_kind() {
    return {.name = stream::kDatagramProtocol,
            .create = [](net::WorkerContext& worker) -> std::unique_ptr<net::Protocol> {
                return std::make_unique<Dgram>(worker);
            }};
}

// ---- listeners ----

Listener::Listener(Dgram& the_protocol, ListenerId the_id, sys::UniqueFd the_socket)
    : protocol(the_protocol),
      id(the_id),
      socket(std::move(the_socket)),
      address(bound_address(socket.get())) {
    fd = socket.get();
    output.use(fd);
    on_ready = [](event::Pollable& self, std::uint32_t) {
        auto& listener = static_cast<Listener&>(self);
        Dgram& dgram = listener.protocol;
        dgram.take_from(listener, kTurnBudget);
        dgram.allow_rest();
    };
}

ListenerIntake::~ListenerIntake() {
    listener_.protocol.leave(listener_);
}

void ListenerIntake::drain(unsigned limit) {
    listener_.protocol.take_from(listener_, limit);
}

Dgram::Dgram(net::WorkerContext& worker)
    : worker_(worker), peers_(worker.loop, [](event::Pollable& self, std::uint32_t) {
          if (Client* const client = static_cast<PeerSocket&>(self).client; client != nullptr) {
              client->peer_is_ready();
          }
      }) {
    if (worker.station != nullptr) {
        meter_ = stream::Meter(*worker.station);
        rows_ = worker.station->counters(kDatagramRows);
    }
    flush_.protocol = this;
    flush_.run = [](event::Posted& posted) { static_cast<Flush&>(posted).protocol->flush_all(); };
    std::array<unsigned char, sizeof hash_key_> seed{};
    (void)sys::random_bytes(seed);  // without it the table still works
    std::memcpy(hash_key_.data(), seed.data(), sizeof hash_key_);
}

Dgram::~Dgram() {
    stop();
    const auto remove = [this](Client& client) { slab_.destroy(&client); };
    free_.each(remove);
    listeners_.each([this](Listener& listener) { listener_slab_.destroy(&listener); });
}

// The first listener makes the table: whoever listens to no datagrams has none.
std::unique_ptr<net::Intake> Dgram::listen(ListenerId listener, sys::UniqueFd& socket) {
    if (!table_) {
        table_.emplace(worker_.connection_limit);
    }
    Listener& made = *listener_slab_.make(*this, listener, std::move(socket));
    made.generation = worker_.current;
    made.port = stream::find_port(*worker_.current, listener);
    if (const Result<> watched = worker_.loop.watch(made, EPOLLIN); !watched) {
        log::write(log::Level::Alert, "cannot take datagrams of {}: {}", made.address.text(),
                   log::Failure{watched.error()});
    }
    listeners_.push_back(made);
    return std::make_unique<ListenerIntake>(made);
}

// A listener that left the configuration goes on under the last one that named it.
void Dgram::generation_changed() {
    listeners_.each([this](Listener& listener) {
        if (const stream::Port* const port = stream::find_port(*worker_.current, listener.id)) {
            listener.generation = worker_.current;
            listener.port = port;
        }
    });
    if (table_) {
        table_->set_limit(worker_.connection_limit);
    }
}

void Dgram::leave(Listener& listener) {
    worker_.loop.forget(listener);
    if (listener.sessions > 0 && stream::find_port(*worker_.current, listener.id) == nullptr) {
        // The address is nobody's any more. A socket that goes on holding it would take datagrams
        // from whoever has it next.
        all_.each([&listener](Client& client) {
            if (&client.listener() == &listener) {
                client.abandon(stream::kOk);
            }
        });
    }
    listener.is_taking = false;
    release_if_unused(listener);
}

void Dgram::release_if_unused(Listener& listener) {
    if (!listener.is_taking && listener.sessions == 0) {
        flush_listener(listener);
        listener_slab_.destroy(&listener);
    }
}

// ---- what comes ----

void Dgram::take_from(Listener& listener, std::size_t limit) {
    for (std::size_t taken = 0; taken < limit;) {
        flush_all();
        // Room that stays empty is prepared in vain: as much as may come, judged by the last time.
        const std::size_t most =
            std::clamp(2 * listener.last_count, kLeastBatch, net::DatagramInput::kSlots);
        const Result<std::size_t> count =
            input_.receive(listener.fd, most, {.sender = true, .notes = true});
        if (!count || *count == 0) {
            return;  // an error of an unconnected socket is of one datagram, and means nothing here
        }
        listener.last_count = *count;
        for (std::size_t i = 0; i < *count; ++i) {
            take(listener, input_.at(i));
        }
        flush_all();
        if (*count < most) {
            return;
        }
        taken += *count;
    }
}

void Dgram::take(Listener& listener, const net::Datagram& datagram) {
    const std::size_t count = datagram.count();
    rows_.add(DatagramRow::Received, count);
    if (datagram.is_cut) {
        return count_dropped(count);
    }
    if (count == 1) [[likely]] {
        return take_one(listener, datagram);
    }
    const std::uint64_t hash = hash_of(listener, datagram);
    Client* const known =
        table_->find(hash, [&](const Client& client) { return client.is_of(listener, datagram); });
    if (known != nullptr && known->takes_runs()) {
        return known->take(datagram);
    }
    net::Datagram one = datagram;
    for (std::string_view rest = datagram.bytes; !rest.empty();
         rest.remove_prefix(one.bytes.size())) {
        one.bytes = rest.substr(0, datagram.segment);
        one.segment = one.bytes.size();
        take_one(listener, one);
    }
}

void Dgram::take_one(Listener& listener, const net::Datagram& datagram) {
    const std::uint64_t hash = hash_of(listener, datagram);
    Client* const known =
        table_->find(hash, [&](const Client& client) { return client.is_of(listener, datagram); });
    if (known == nullptr) {
        return begin_session(listener, datagram, hash);
    }
    known->take(datagram);
}

/// Keyed: whoever can forge addresses could otherwise fill one bucket.
std::uint64_t Dgram::hash_of(const Listener& listener, const net::Datagram& datagram) const {
    std::array<char, sizeof(sockaddr_storage) + 32> text;
    std::size_t size = std::min<std::size_t>(datagram.from_size, sizeof(sockaddr_storage));
    std::memcpy(text.data(), datagram.from, size);
    const auto add = [&](const void* bytes, std::size_t count) {
        std::memcpy(text.data() + size, bytes, count);
        size += count;
    };
    if (datagram.notes.family != AF_UNSPEC) {
        add(datagram.notes.local.data(), datagram.notes.family == AF_INET ? 4 : 16);
    }
    add(&listener.id.value, sizeof listener.id.value);
    return shm::siphash(hash_key_, {text.data(), size});
}

void Dgram::begin_session(Listener& listener, const net::Datagram& datagram, std::uint64_t hash) {
    if (listener.port == nullptr || (connections() >= worker_.connection_limit && !make_room())) {
        rows_.add(DatagramRow::Refused);
        return count_dropped(1);
    }
    Client& client = take_client();
    ++listener.sessions;
    all_.push_back(client);
    young_.push_back(client);
    client.set_attached(table_->insert(hash, client));
    client.begin(listener, datagram, hash);
}

/// Ends the oldest session of whose client one datagram has come: a forged address sends no second.
bool Dgram::make_room() {
    if (young_.empty()) {
        if (full_warnings_.ask(worker_.loop.now())) {
            log::write(log::Level::Warn,
                       "{} worker_connections are not enough, new clients' datagrams are dropped",
                       worker_.connection_limit);
        }
        return false;
    }
    rows_.add(DatagramRow::Evicted);
    young_.front().evict();
    return true;
}

std::size_t Dgram::shed_idle(std::size_t count) {
    std::size_t ended = std::min(count, peers_.close_parked());
    for (; ended < count && !young_.empty(); ++ended) {
        rows_.add(DatagramRow::Evicted);
        young_.front().evict();
    }
    return ended;
}

// ---- what goes ----

void Dgram::send_to_client(Client& client, std::string_view bytes, std::size_t segment) {
    mark_dirty(client.listener());
    client.listener().output.send(bytes, segment, client.target());
}

void Dgram::send_text(Client& client, std::string_view text) {
    mark_dirty(client.listener());
    client.listener().output.send_copy(text, client.target());
}

void Dgram::send_to_peer(Client& client, std::string_view bytes, std::size_t segment) {
    if (peer_client_ != &client) {
        // One that is told of a failure may have to ask another peer, and sends again.
        while (peer_client_ != nullptr) {
            flush_peer();
        }
        peer_client_ = &client;
        peer_output_.use(client.peer_fd());
        worker_.loop.post(flush_);
    }
    peer_output_.send(bytes, segment, {});
}

void Dgram::flush_peer() {
    Client* const client = std::exchange(peer_client_, nullptr);
    if (client == nullptr) {
        return;
    }
    const net::DatagramOutcome outcome = peer_output_.flush();
    if (outcome.error.code != 0) [[unlikely]] {
        rows_.add(DatagramRow::Unsent, outcome.lost);
        client->peer_flushed(outcome);
    }
}

void Dgram::mark_dirty(Listener& listener) {
    if (!listener.DirtyHook::is_linked()) {
        dirty_.push_back(listener);
        worker_.loop.post(flush_);
    }
}

void Dgram::flush_listener(Listener& listener) {
    listener.DirtyHook::unlink();
    const net::DatagramOutcome outcome = listener.output.flush();
    if (outcome.lost > 0) [[unlikely]] {
        rows_.add(DatagramRow::Unsent, outcome.lost);
    }
}

void Dgram::forget_peer(const Client& client) {
    if (peer_client_ == &client) {
        peer_client_ = nullptr;
        rows_.add(DatagramRow::Unsent, peer_output_.flush().lost);
    }
}

void Dgram::flush_all() {
    while (peer_client_ != nullptr) {
        flush_peer();
    }
    while (!dirty_.empty()) {
        flush_listener(dirty_.front());
    }
    input_.release();
}

void Dgram::make_input_room(std::size_t count) {
    if (input_.room() < count) {
        flush_all();
    }
}

// ---- clients ----

Client& Dgram::take_client() {
    ++live_;
    if (Client* const kept = free_.pop_front(); kept != nullptr) {
        --kept_;
        return *kept;
    }
    return *slab_.make(*this);
}

void Dgram::detach(Client& client) {
    if (client.is_attached()) {
        client.set_attached(false);
        table_->erase(client.hash(), client);
    }
    client.YoungHook::unlink();
}

void Dgram::destroy(Client& client) {
    Listener& listener = client.listener();
    forget_peer(client);
    detach(client);
    client.ClientHook::unlink();
    client.clear();
    --live_;
    if (kept_ < kKept) {
        ++kept_;
        free_.push_front(client);
    } else {
        slab_.destroy(&client);
    }
    --listener.sessions;
    release_if_unused(listener);
}

void Dgram::retire() {
    all_.each([](Client& client) { client.retire(); });
}

void Dgram::stop() {
    while (!all_.empty()) {
        all_.front().abandon(stream::kOk);
    }
    flush_all();
}

}  // namespace sluice::dgram
