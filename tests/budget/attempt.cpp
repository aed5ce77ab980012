// SPDX-License-Identifier: BSD-2-Clause
// Budget of finding a peer: allocations of an attempt that asks, fails, asks the next one and
// succeeds, after a warm-up, for each method, with the worker's own memory and with a shared zone.
// Runs in: tests.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "conf/generation.h"
#include "counted_malloc.h"
#include "net/address.h"
#include "registry/registry.h"
#include "support/fake_facts.h"
#include "sys/futex.h"
#include "upstream/attempt.h"
#include "upstream/block.h"

namespace {

constexpr long kAllocationsPerAttempt = 0;  // golden; raising it is a decision
constexpr int kWarmUp = 1000;
constexpr int kMeasured = 20'000;

std::atomic<long> allocations{0};

}  // namespace

void sluice::budget::note_allocation() {
    allocations.fetch_add(1, std::memory_order_relaxed);
}

namespace {

using namespace sluice;  // NOLINT: a test program of one file

struct Method {
    const char* text;
    int peers;
};

constexpr Method kMethods[] = {
    {"", 3},       {"", 100},        {"least_conn;", 10},         {"least_time last_byte inflight;", 10},
    {"hash k;", 10}, {"hash k consistent;", 10}, {"random two;", 10},
};

std::string conf_of(const Method& method) {
    std::string out = std::string("stream { upstream u { ") + method.text;
    for (int i = 1; i <= method.peers; ++i) {
        out += " server 127.0.0.1:" + std::to_string(i) + " max_fails=0;";
    }
    return out + " } server { listen 127.0.0.1:1; return x; } }";
}

void attempt_once(upstream::Group& group, Arena& arena, const net::Address& client, Millis now) {
    arena.reset();
    upstream::Attempt attempt;
    attempt.begin(group, {.subject = nullptr, .arena = arena, .client = client}, now);
    static_cast<void>(attempt.next(now));
    attempt.fail(now);
    static_cast<void>(attempt.next(now));
    attempt.connected(now);
    attempt.first_byte(now);
    attempt.count(1, 2);
    attempt.succeed(now);
}

/// Gives the allocations of an attempt.
double measure(upstream::PeerStore& store, const Method& method, const char* where) {
    conf::FakeFacts facts;
    facts.files["/t.conf"] = conf_of(method);
    conf::Compiled compiled = conf::compile(facts, {.main_file = "/t.conf",
                                                    .globals = {},
                                                    .number = GenerationNumber{1},
                                                    .modules = registry::modules(),
                                                    .features = registry::features()});
    if (compiled.generation == nullptr) {
        std::fprintf(stderr, "%s\n", compiled.errors.front().c_str());
        std::exit(2);
    }
    const upstream::GroupSpec& spec =
        *compiled.generation->main_level().conf<upstream::UpstreamConf>().groups;
    upstream::Group group(spec, store, Millis(1000));
    Arena arena;
    const net::Address client = *net::Address::parse("192.0.2.1:5");
    for (int i = 0; i < kWarmUp; ++i) {
        attempt_once(group, arena, client, Millis(1000 + i));
    }
    const long before = allocations.load();
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < kMeasured; ++i) {
        attempt_once(group, arena, client, Millis(3000 + i));
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    const double each = static_cast<double>(allocations.load() - before) / kMeasured;
    std::printf("%6.0f ns, %.3f allocations: two picks, %s, %d peers, %s\n", took.count() / kMeasured,
                each, *method.text == '\0' ? "round robin" : method.text, method.peers, where);
    return each;
}

}  // namespace

int main() {
    constexpr shm::ZoneSize kSize{.bytes = 4 << 20, .shards = 1};
    const shm::Zone zone = shm::Zone::create(upstream::kUpstreamZone, kSize).value();
    sys::RobustOwner owner;
    if (!sys::RobustOwner::start(owner)) {
        return 2;
    }
    shm::ZoneUser user(zone, owner);
    bool is_good = true;
    for (const Method& method : kMethods) {
        upstream::PeerStore own;
        is_good = measure(own, method, "own memory") <= kAllocationsPerAttempt && is_good;
        upstream::PeerStore shared(user, {}, SlotId{});
        is_good = measure(shared, method, "shared zone") <= kAllocationsPerAttempt && is_good;
    }
    return is_good ? 0 : 1;
}
