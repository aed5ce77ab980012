// SPDX-License-Identifier: BSD-2-Clause
// Captured and mutated requests of other projects, from ../shared/corpora where that folder is
// present: each cut in two at every byte is judged as it is whole.
// Runs in: tests.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/arena.h"
#include "proto/http1/body_reader.h"
#include "proto/http1/head_scan.h"
#include "proto/http1/parser.h"

namespace sluice::http1 {
namespace {

namespace fs = std::filesystem;

struct Judged {
    HeadScan::Outcome outcome = HeadScan::Outcome::More;
    HeadFault fault = HeadFault::None;
    std::uint32_t size = 0;
    std::uint64_t content = 0;
    BodyReader::Outcome body = BodyReader::Outcome::More;

    bool operator==(const Judged&) const = default;
};

void read_body(BodyReader& reader, std::string_view bytes, BodyReader::Outcome& out) {
    while (!bytes.empty() && out == BodyReader::Outcome::More) {
        const BodyReader::Step step = reader.feed(bytes);
        out = step.outcome;
        bytes.remove_prefix(step.used);
    }
}

// `cut` 0: whole.
Judged judge(std::string_view bytes, std::size_t cut, Arena& arena) {
    const HeadLimits limits;
    Judged out;
    HeadScan scan;
    if (cut > 0) {
        out.outcome = scan.feed(bytes.substr(0, cut), limits);
    }
    if (out.outcome == HeadScan::Outcome::More) {
        out.outcome = scan.feed(bytes, limits);
    }
    out.fault = scan.fault();
    if (out.outcome != HeadScan::Outcome::Complete) {
        return out;
    }
    out.size = scan.size();
    arena.reset();
    http::Request request;
    out.fault = parse_head(bytes, scan, limits, arena, request);
    if (out.fault != HeadFault::None) {
        return out;
    }
    BodyReader reader;
    reader.begin(request);
    out.body = reader.is_done() ? BodyReader::Outcome::Done : BodyReader::Outcome::More;
    const std::string_view rest = bytes.substr(out.size);
    const std::size_t split = cut > out.size ? cut - out.size : 0;
    read_body(reader, rest.substr(0, split), out.body);
    read_body(reader, rest.substr(split), out.body);
    // How far a malformed body came depends on the cut.
    out.content = out.body == BodyReader::Outcome::Malformed ? 0 : reader.content();
    return out;
}

// Tests run in the project's folder.
fs::path seeds() {
    return "../shared/corpora/http1-seeds";
}

TEST(Seeds, CutAtEveryByteAreJudgedAsWhole) {
    if (!fs::is_directory(seeds())) {
        GTEST_SKIP() << "corpora not present";
    }
    Arena arena(4096, std::size_t{1} << 20);
    std::size_t count = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator(seeds())) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        const Judged whole = judge(bytes, 0, arena);
        for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
            ASSERT_TRUE(judge(bytes, cut, arena) == whole) << entry.path() << " cut at " << cut;
        }
        ++count;
    }
    EXPECT_GT(count, 1000U);
}

}  // namespace
}  // namespace sluice::http1
