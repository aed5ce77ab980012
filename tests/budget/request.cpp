// SPDX-License-Identifier: BSD-2-Clause
// Budget of one keep-alive request for a small cached file: allocations, system calls by name. With
// the argument "access_log" each request writes a line; any other argument is the file of a
// configuration, in which @root@ stands for the folder of the file that is asked for. The server side runs in a child that is
// traced, so that every system call is seen; the client is another child. Golden numbers stand at
// the top.
// Runs in: tests.
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>

#include "event/loop.h"
#include "log/journal.h"
#include "log/lane_log.h"
#include "net/protocol.h"
#include "registry/registry.h"
#include "shm/shared_log.h"
#include "support/one_file.h"
#include "traced.h"

namespace {

// ---- golden numbers; raising one is a decision ----
constexpr long kAllocationsPerRequest = 0;
constexpr double kCallsPerRequest = 3.05;  // recv, send, epoll_wait; the rest is timers
constexpr double kWakeupsPerTurn = 1.01;  // with an access log: writes to the logger's eventfd

constexpr int kWarmUp = 200;
constexpr int kMeasured = 2000;

bool is_logging = false;

using namespace sluice;          // NOLINT: a test program of one file
using namespace sluice::budget;  // NOLINT

struct Counting : event::TurnHook {
    Counting(log::LaneLog& log, shm::Slot& at) : lanes(log), slot(at) {}

    log::LaneLog& lanes;
    shm::Slot& slot;
    Stretch stretch{kWarmUp, kWarmUp + kMeasured};
};

void watch_progress(event::TurnHook& hook) {
    auto& counting = static_cast<Counting&>(hook);
    counting.lanes.flush_wakeups();  // as a worker's turn ends
    counting.slot.is_logger_asleep = 1;  // the worst case: it sleeps again before every line
    static_cast<void>(counting.stretch.follow());
}

/// The configuration: that of the file, or one with nothing but `access_log`.
std::string configuration(const std::string& root, const char* access_log, const char* file) {
    if (file == nullptr) {
        return std::string("http { access_log ") + access_log +
               "; keepalive_requests 1000000; server { listen 127.0.0.1:1; root " + root + "; } }";
    }
    constexpr std::string_view kRoot = "@root@";
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    std::string out = text.str();
    for (std::size_t at = out.find(kRoot); at != out.npos; at = out.find(kRoot, at + root.size())) {
        out.replace(at, kRoot.size(), root);
    }
    return out;
}

int serve(const std::string& text, int socket) {
    support::OneFile facts(text);
    conf::Compiled compiled = support::compile(facts);
    if (!compiled.generation) {
        std::fprintf(stderr, "%s\n", compiled.errors.front().c_str());
        return 2;
    }
    auto loop = event::Loop::create();
    auto region = shm::SharedLog::create(1);
    if (!loop || !region) {
        return 2;
    }
    log::LaneLog lanes(*region, SlotId{0}, ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    log::Journal journal;
    journal.use_lanes(&lanes);
    journal.install();
    net::WorkerContext context{.loop = **loop,
                               .lanes = lanes,
                               .current = conf::GenerationRef(std::move(compiled.generation))};
    const auto protocol = registry::protocols().front().create(context);
    for (const http::Module* module : registry::http_modules()) {
        if (module->start_worker != nullptr) {
            module->start_worker(context);
        }
    }
    Counting counting(lanes, region->table().slot(SlotId{0}));
    counting.before_sleep = &watch_progress;
    (*loop)->before_sleep(counting);
    if (!be_traced()) {
        return 3;
    }
    protocol->accept({.fd = sys::UniqueFd(socket), .peer = {}, .listener = ListenerId{1}});
    while (!counting.stretch.has_ended() && protocol->connections() > 0) {
        if (!(*loop)->run_once(Millis(1000))) {
            return 2;
        }
    }
    // What does not fit into a lane that nobody drains is counted, which costs no call either.
    if (is_logging && region->access_lane(SlotId{0}).control->head < 50 * kMeasured) {
        return 5;
    }
    std::_Exit(counting.stretch.has_ended() ? 0 : 4);
}

void ask(int socket) {
    constexpr char kRequest[] = "GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n";
    std::array<char, 8192> reply{};
    for (int i = 0; i <= kWarmUp + kMeasured + 1; ++i) {
        if (::send(socket, kRequest, sizeof kRequest - 1, MSG_NOSIGNAL) < 0) {
            break;
        }
        const ssize_t got = ::recv(socket, reply.data(), reply.size(), 0);
        if (got <= 0 || std::strncmp(reply.data(), "HTTP/1.1 200", 12) != 0) {
            break;
        }
        board->replies.fetch_add(1);
    }
    std::_Exit(0);
}

}  // namespace

int main(int argc, char** argv) {
    make_board();
    is_logging = argc > 1 && std::strcmp(argv[1], "access_log") == 0;
    const char* const file = argc > 1 && !is_logging ? argv[1] : nullptr;
    const std::filesystem::path root =
        std::filesystem::temp_directory_path() / ("sluice-budget-" + std::to_string(::getpid()));
    std::filesystem::create_directory(root);
    std::ofstream(root / "index.html") << std::string(612, 'x');
    const std::array<int, 2> sockets = tcp_pair();
    const pid_t server = ::fork();
    if (server == 0) {
        ::close(sockets[1]);
        const char* const access_log = is_logging ? "/access.log" : "off";
        std::_Exit(serve(configuration(root.string(), access_log, file), sockets[0]));
    }
    const pid_t client = ::fork();
    if (client == 0) {
        ::close(sockets[0]);
        ask(sockets[1]);
    }
    ::close(sockets[0]);
    ::close(sockets[1]);
    int exit_code = 0;
    const std::map<long, long> calls = trace(server, exit_code);
    ::waitpid(client, nullptr, 0);
    std::filesystem::remove_all(root);
    if (const int outcome = outcome_of(exit_code); outcome != 0) {
        return outcome;
    }
    double total = 0;
    double wakeups = 0;
    for (const auto& [call, count] : calls) {
        const double share = static_cast<double>(count) / kMeasured;
        std::printf("%-14s (%3ld) %.3f per request\n", name_of(call), call, share);
        (is_logging && call == SYS_write ? wakeups : total) += share;
    }
    std::printf("system calls   %.3f per request, at most %.2f\n", total, kCallsPerRequest);
    std::printf("wakeups        %.3f per request of a turn each, at most %.2f\n", wakeups,
                kWakeupsPerTurn);
    std::printf("allocations    %ld in %d requests, at most %ld each\n", board->allocations.load(),
                kMeasured, kAllocationsPerRequest);
    const bool is_good = total <= kCallsPerRequest && wakeups <= kWakeupsPerTurn &&
                         board->allocations.load() <= kAllocationsPerRequest * kMeasured;
    return is_good ? 0 : 1;
}
