// SPDX-License-Identifier: BSD-2-Clause
// The log's region: two mappings show the same lanes; foreign regions are refused.
#include "shm/shared_log.h"

#include <array>
#include <cstring>

#include <gtest/gtest.h>

#include "shm/lane_reader.h"
#include "shm/lane_writer.h"
#include "shm/region.h"
#include "sys/file.h"

namespace sluice::shm {
namespace {

sys::UniqueFd copy_of(int fd) {
    auto copy = sys::duplicate(fd);
    return copy ? std::move(*copy) : sys::UniqueFd();
}

TEST(SharedLog, AttachedRegionSeesEveryLaneApart) {
    auto made = SharedLog::create(3);
    ASSERT_TRUE(made);
    auto attached = SharedLog::attach(copy_of(made->fd()));
    ASSERT_TRUE(attached);
    EXPECT_EQ(attached->slots(), 3U);

    for (std::uint16_t i = 0; i < 3; ++i) {
        LaneWriter(made->errors_lane(SlotId{i})).append({}, "error " + std::to_string(i));
        LaneWriter(made->access_lane(SlotId{i})).append({}, "access " + std::to_string(i));
    }

    for (std::uint16_t i = 0; i < 3; ++i) {
        std::array<Record, 2> batch;
        LaneReader errors(attached->errors_lane(SlotId{i}));
        ASSERT_EQ(errors.peek(batch), 1U);
        EXPECT_EQ(batch[0].body, "error " + std::to_string(i));
        LaneReader access(attached->access_lane(SlotId{i}));
        ASSERT_EQ(access.peek(batch), 1U);
        EXPECT_EQ(batch[0].body, "access " + std::to_string(i));
    }
}

TEST(SharedLog, LastSlotsRingsLieWithinTheRegion) {
    auto made = SharedLog::create(5);
    ASSERT_TRUE(made);
    const Lane last = made->access_lane(SlotId{4});

    std::memset(last.bytes, 1, last.capacity);

    EXPECT_EQ(last.control->head.load(), 0U);
}

TEST(SharedLog, RefusesForeignHeaderAndShortFile) {
    auto made = SharedLog::create(1);
    ASSERT_TRUE(made);
    auto map = sys::map_shared(made->fd(), sizeof(RegionHeader), true);
    ASSERT_TRUE(map);
    RegionHeader header;
    std::memcpy(&header, map->data(), sizeof header);
    header.slots = 2000;
    std::memcpy(map->data(), &header, sizeof header);
    EXPECT_EQ(SharedLog::attach(copy_of(made->fd())).error().code, EPROTO);

    auto other = sys::memfd("other", 100);
    ASSERT_TRUE(other);
    EXPECT_EQ(SharedLog::attach(std::move(*other)).error().code, EPROTO);
    EXPECT_EQ(SharedLog::create(0).error().code, EINVAL);
}

}  // namespace
}  // namespace sluice::shm
