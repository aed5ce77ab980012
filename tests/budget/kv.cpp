// SPDX-License-Identifier: BSD-2-Clause
// Budget of kv in stream: allocations and system calls of a batch of requests that come together. The
// arguments are what is asked for (get, set, mixed) and how many requests make a batch. The server
// runs in a child that is traced; another child is the client. Golden numbers stand at the top.
// Runs in: tests.
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/loop.h"
#include "log/journal.h"
#include "log/lane_log.h"
#include "modules/shared/kv_conf.h"
#include "net/protocol.h"
#include "proto/stream/module.h"
#include "registry/registry.h"
#include "shm/shared_log.h"
#include "shm/zone_user.h"
#include "support/one_file.h"
#include "traced.h"

namespace {

// ---- golden numbers; raising one is a decision ----
constexpr long kAllocationsPerBatch = 0;
constexpr double kCallsPerBatch = 3.05;  // recv, send, epoll_wait; the rest is timers

constexpr int kWarmUp = 200;
constexpr int kMeasured = 2000;
constexpr std::string_view kConf =
    "stream { kv_zone cache 1m shards=4; server { listen 127.0.0.1:1; kv zone=cache; } }";

using namespace sluice;          // NOLINT: a test program of one file
using namespace sluice::budget;  // NOLINT

struct Counting : event::TurnHook {
    Stretch stretch{kWarmUp, kWarmUp + kMeasured};
};

std::unique_ptr<net::Protocol> make_protocol(net::WorkerContext& context) {
    for (const net::ProtocolKind& kind : registry::protocols()) {
        if (kind.name == "stream") {
            return kind.create(context);
        }
    }
    return nullptr;
}

/// A worker with one connection.
class Server {
  public:
    Server() : region_(shm::SharedLog::create(1).value()), lanes_(region_, SlotId{0}, -1) {
        journal_.use_lanes(&lanes_);
        journal_.install();
    }

    /// What the program ends with.
    int serve(int socket) {
        support::OneFile facts{kConf};
        conf::Compiled compiled = support::compile(facts);
        if (!compiled.generation || !sys::RobustOwner::start(owner_)) {
            return 2;
        }
        const std::unique_ptr<conf::ZoneSpec>& spec = compiled.generation->zones().front();
        auto zone = shm::Zone::create(modules::kPairs, {.bytes = spec->bytes, .shards = spec->shards});
        auto loop = event::Loop::create();
        if (!zone || !loop) {
            return 2;
        }
        shm::ZoneUser user(*zone, owner_);
        spec->attached = &user;
        net::WorkerContext context{.loop = **loop,
                                   .lanes = lanes_,
                                   .current = conf::GenerationRef(std::move(compiled.generation))};
        for (const stream::Module* const module : registry::stream_modules()) {
            if (module->start_worker != nullptr) {
                module->start_worker(context);
            }
        }
        return run(**loop, *make_protocol(context), socket);
    }

  private:
    static int run(event::Loop& loop, net::Protocol& protocol, int socket) {
        Counting counting;
        counting.before_sleep = [](event::TurnHook& hook) {
            static_cast<void>(static_cast<Counting&>(hook).stretch.follow());
        };
        loop.before_sleep(counting);
        if (!be_traced()) {
            return 3;
        }
        protocol.accept({.fd = sys::UniqueFd(socket), .peer = {}, .listener = ListenerId{1}});
        while (!counting.stretch.has_ended() && protocol.connections() > 0) {
            if (!loop.run_once(Millis(1000))) {
                return 2;
            }
        }
        std::_Exit(counting.stretch.has_ended() ? 0 : 4);
    }

    shm::SharedLog region_;
    log::LaneLog lanes_;
    log::Journal journal_;
    sys::RobustOwner owner_;
};

/// Requests that go out together, and what they are answered.
struct Batch {
    std::string requests;
    std::string answers;

    void add(std::string_view request, std::string_view answer) {
        requests += request;
        answers += answer;
    }
};

Batch make_batch(std::string_view what, std::size_t count) {
    Batch batch;
    for (std::size_t i = 0; i < count; ++i) {
        if (what == "get" || (what == "mixed" && i % 2 == 1)) {
            batch.add("*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000000\r\n", "$3\r\nxxx\r\n");
        } else {
            batch.add("*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n$3\r\nxxx\r\n", "+OK\r\n");
        }
    }
    return batch;
}

bool talk(int socket, const Batch& batch) {
    std::vector<char> answers(batch.answers.size());
    return ::send(socket, batch.requests.data(), batch.requests.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(batch.requests.size()) &&
           ::recv(socket, answers.data(), answers.size(), MSG_WAITALL) ==
               static_cast<ssize_t>(answers.size()) &&
           std::string_view(answers.data(), answers.size()) == batch.answers;
}

void ask(int socket, const Batch& batch) {
    for (int i = 0; i <= kWarmUp + kMeasured + 1 && talk(socket, batch); ++i) {
        board->replies.fetch_add(1);
    }
    std::_Exit(0);
}

}  // namespace

int main(int argc, char** argv) {
    make_board();
    const std::string_view what = argc > 1 ? argv[1] : "mixed";
    const Batch batch = make_batch(what, argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
    const std::array<int, 2> sockets = tcp_pair();
    const pid_t server = ::fork();
    if (server == 0) {
        ::close(sockets[1]);
        std::_Exit(Server().serve(sockets[0]));
    }
    const pid_t client = ::fork();
    if (client == 0) {
        ::close(sockets[0]);
        static_cast<void>(talk(sockets[1], make_batch("set", 1)));
        ask(sockets[1], batch);
    }
    ::close(sockets[0]);
    ::close(sockets[1]);
    int exit_code = 0;
    const std::map<long, long> calls = trace(server, exit_code);
    ::waitpid(client, nullptr, 0);
    if (const int outcome = outcome_of(exit_code); outcome != 0) {
        return outcome;
    }
    return judge(calls, {.round = "batch",
                         .rounds = "batches",
                         .measured = kMeasured,
                         .calls = kCallsPerBatch,
                         .allocations = kAllocationsPerBatch});
}
