// SPDX-License-Identifier: BSD-2-Clause
// log_bench: what one log line costs. The worker's part (the log phase of one request, rendered
// into a lane) for several formats; the logger's part (drained into a file, into nothing); and how
// many 256-byte records a second one lane carries while the logger drains it. Best of several
// rounds, one process, pinned by nobody: `taskset -c 0 log_bench`. Prints a table; `log_bench 9`
// makes nine rounds. Judges nothing: a machine's times are no test.
// Runs in: by hand.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "../tests/support/fake_facts.h"
#include "log/journal.h"
#include "log/lane_log.h"
#include "logger/drain.h"
#include "proto/http/exchange.h"
#include "proto/http/router.h"
#include "registry/registry.h"
#include "sys/clock.h"
#include "sys/file.h"

namespace {

using namespace sluice;  // NOLINT: a program of one file

constexpr SlotId kSlot{0};

double seconds_since(Nanos start) {
    return static_cast<double>((sys::monotonic_nanos() - start).count()) / 1e9;
}

void print(const char* what, double value, const char* unit) {
    std::printf("%-58s %10.1f %s\n", what, value, unit);
}

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "log_bench: %s\n", what);
    std::exit(2);
}

class FixedWire final : public http::Wire {
  public:
    void reply_ready(http::Exchange&) override {}

    void wake(http::Exchange&) override {}

    const net::Address& peer() const override { return peer_; }

    const net::Address& local() const override { return local_; }

    std::uint64_t connection_number() const override { return 4711; }

    std::uint32_t request_number() const override { return 3; }

  private:
    net::Address peer_ = *net::Address::parse("203.0.113.195:50123");
    net::Address local_ = *net::Address::parse("192.0.2.1:80");
};

/// A request as browsers send them, answered, at its log phase.
struct Ended {
    explicit Ended(const std::string& http_text) {
        facts.files["/p/bench.conf"] =
            "http { " + http_text + " server { listen 80; location / { return 200; } } }";
        conf::CompileOptions options;
        options.main_file = "/p/bench.conf";
        options.modules = registry::modules();
        options.features = registry::features();
        conf::Compiled compiled = conf::compile(facts, options);
        if (compiled.generation == nullptr) {
            give_up(compiled.errors.front().c_str());
        }
        generation = conf::GenerationRef(std::move(compiled.generation));
        exchange.port = http::find_port(*generation, facts.listener_id("0.0.0.0:80"));
        exchange.server = exchange.port->default_server;
        exchange.generation = generation;
        http::Request& request = exchange.request;
        request.line = "GET /products/cordless-drill/reviews?page=2&sort=newest HTTP/1.1";
        request.target = "/products/cordless-drill/reviews?page=2&sort=newest";
        request.uri = "/products/cordless-drill/reviews";
        request.args = "page=2&sort=newest";
        request.host = "shop.example.com";
        request.method_text = "GET";
        request.headers = headers;
        request.known[static_cast<std::size_t>(http::Field::UserAgent)] = &headers[1];
        request.known[static_cast<std::size_t>(http::Field::Referer)] = &headers[2];
        static_cast<void>(http::run_phases(exchange));
        exchange.timings.now = exchange.timings.started + Nanos(1'234'567);
        exchange.timings.wall = sys::wall_now();
        exchange.timings.bytes_sent = 21'345;
        exchange.timings.body_bytes_sent = 21'012;
        exchange.timings.request_length = 512;
    }

    void log() {
        const auto rules =
            exchange.location->rules[static_cast<std::size_t>(http::Phase::Log)];
        for (const http::BoundRule& rule : rules) {
            static_cast<void>(rule.run(exchange, rule.settings));
        }
    }

    conf::FakeFacts facts;
    conf::GenerationRef generation;
    std::array<http::Header, 4> headers{
        {{"Host", "shop.example.com", http::Field::Host},
         {"User-Agent",
          "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
          "Chrome/124.0.0.0 Safari/537.36",
          http::Field::UserAgent},
         {"Referer", "https://shop.example.com/products/cordless-drill", http::Field::Referer},
         {"Accept", "text/html,application/xhtml+xml", http::Field::Other}}};
    FixedWire wire;
    Arena arena;
    http::Exchange exchange{wire, arena};
};

/// ns per line in the worker: best of `rounds`.
void worker_cost(const char* name, const std::string& conf, int rounds) {
    constexpr int kLines = 2'000;  // short: a round that nobody interrupts is the best one
    auto region = shm::SharedLog::create(1);
    if (!region) {
        give_up("no shared memory");
    }
    log::LaneLog lanes(*region, kSlot, -1);
    log::Journal journal;
    journal.use_lanes(&lanes);
    journal.install();
    Ended ended(conf);
    shm::LaneControl& control = *region->access_lane(kSlot).control;
    double best = 1e9;
    for (int round = 0; round < rounds * 100; ++round) {
        const Nanos start = sys::monotonic_nanos();
        for (int i = 0; i < kLines; ++i) {
            ended.log();
            ended.arena.reset();
            if (i % 256 == 0) {
                // A logger that has taken everything.
                control.tail.store(control.head.load());
            }
        }
        best = std::min(best, seconds_since(start) / kLines * 1e9);
    }
    print(name, best, "ns a line");
}

std::string line_of(std::size_t size) {
    std::string line = "203.0.113.195 - - [21/Nov/2026:07:46:40 +0000] \"GET /a HTTP/1.1\" 200 21012 ";
    line.resize(size, 'x');
    return line;
}

/// ns per line of 200 bytes in the logger: a full lane is drained, again and again.
void logger_cost(const char* name, const char* path, ipc::SinkKind kind, int rounds) {
    auto region = shm::SharedLog::create(1);
    auto copy = region ? sys::duplicate(region->fd()) : fail("no", ENOMEM);
    if (!region || !copy || !region->table().claim(1)) {
        give_up("no shared memory");
    }
    auto attached = shm::SharedLog::attach(std::move(*copy));
    logger::Drain drain(std::move(*attached), {.keeper = 1, .own_pid = 2});
    sys::UniqueFd fd(::open(path, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC, 0600));
    if (!drain.open_sink({.id = SinkId{1}, .kind = kind, .path = path}, std::move(fd))) {
        give_up("no sink");
    }
    log::LaneLog lanes(*region, kSlot, -1);
    const std::string line = line_of(200);
    double best = 1e9;
    for (int round = 0; round < rounds * 20; ++round) {
        double spent = 0;
        int lines = 0;
        for (int fill = 0; fill < 2; ++fill) {
            for (int i = 0; i < 4000; ++i) {
                lanes.write_access(SinkId{1}, line, Millis(0));
            }
            lines += 4000;
            const Nanos start = sys::monotonic_nanos();
            while (drain.turn(sys::monotonic_now()) > 0) {
            }
            spent += seconds_since(start);
        }
        best = std::min(best, spent / lines * 1e9);
        if (::truncate(path, 0) != 0) {
            continue;  // /dev/null
        }
    }
    print(name, best, "ns a line");
}

/// Records a second through one lane: a writer thread against the logger's drain.
void throughput(int rounds) {
    auto region = shm::SharedLog::create(1);
    auto copy = region ? sys::duplicate(region->fd()) : fail("no", ENOMEM);
    if (!region || !copy || !region->table().claim(1)) {
        give_up("no shared memory");
    }
    auto attached = shm::SharedLog::attach(std::move(*copy));
    logger::Drain drain(std::move(*attached), {.keeper = 1, .own_pid = 2});
    if (!drain.open_sink({.id = SinkId{1}, .kind = ipc::SinkKind::Null, .path = "null"},
                         sys::UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC)))) {
        give_up("no sink");
    }
    const std::string line = line_of(256 - sizeof(shm::RecordHead) - sizeof(log::AccessHead));
    constexpr std::uint64_t kRecords = 500'000;
    double best = 0;
    for (int round = 0; round < rounds * 10; ++round) {
        const Nanos start = sys::monotonic_nanos();
        std::atomic<bool> is_done{false};
        std::thread writer([&] {
            log::LaneLog lanes(*region, kSlot, -1);
            for (std::uint64_t i = 0; i < kRecords;) {
                const std::span<char> room = lanes.begin_access({}, line.size());
                if (room.empty()) {
                    std::this_thread::yield();  // a worker would drop; here every record counts
                    continue;
                }
                std::memcpy(room.data(), line.data(), line.size());
                lanes.commit_access(SinkId{1}, line.size(), Millis(0));
                ++i;
            }
            is_done = true;
        });
        while (drain.turn(sys::monotonic_now()) > 0 || !is_done) {
        }
        writer.join();
        best = std::max(best, static_cast<double>(kRecords) / seconds_since(start));
    }
    print("one lane, 256-byte records, drained into nothing", best / 1e6, "M records/s");
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
    const std::string path = "/tmp/log_bench." + std::to_string(::getpid());
    worker_cost("worker: log phase, access_log off", "access_log off;", rounds);
    worker_cost("worker: combined", "access_log /l;", rounds);
    worker_cost("worker: escape=json, 8 values",
                "log_format j escape=json '{\"time\":\"$time_iso8601\",\"client\":\"$remote_addr\","
                "\"request\":\"$request\",\"status\":$status,\"bytes\":$body_bytes_sent,"
                "\"seconds\":$request_time,\"agent\":\"$http_user_agent\","
                "\"referer\":\"$http_referer\"}'; access_log /l j;",
                rounds);
    worker_cost("worker: typed json, 8 values",
                "log_format j json { time $time_iso8601; client $remote_addr; request $request; "
                "status $status; bytes $body_bytes_sent; seconds $request_time; "
                "agent $http_user_agent; referer $http_referer; } access_log /l j;",
                rounds);
    logger_cost("logger: 200-byte line into a file", path.c_str(), ipc::SinkKind::File, rounds);
    logger_cost("logger: 200-byte line into nothing", "/dev/null", ipc::SinkKind::Null, rounds);
    throughput(rounds);
    ::unlink(path.c_str());
    return 0;
}
