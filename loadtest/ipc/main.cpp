// SPDX-License-Identifier: BSD-2-Clause
// ipc_bench: what each of the kernel's means of communication costs on this machine, beside the
// figures of the founding texts; and the sizes at which the server changes from one to another.
// Runs in: ipc_bench.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "ipc/calibrate.h"
#include "ipc/measure.h"
#include "ipc/report.h"

namespace sluice::ipc_bench {

namespace {

constexpr std::size_t kKilobyte = 1024;
constexpr std::size_t kSizes[] = {64, kKilobyte, 16 * kKilobyte, 64 * kKilobyte, kKilobyte * kKilobyte};
constexpr std::size_t kIdle[] = {10, 100, 1000, 5000, 10'000, 15'000};
constexpr std::size_t kViewers[] = {1, 10, 100};
constexpr double kGigabyte = 1e9;

struct Options {
    bool is_quick = false;
    bool calibrates = false;
    std::string json;
    std::string svg;
    std::vector<std::string> only;
};

constexpr std::size_t kRounds = 3;
constexpr double kMostSeconds = 210;  ///< the rounds' share of the five minutes in which all is done
constexpr double kMostTurnSeconds = 30;

bool is_wanted(const Options& options, std::string_view name) {
    if (options.only.empty()) {
        return true;
    }
    return std::find(options.only.begin(), options.only.end(), name) != options.only.end();
}

/// How much is done. A quick run asks only whether everything works.
struct Amounts {
    std::uint64_t bytes = 200'000'000;  ///< by size: so many, but
    std::uint64_t most = 200'000;       ///< no more messages than this
    std::uint64_t million = 1'000'000;
    double gigabyte = 1e9;
    std::size_t round_trips = 20'000;
    std::size_t events = 2000;
    std::size_t pieces = 4000;
    std::size_t rounds = kRounds;
    std::size_t turns = 21;
    std::uint64_t turn_messages = 100'000;
    bool is_checked_whole = false;  ///< every byte of every message
};

constexpr Amounts kQuick{.bytes = 1'000'000,
                         .most = 1000,
                         .million = 5000,
                         .gigabyte = 4e6,
                         .round_trips = 50,
                         .events = 50,
                         .pieces = 200,
                         .rounds = 1,
                         .turns = 3,
                         .turn_messages = 5000,
                         .is_checked_whole = true};

/// Messages of `size` for about a tenth of a second to a second of work.
std::uint64_t count_for(std::size_t size, const Amounts& amounts) {
    return std::clamp<std::uint64_t>(amounts.bytes / size, 20, amounts.most);
}

Row measure_kind(const Kind& kind, const Amounts& amounts) {
    const auto measured = [&](std::size_t size, std::uint64_t count) {
        return kind.max_message < size
                   ? 0
                   : message_ns(kind, {.size = size, .count = count, .is_checked_whole = amounts.is_checked_whole});
    };
    Row row;
    row.kind = &kind;
    for (const std::size_t size : kSizes) {
        row.message_ns.push_back(measured(size, count_for(size, amounts)));
    }
    if (kind.max_message != 0) {
        row.million_ms = measured(kKilobyte, amounts.million);  // ns each = ms per million
        const std::size_t chunk = std::min<std::size_t>(64 * kKilobyte, kind.max_message);
        const auto count = static_cast<std::uint64_t>(amounts.gigabyte / static_cast<double>(chunk));
        row.gigabyte_ms = measured(chunk, count) * kGigabyte / static_cast<double>(chunk) / 1e6;
    }
    row.round_trip = round_trip(kind, 64, amounts.round_trips);
    return row;
}

/// All kinds in turn, and again: whatever disturbs the machine for a while meets one round. Begins no
/// round that might not end in time.
void measure_kinds(const Options& options, const Amounts& amounts, Report& report) {
    const std::int64_t begin = now_ns();
    for (std::size_t round = 0; round < amounts.rounds; ++round) {
        const double seconds = static_cast<double>(now_ns() - begin) / 1e9;
        if (round > 0 && seconds + 1.5 * seconds / static_cast<double>(round) > kMostSeconds) {
            break;
        }
        std::vector<Row> rows;
        for (const Kind& kind : kinds()) {
            if (is_wanted(options, kind.name)) {
                fmt::print(stderr, "round {}: {} …\n", round + 1, kind.name);
                rows.push_back(measure_kind(kind, amounts));
            }
        }
        report.add_round(std::move(rows));
    }
}

const Kind* kind_of(std::string_view name) {
    const auto all = kinds();
    const auto found = std::find_if(all.begin(), all.end(), [name](const Kind& kind) { return kind.name == name; });
    return found == all.end() ? nullptr : &*found;
}

/// Ring and pipe in turn, in so short pieces that both meet the machine in the same state: the least of
/// three of each, as whoever takes a processor away for a moment is no part of either.
void measure_turns(const Amounts& amounts, Report& report) {
    const Kind* const ring = kind_of(kRing);
    const Kind* const pipe = kind_of("pipe");
    const Load load{.size = kKilobyte, .count = amounts.turn_messages};
    const double begin = static_cast<double>(now_ns());
    for (std::size_t i = 0; i < amounts.turns; ++i) {
        if (i >= 3 && (static_cast<double>(now_ns()) - begin) / 1e9 > kMostTurnSeconds) {
            break;
        }
        Turn turn;
        turn.line_ns = line_ns();
        turn.ring_ns = message_ns(*ring, load);
        turn.pipe_ns = message_ns(*pipe, load);
        for (int again = 1; again < 3; ++again) {
            turn.ring_ns = std::min(turn.ring_ns, message_ns(*ring, load));
            turn.pipe_ns = std::min(turn.pipe_ns, message_ns(*pipe, load));
        }
        report.turns.push_back(turn);
    }
}

bool write_file(const std::string& path, const std::string& text) {
    if (path.empty()) {
        return true;
    }
    std::ofstream file(path, std::ios::binary);
    file << text;
    file.close();
    if (!file) {
        fmt::print(stderr, "ipc_bench: \"{}\" could not be written\n", path);
    }
    return static_cast<bool>(file);
}

int run(const Options& options) {
    if (options.calibrates) {
        fmt::print("{}", as_markdown(calibrate(options.is_quick ? 1 : 5)));
        return 0;
    }
    const Amounts amounts = options.is_quick ? kQuick : Amounts{};
    Report report;
    report.sizes = {std::begin(kSizes), std::end(kSizes)};
    report.is_quick = options.is_quick;
    measure_kinds(options, amounts, report);
    if (is_wanted(options, "turns")) {
        fmt::print(stderr, "ring and pipe in turn …\n");
        measure_turns(amounts, report);
    }
    if (is_wanted(options, "waiting")) {
        const std::span idle(kIdle);
        report.waiting = wait_costs(options.is_quick ? idle.first(3) : idle, amounts.events);
    }
    if (is_wanted(options, "viewers")) {
        for (const std::size_t viewers : kViewers) {
            report.fan_out.push_back(fan_out(viewers, amounts.pieces));
        }
    }
    fmt::print("{}", as_markdown(report));
    const bool is_written =
        write_file(options.json, as_json(report)) && write_file(options.svg, as_svg(report));
    return is_written ? 0 : 1;
}

}  // namespace

}  // namespace sluice::ipc_bench

int main(int argc, char** argv) {
    sluice::ipc_bench::Options options;
    CLI::App app{"What each means of communication between processes costs on this machine"};
    app.add_flag("--quick", options.is_quick, "a small part of the work: does it run?");
    app.add_flag("--calibrate", options.calibrates, "measure the thresholds of the server's transfer table instead");
    app.add_option("--json", options.json, "write everything measured to this file");
    app.add_option("--svg", options.svg, "write the picture to this file");
    app.add_option("--only", options.only, "only mechanisms of these names, \"turns\", \"waiting\" or \"viewers\"");
    CLI11_PARSE(app, argc, argv);
    return sluice::ipc_bench::run(options);
}
