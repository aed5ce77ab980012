// SPDX-License-Identifier: BSD-2-Clause
// A worker that is killed while it logs leaves whole records only, and its slot's next owner goes
// on.
#include <array>
#include <cstdint>
#include <cstring>
#include <signal.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "shm/lane_history.h"
#include "shm/lane_reader.h"
#include "shm/lane_writer.h"
#include "shm/shared_log.h"

namespace sluice::shm {
namespace {

[[noreturn]] void write_for_ever(const Lane& lane) {
    LaneWriter writer(lane);
    std::array<char, 2048> body{};
    for (std::uint64_t i = 0;; ++i) {
        const std::size_t size = 16 + i * 131 % 2000;
        body.fill(static_cast<char>(size));
        std::memcpy(body.data(), &size, sizeof size);
        writer.append({.type = RecordType::Access}, {body.data(), size});
    }
}

bool is_whole(std::string_view body) {
    std::size_t size = 0;
    std::memcpy(&size, body.data(), std::min(body.size(), sizeof size));
    return body.size() == size &&
           body.substr(8).find_first_not_of(static_cast<char>(size)) == std::string_view::npos;
}

TEST(Lane, WriterKilledAnywhereLeavesNoTornRecord) {
    auto region = SharedLog::create(1);
    ASSERT_TRUE(region);
    const Lane lane = region->access_lane(SlotId{0});
    LaneReader reader(lane);
    std::array<Record, 64> batch;
    std::size_t seen = 0;

    std::uint64_t random = 88'172'645'463'325'252;  // the same points in every run of the test
    for (std::size_t round = 0; round < 1000; ++round) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            write_for_ever(lane);
        }
        // Kill at a point of the work, not of time: after a number of records that differs by
        // round.
        random ^= random << 13U;
        random ^= random >> 7U;
        random ^= random << 17U;
        const std::size_t goal = seen + 1 + random % 101;
        while (seen < goal) {
            const std::size_t count = reader.peek(batch);
            for (std::size_t i = 0; i < count; ++i) {
                ASSERT_TRUE(is_whole(batch[i].body));
            }
            seen += count;
            reader.advance();
        }
        for (std::uint64_t spin = random >> 52U; spin > 0; --spin) {
            static_cast<void>(reader.has_records());  // and somewhere within a record
        }
        ::kill(child, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
    }
    while (const std::size_t count = reader.peek(batch)) {
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_TRUE(is_whole(batch[i].body));
        }
        reader.advance();
    }

    EXPECT_EQ(reader.take_losses().resets, 0U);
    LaneHistory history(lane);
    std::vector<PastRecord> past;
    history.read(past);
    EXPECT_FALSE(past.empty());
    for (const PastRecord& record : past) {
        EXPECT_TRUE(is_whole(record.body));
    }
}

}  // namespace
}  // namespace sluice::shm
