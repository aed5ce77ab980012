// SPDX-License-Identifier: BSD-2-Clause
// The report's tables and JSON.
// Runs in: ipc_bench.
#include "ipc/report.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace sluice::ipc_bench {

namespace {

std::string size_text(std::size_t size) {
    if (size >= 1024 * 1024) {
        return fmt::format("{} MiB", size / (1024 * 1024));
    }
    return size >= 1024 ? fmt::format("{} KiB", size / 1024) : fmt::format("{} B", size);
}

/// Nanoseconds as a reader likes them; "–" for what was not measured.
std::string time_text(double ns) {
    if (ns <= 0) {
        return "–";
    }
    if (ns < 1e4) {
        return fmt::format("{:.0f} ns", ns);
    }
    return ns < 1e7 ? fmt::format("{:.1f} µs", ns / 1e3) : fmt::format("{:.1f} ms", ns / 1e6);
}

std::string millis_text(double ms) {
    if (ms <= 0) {
        return "–";
    }
    return ms < 10 ? fmt::format("{:.1f} ms", ms) : fmt::format("{:.0f} ms", ms);
}

void keep_least(Row& row, const Row& other) {
    for (std::size_t i = 0; i < row.message_ns.size(); ++i) {
        row.message_ns[i] = std::min(row.message_ns[i], other.message_ns[i]);
    }
    row.million_ms = std::min(row.million_ms, other.million_ms);
    row.gigabyte_ms = std::min(row.gigabyte_ms, other.gigabyte_ms);
    if (other.round_trip.median < row.round_trip.median) {
        row.round_trip = other.round_trip;
    }
}

/// `part` of one: which of the values is to have so many below it.
double quantile(std::vector<double> values, double part) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(static_cast<double>(values.size() - 1) * part)];
}

void add_messages(std::string& out, const Report& report) {
    auto to = std::back_inserter(out);
    fmt::format_to(to, "| mechanism | how |");
    for (const std::size_t size : report.sizes) {
        fmt::format_to(to, " {} |", size_text(size));
    }
    fmt::format_to(to, " 1 M × 1 KB in the texts | here | 1 GB in the texts | here |"
                       " round trip 64 B, median | p99 | p99.9 |\n|---|---|");
    for (std::size_t i = 0; i < report.sizes.size() + 7; ++i) {
        out += "---|";
    }
    out += '\n';
    for (const Row& row : report.rows) {
        fmt::format_to(to, "| {} | {} |", row.kind->name, row.kind->note);
        for (const double ns : row.message_ns) {
            fmt::format_to(to, " {} |", time_text(ns));
        }
        fmt::format_to(to, " {} | {} | {} | {} | {} | {} | {} |\n", millis_text(row.kind->text.million_ms),
                       millis_text(row.million_ms), millis_text(row.kind->text.gigabyte_ms),
                       millis_text(row.gigabyte_ms), time_text(row.round_trip.median),
                       time_text(row.round_trip.p99), time_text(row.round_trip.p999));
    }
}

void add_waiting(std::string& out, const Report& report) {
    auto to = std::back_inserter(out);
    out += "\n| idle descriptors | select | poll | epoll |\n|---|---|---|---|\n";
    for (const WaitCost& row : report.waiting) {
        fmt::format_to(to, "| {} | {} | {} | {} |\n", row.idle, time_text(row.select_ns),
                       time_text(row.poll_ns), time_text(row.epoll_ns));
    }
}

void add_fan_out(std::string& out, const Report& report) {
    auto to = std::back_inserter(out);
    out += "\n| viewers | read, then send to each | tee and splice | ratio |\n|---|---|---|---|\n";
    for (const FanCost& row : report.fan_out) {
        fmt::format_to(to, "| {} | {} | {} | {:.2f} |\n", row.viewers, time_text(row.copy_us * 1e3),
                       time_text(row.tee_us * 1e3), row.tee_us / row.copy_us);
    }
}

template <class Value>
std::vector<double> each(const std::vector<Turn>& turns, const Value& value) {
    std::vector<double> out;
    for (const Turn& turn : turns) {
        out.push_back(std::invoke(value, turn));
    }
    return out;
}

void add_turns(std::string& out, std::string_view name, const std::vector<Turn>& turns) {
    if (turns.empty()) {
        return;
    }
    const std::vector<double> ratios = each(turns, &Turn::ratio);
    fmt::format_to(std::back_inserter(out), "| {} | {} | {:.0f} ns | {:.1f} ns | {:.0f} ns | {:.1f} | {:.1f} to {:.1f} |\n",
                   name, turns.size(), quantile(each(turns, &Turn::line_ns), 0.5),
                   quantile(each(turns, &Turn::ring_ns), 0.5), quantile(each(turns, &Turn::pipe_ns), 0.5),
                   quantile(ratios, 0.5), quantile(ratios, 0.25), quantile(ratios, 0.75));
}

/// All turns, and apart by what the cache line tells of the processors.
void add_duel(std::string& out, const Report& report) {
    struct Place {
        std::string_view name;
        double most_ns;  ///< of a cache line there and back
    };

    constexpr Place kPlaces[] = {{"a cache in common", 250}, {"none in common", 2000}, {"busy with other work", 1e18}};
    out += "\nShared ring and pipe right after each other, messages of 1 KB; medians:\n\n"
           "| processors | turns | cache line there and back | ring | pipe | ratio | its middle half |\n|---|---|---|---|---|---|---|\n";
    double least = 0;
    for (const Place& place : kPlaces) {
        std::vector<Turn> turns;
        std::copy_if(report.turns.begin(), report.turns.end(), std::back_inserter(turns),
                     [&](const Turn& turn) { return turn.line_ns > least && turn.line_ns <= place.most_ns; });
        add_turns(out, place.name, turns);
        least = place.most_ns;
    }
    add_turns(out, "all", report.turns);
    fmt::format_to(std::back_inserter(out), "\nThe shared ring carries 1 KB messages {:.1f} × as fast as a pipe.\n",
                   report.ring_to_pipe());
}

}  // namespace

double Report::ring_to_pipe() const {
    return turns.empty() ? 0 : quantile(each(turns, &Turn::ratio), 0.5);
}

void Report::add_round(std::vector<Row> measured) {
    ++rounds;
    if (rows.empty()) {
        rows = std::move(measured);
        return;
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        keep_least(rows[i], measured[i]);
    }
}

std::string as_markdown(const Report& report) {
    std::string out;
    if (!report.rows.empty()) {
        out = fmt::format("Time per message, two processes, one direction; the least of {} round{}:\n\n",
                          report.rounds, report.rounds == 1 ? "" : "s");
        add_messages(out, report);
    }
    if (!report.waiting.empty()) {
        out += "\nTime of one event with its write and read, among idle descriptors:\n";
        add_waiting(out, report);
    }
    if (!report.fan_out.empty()) {
        out += "\nProcessor time for 64 KiB of one stream and each of its viewers:\n";
        add_fan_out(out, report);
    }
    if (!report.turns.empty()) {
        add_duel(out, report);
    }
    if (report.is_quick) {
        out += "A quick run: fewer messages, figures scaled up.\n";
    }
    return out;
}

std::string as_json(const Report& report) {
    std::string out = "{\n  \"mechanisms\": [";
    auto to = std::back_inserter(out);
    const char* separator = "";
    for (const Row& row : report.rows) {
        fmt::format_to(to, "{}\n    {{\"name\": \"{}\", \"message_ns\": {{", separator, row.kind->name);
        const char* comma = "";
        for (std::size_t i = 0; i < row.message_ns.size(); ++i) {
            if (row.message_ns[i] > 0) {
                fmt::format_to(to, "{}\"{}\": {:.1f}", comma, report.sizes[i], row.message_ns[i]);
                comma = ", ";
            }
        }
        fmt::format_to(to,
                       "}}, \"million_1k_ms\": {:.1f}, \"million_1k_ms_texts\": {}, \"gigabyte_ms\": {:.1f},"
                       " \"gigabyte_ms_texts\": {}, \"round_trip_ns\": {{\"p50\": {:.0f}, \"p99\": {:.0f}, \"p999\": {:.0f}}}}}",
                       row.million_ms, row.kind->text.million_ms, row.gigabyte_ms,
                       row.kind->text.gigabyte_ms, row.round_trip.median, row.round_trip.p99,
                       row.round_trip.p999);
        separator = ",";
    }
    out += "\n  ],\n  \"waiting\": [";
    separator = "";
    for (const WaitCost& row : report.waiting) {
        fmt::format_to(to, "{}\n    {{\"idle\": {}, \"select_ns\": {:.0f}, \"poll_ns\": {:.0f}, \"epoll_ns\": {:.0f}}}",
                       separator, row.idle, row.select_ns, row.poll_ns, row.epoll_ns);
        separator = ",";
    }
    out += "\n  ],\n  \"fan_out\": [";
    separator = "";
    for (const FanCost& row : report.fan_out) {
        fmt::format_to(to, "{}\n    {{\"viewers\": {}, \"copy_us\": {:.2f}, \"tee_us\": {:.2f}}}", separator,
                       row.viewers, row.copy_us, row.tee_us);
        separator = ",";
    }
    out += "\n  ],\n  \"turns\": [";
    separator = "";
    for (const Turn& turn : report.turns) {
        fmt::format_to(to, "{}\n    {{\"line_ns\": {:.0f}, \"ring_ns\": {:.2f}, \"pipe_ns\": {:.1f}}}", separator,
                       turn.line_ns, turn.ring_ns, turn.pipe_ns);
        separator = ",";
    }
    fmt::format_to(to, "\n  ],\n  \"ring_to_pipe\": {:.2f}\n}}\n", report.ring_to_pipe());
    return out;
}

std::string as_markdown(const std::vector<Threshold>& thresholds) {
    std::string out;
    auto to = std::back_inserter(out);
    for (const Threshold& threshold : thresholds) {
        fmt::format_to(to, "{}: {} against {}, processor time per transfer\n\n| size | {} | {} | ratio |\n|---|---|---|---|\n",
                       threshold.name, threshold.first, threshold.second, threshold.first, threshold.second);
        for (const Contest& contest : threshold.contests) {
            fmt::format_to(to, "| {} | {:.1f} µs | {:.1f} µs | {:.2f} |\n", size_text(contest.size),
                           contest.first_us, contest.second_us, contest.second_us / contest.first_us);
        }
        out += '\n';
    }
    out += "| threshold | cheaper from here on, measured | the server's table |\n|---|---|---|\n";
    for (const Threshold& threshold : thresholds) {
        const std::size_t measured = threshold.measured();
        fmt::format_to(to, "| {} | {} | {} |\n", threshold.name,
                       measured == 0 ? "never" : size_text(measured), size_text(threshold.built_in));
    }
    return out;
}

}  // namespace sluice::ipc_bench
