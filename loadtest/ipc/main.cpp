// SPDX-License-Identifier: BSD-2-Clause
// ipc_bench: what each of the kernel's means of communication costs on this machine, beside the
// figures of the founding texts; and the sizes at which the server changes from one to another.
// Runs in: ipc_bench.
#include <cstdio>
#include <fstream>
#include <span>
#include <string>

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
constexpr double kGigabyte = 1e9;

struct Options {
    bool is_quick = false;
    bool calibrates = false;
    std::string json;
    std::string svg;
    std::vector<std::string> only;
};

bool is_wanted(const Options& options, std::string_view name) {
    if (options.only.empty()) {
        return true;
    }
    return std::find(options.only.begin(), options.only.end(), name) != options.only.end();
}

/// Messages of `size` for about a tenth of a second to a second of work.
std::uint64_t count_for(std::size_t size, bool is_quick) {
    const std::uint64_t bytes = is_quick ? 1'000'000 : 200'000'000;
    return std::clamp<std::uint64_t>(bytes / size, is_quick ? 10 : 50, is_quick ? 1'000 : 200'000);
}

Row measure_kind(const Kind& kind, bool is_quick) {
    Row row;
    row.kind = &kind;
    for (const std::size_t size : kSizes) {
        row.message_ns.push_back(
            kind.max_message < size ? 0 : message_ns(kind, size, count_for(size, is_quick)));
    }
    if (kind.max_message != 0) {
        const std::uint64_t million = is_quick ? 5'000 : 1'000'000;
        row.million_ms = message_ns(kind, kKilobyte, million);  // ns each = ms per million
        const std::size_t chunk = std::min<std::size_t>(64 * kKilobyte, kind.max_message);
        const double chunks = kGigabyte / static_cast<double>(chunk);
        const auto count = static_cast<std::uint64_t>(is_quick ? chunks / 200 : chunks);
        row.gigabyte_ms = message_ns(kind, chunk, count) * chunks / 1e6;
    }
    row.round_trip = round_trip(kind, 64, is_quick ? 200 : 20'000);
    return row;
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
    Report report{.sizes = {std::begin(kSizes), std::end(kSizes)},
                  .rows = {},
                  .waiting = {},
                  .is_quick = options.is_quick};
    for (const Kind& kind : kinds()) {
        if (is_wanted(options, kind.name)) {
            fmt::print(stderr, "{} …\n", kind.name);
            report.rows.push_back(measure_kind(kind, options.is_quick));
        }
    }
    const std::span idle(kIdle);
    report.waiting = wait_costs(options.is_quick ? idle.first(3) : idle);
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
    app.add_flag("--quick", options.is_quick, "a two-hundredth of the work: does it run?");
    app.add_flag("--calibrate", options.calibrates, "measure the thresholds of the server's transfer table instead");
    app.add_option("--json", options.json, "write everything measured to this file");
    app.add_option("--svg", options.svg, "write the picture to this file");
    app.add_option("--only", options.only, "only mechanisms of these names");
    CLI11_PARSE(app, argc, argv);
    return sluice::ipc_bench::run(options);
}
