// SPDX-License-Identifier: BSD-2-Clause
// What a zone promises to one user: keys, conditions, expiry, room, adoption.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "shm/zone_user.h"
#include "sys/file.h"
#include "sys/truncate.h"

namespace sluice::shm {
namespace {

constexpr ZoneKind kKind{.name = "test"};
constexpr Millis kNow{1'000'000};

struct ZoneTest : testing::Test {
    explicit ZoneTest(ZoneSize size = {.bytes = 1 << 20, .shards = 4})
        : zone(Zone::create(kKind, size).value()), user(zone, owner) {
        EXPECT_TRUE(sys::RobustOwner::start(owner));
    }

    std::string read(std::string_view key, Millis now = kNow) {
        std::string out(100'000, '\0');
        const ZoneValue found = user.get(key, now, out);
        out.resize(found.size);
        return found.outcome == ZoneOutcome::Done ? out : "(none)";
    }

    Zone zone;
    sys::RobustOwner owner;
    ZoneUser user;
};

TEST_F(ZoneTest, GivesBackWhatWasPut) {
    const std::string large(40'000, 'x');
    EXPECT_EQ(user.put("a", "1", {.now = kNow}).outcome, ZoneOutcome::Done);
    EXPECT_EQ(user.put(std::string(300, 'k'), large, {.now = kNow}).outcome, ZoneOutcome::Done);
    EXPECT_EQ(user.put("", "empty key", {.now = kNow}).outcome, ZoneOutcome::Done);
    EXPECT_EQ(user.put("nothing", "", {.now = kNow}).outcome, ZoneOutcome::Done);

    EXPECT_EQ(read("a"), "1");
    EXPECT_EQ(read(std::string(300, 'k')), large);
    EXPECT_EQ(read(""), "empty key");
    EXPECT_EQ(read("nothing"), "");
    EXPECT_EQ(read("b"), "(none)");
    EXPECT_EQ(zone.stats().entries, 4U);
    EXPECT_EQ(zone.stats().misses, 1U);
}

TEST_F(ZoneTest, TellsTheSizeOfWhatDoesNotFitTheBuffer) {
    static_cast<void>(user.put("a", "12345", {.now = kNow}));
    std::array<char, 4> small{'-', '-', '-', '-'};

    const ZoneValue found = user.get("a", kNow, small);

    EXPECT_EQ(found.size, 5U);
    EXPECT_EQ(small[0], '-');
}

TEST_F(ZoneTest, HonoursConditions) {
    const auto put = [&](const char* value, PutWhen when, std::uint64_t version = 0) {
        return user.put("k", value, {.now = kNow, .when = when, .version = version});
    };
    EXPECT_EQ(put("0", PutWhen::IfPresent).outcome, ZoneOutcome::Absent);
    EXPECT_EQ(put("0", PutWhen::IfVersion, 7).outcome, ZoneOutcome::Absent);
    const PutResult first = put("1", PutWhen::IfAbsent);
    EXPECT_EQ(first.outcome, ZoneOutcome::Done);
    EXPECT_EQ(put("2", PutWhen::IfAbsent).outcome, ZoneOutcome::Exists);
    EXPECT_EQ(put("2", PutWhen::IfVersion, first.version + 1).outcome, ZoneOutcome::VersionDiffers);
    const PutResult second = put("2", PutWhen::IfVersion, first.version);
    EXPECT_EQ(second.outcome, ZoneOutcome::Done);
    EXPECT_NE(second.version, first.version);
    EXPECT_EQ(put("3", PutWhen::IfPresent).outcome, ZoneOutcome::Done);

    EXPECT_EQ(user.erase("k", kNow, second.version), ZoneOutcome::VersionDiffers);
    EXPECT_EQ(user.erase("k", kNow), ZoneOutcome::Done);
    EXPECT_EQ(user.erase("k", kNow), ZoneOutcome::Absent);
}

TEST_F(ZoneTest, NeverGivesAVersionTwice) {
    const std::uint64_t first = user.put("k", "1", {.now = kNow}).version;
    ASSERT_EQ(user.erase("k", kNow), ZoneOutcome::Done);

    EXPECT_NE(user.put("k", "1", {.now = kNow}).version, first);
}

TEST_F(ZoneTest, ForgetsWhatHasExpired) {
    static_cast<void>(user.put("k", "1", {.now = kNow, .expires = kNow + Millis(10)}));

    EXPECT_EQ(read("k", kNow + Millis(9)), "1");
    EXPECT_EQ(read("k", kNow + Millis(10)), "(none)");
    EXPECT_EQ(zone.stats().entries, 0U);
    EXPECT_EQ(zone.stats().expired, 1U);
}

TEST_F(ZoneTest, SweepsExpiredKeysThatNobodyAsksFor) {
    for (int i = 0; i < 200; ++i) {
        static_cast<void>(user.put("old" + std::to_string(i), "1",
                                   {.now = kNow, .expires = kNow + Millis(10)}));
    }
    for (int i = 0; i < 20'000; ++i) {
        static_cast<void>(user.put("new" + std::to_string(i % 64), "1", {.now = kNow + Millis(20)}));
    }

    EXPECT_EQ(zone.stats().entries, 64U);
}

TEST_F(ZoneTest, SweepsWhatGotItsExpiryLater) {
    for (int i = 0; i < 200; ++i) {
        const std::string key = "old" + std::to_string(i);
        static_cast<void>(user.put(key, "1", {.now = kNow}));
        EXPECT_EQ(user.set_expiry(key, kNow, [](Millis) { return std::optional(kNow + Millis(10)); }),
                  ZoneOutcome::Done);
    }
    for (int i = 0; i < 20'000; ++i) {
        static_cast<void>(user.put("new" + std::to_string(i % 64), "1", {.now = kNow + Millis(20)}));
    }

    EXPECT_EQ(zone.stats().entries, 64U);
}

TEST_F(ZoneTest, ChangesAnExpiryAndNothingElse) {
    const std::string large(10'000, 'x');
    const PutResult put = user.put("k", large, {.now = kNow, .expires = kNow + Millis(10)});
    Millis seen{0};

    EXPECT_EQ(user.set_expiry("k", kNow,
                              [&](Millis old) -> std::optional<Millis> {
                                  seen = old;
                                  return std::nullopt;
                              }),
              ZoneOutcome::Done);
    EXPECT_EQ(seen, kNow + Millis(10));
    EXPECT_EQ(user.get("k", kNow, {}).version, put.version);
    EXPECT_EQ(user.set_expiry("k", kNow, [](Millis) { return std::optional(Millis(0)); }),
              ZoneOutcome::Done);
    EXPECT_EQ(read("k", kNow + Millis(100)), large);
    EXPECT_NE(user.get("k", kNow, {}).version, put.version);
    EXPECT_EQ(user.set_expiry("none", kNow, [](Millis) { return std::optional(Millis(0)); }),
              ZoneOutcome::Absent);
}

TEST_F(ZoneTest, PutsAHeadBeforeTheValueWhateverTheSizes) {
    for (const std::size_t size : {0U, 1U, 7U, 8U, 9U, 200U, 255U, 256U, 257U, 5000U}) {
        for (int turn = 0; turn < 3; ++turn) {  // the second and third are written over the one before
            const std::string value(size, static_cast<char>('a' + turn));
            EXPECT_EQ(user.put("k", value, {.now = kNow, .head = "head:"}).outcome,
                      ZoneOutcome::Done);
            EXPECT_EQ(read("k"), "head:" + value);
        }
    }
}

TEST_F(ZoneTest, GivesTheBeginningOfALargeValueToWhoWantsThat) {
    static_cast<void>(user.put("a", "12345", {.now = kNow}));
    std::array<char, 2> small{};

    EXPECT_EQ(user.get("a", kNow, small, ReadLarge::Beginning).size, 5U);

    EXPECT_EQ(std::string(small.data(), 2), "12");
}

TEST_F(ZoneTest, ScansKeysWithoutTheirValues) {
    const std::string large(50'000, 'x');
    static_cast<void>(user.put("a", large, {.now = kNow}));
    static_cast<void>(user.put("b", large, {.now = kNow}));
    std::array<char, 512> out;
    std::string keys;
    ScanCursor cursor;
    for (ScanStep step; !step.is_end;) {
        step = user.scan(cursor, kNow, out, ScanParts::Keys);
        ASSERT_EQ(step.needed, 0U);
        for (std::size_t at = 0; at < step.size; at += sizeof(ZoneRecord) + 1) {
            ZoneRecord record;
            std::memcpy(&record, out.data() + at, sizeof record);
            EXPECT_EQ(record.value_bytes, large.size());
            keys += out[at + sizeof record];
        }
    }
    std::ranges::sort(keys);

    EXPECT_EQ(keys, "ab");
}

TEST_F(ZoneTest, ClearsAll) {
    for (int i = 0; i < 300; ++i) {
        static_cast<void>(user.put(std::to_string(i), "1", {.now = kNow}));
    }

    EXPECT_TRUE(user.clear());

    EXPECT_EQ(zone.stats().entries, 0U);
    EXPECT_EQ(zone.stats().resets, 0U);
    EXPECT_EQ(read("7"), "(none)");
    EXPECT_EQ(user.put("7", "again", {.now = kNow}).outcome, ZoneOutcome::Done);
    EXPECT_EQ(read("7"), "again");
}

TEST_F(ZoneTest, EvictsWhatWasNotUsedForLongest) {
    Zone one = Zone::create(kKind, {.bytes = kMinZoneBytes, .shards = 1}).value();
    ZoneUser small(one, owner);
    static_cast<void>(small.put("first", "1", {.now = kNow}));
    static_cast<void>(small.put("second", "2", {.now = kNow}));
    std::array<char, 8> out;
    for (int i = 0; i < 2000; ++i) {
        ASSERT_EQ(small.put("filler" + std::to_string(i), "x", {.now = kNow}).outcome,
                  ZoneOutcome::Done);
        ASSERT_EQ(small.get("first", kNow, out).outcome, ZoneOutcome::Done);
    }

    EXPECT_EQ(small.get("second", kNow, out).outcome, ZoneOutcome::Absent);
    EXPECT_GT(one.stats().evictions, 1000U);
    EXPECT_LE(one.stats().used_bytes, one.stats().capacity_bytes);
}

TEST_F(ZoneTest, MakesRoomForALargeValueOutOfManySmallOnes) {
    Zone one = Zone::create(kKind, {.bytes = 64 * 1024, .shards = 1}).value();
    ZoneUser small(one, owner);
    for (int i = 0; i < 2000; ++i) {
        static_cast<void>(small.put("filler" + std::to_string(i), "x", {.now = kNow}));
    }
    const std::string large(one.largest_value(5), 'y');

    EXPECT_EQ(small.put("large", large, {.now = kNow}).outcome, ZoneOutcome::Done);
    EXPECT_EQ(small.put("large", large + "y", {.now = kNow}).outcome, ZoneOutcome::NoRoom);

    std::string out(large.size(), '\0');
    EXPECT_EQ(small.get("large", kNow, out).size, large.size());
    EXPECT_EQ(out, large);
}

TEST_F(ZoneTest, UpdatesInPlaceAndAcrossSizes) {
    const auto add = [](Draft& draft) {
        std::uint64_t count = 0;
        if (!draft.is_new) {
            std::memcpy(&count, draft.bytes.data(), sizeof count);
        }
        ++count;
        draft.size = count < 10 ? 8 : 200;  // grows on the way
        std::memcpy(draft.bytes.data(), &count, sizeof count);
        return Decision::Store;
    };
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(user.update("counter", kNow, add), ZoneOutcome::Done);
    }

    const std::string value = read("counter");
    EXPECT_EQ(value.size(), 200U);
    EXPECT_EQ(value[0], 20);
    EXPECT_EQ(zone.stats().entries, 1U);
    const auto erase = [](Draft&) { return Decision::Erase; };
    EXPECT_EQ(user.update("counter", kNow, erase), ZoneOutcome::Done);
    EXPECT_EQ(read("counter"), "(none)");
}

TEST_F(ZoneTest, ScansEveryLivingKeyOnce) {
    for (int i = 0; i < 500; ++i) {
        static_cast<void>(user.put("k" + std::to_string(i), std::string(static_cast<std::size_t>(i), 'v'),
                                   {.now = kNow, .expires = i % 5 == 0 ? kNow + Millis(1) : Millis(0)}));
    }
    std::string buffer(1000, '\0');
    ScanCursor cursor;
    std::size_t entries = 0;
    std::size_t bytes = 0;
    for (ScanStep step; !step.is_end;) {
        step = user.scan(cursor, kNow + Millis(1), buffer);
        buffer.resize(std::max(buffer.size(), step.needed));
        entries += step.entries;
        bytes += step.size;
    }

    EXPECT_EQ(entries, 400U);
    EXPECT_GT(bytes, 400U * sizeof(ZoneRecord));
}

TEST_F(ZoneTest, IsAdoptedOnlyWhereKindLayoutAndSizeAgree) {
    static_cast<void>(user.put("k", "kept", {.now = kNow}));
    const ZoneSize size{.bytes = 1 << 20, .shards = 4};
    const auto attach = [&](const ZoneKind& kind, const ZoneSize& wanted) {
        return Zone::attach(kind, wanted, sys::duplicate(zone.fd()).value());
    };

    const auto same = attach(kKind, size);

    ASSERT_TRUE(same);
    ZoneUser other(*same, owner);
    std::array<char, 4> out;
    EXPECT_EQ(other.get("k", kNow, out).size, 4U);
    EXPECT_FALSE(attach({.name = "other"}, size));
    EXPECT_FALSE(attach({.name = "test", .layout = 2}, size));
    EXPECT_FALSE(attach(kKind, {.bytes = 1 << 20, .shards = 2}));
    EXPECT_FALSE(attach(kKind, {.bytes = 1 << 21, .shards = 4}));
    EXPECT_FALSE(Zone::create(kKind, {.bytes = kMinZoneBytes - 1}));
}

TEST(ZoneTail, BecomesShorterAndNeverLonger) {
    constexpr ZoneKind kNoCells{.name = "tail", .cell_bytes = 0};
    constexpr ZoneSize kSize{.bytes = 1 << 20, .shards = 1};
    const Zone made = Zone::create(kNoCells, kSize).value();
    const auto hand_over = [&] { return sys::duplicate(made.fd()).value(); };
    constexpr off_t kCut = 16 << 20;

    ASSERT_TRUE(sys::truncate(made.fd(), kCut));

    EXPECT_TRUE(Zone::attach(kNoCells, kSize, hand_over()));
    EXPECT_FALSE(Zone::attach(kKind, kSize, hand_over()));
    EXPECT_EQ(::pwrite(made.fd(), "x", 1, kCut), -1);
    EXPECT_FALSE(sys::truncate(made.fd(), kCut + 4096));
    EXPECT_EQ(made.stats().capacity_bytes, 0U);

    ASSERT_TRUE(sys::truncate(made.fd(), 4096));
    EXPECT_FALSE(Zone::attach(kNoCells, kSize, hand_over()));
}

TEST_F(ZoneTest, SurvivesAScribblerAndCountsTheReset) {
    // Whatever one process writes over a shard, another reads nonsense at worst.
    unsigned seed = 12345;
    std::array<char, 512> out;
    for (int round = 0; round < 300; ++round) {
        for (int i = 0; i < 40; ++i) {
            static_cast<void>(user.put("k" + std::to_string(i), std::string(200, 'v'), {.now = kNow}));
        }
        for (int i = 0; i < 50; ++i) {
            seed = seed * 1103515245 + 12345;
            const std::size_t range = sizeof(ShardHead) + (i % 2 == 0 ? 0 : zone.shape().bytes / 4);
            const std::size_t at = 64 + (seed >> 4) % (range - 64);
            zone.shard_base(seed % 4)[at] = static_cast<char>(seed >> 16);
        }
        for (int i = 0; i < 60; ++i) {
            static_cast<void>(user.get("k" + std::to_string(i), kNow, out));
            static_cast<void>(user.erase("k" + std::to_string(i * 2), kNow));
        }
    }

    EXPECT_GT(zone.stats().resets, 0U);
    for (std::uint32_t i = 0; i < zone.shards(); ++i) {
        std::memset(zone.shard_base(i), 0, zone.shape().bytes);
    }
    static_cast<void>(user.put("after", "1", {.now = kNow}));
    EXPECT_EQ(read("after"), "1");
}

TEST_F(ZoneTest, ALockOfNobodyIsTakenOver) {
    static_cast<void>(user.put("k", "1", {.now = kNow}));
    for (std::uint32_t i = 0; i < zone.shards(); ++i) {
        // No process can have that id.
        const std::uint32_t garbage = 0x3fff'fff0;
        std::memcpy(zone.shard_base(i), &garbage, sizeof garbage);
    }

    EXPECT_EQ(read("k"), "1");
    EXPECT_EQ(zone.stats().repairs, 1U);
}

TEST_F(ZoneTest, ALivingOwnerIsWaitedForNotLongerThanTheLimit) {
    const std::uint32_t parent = owner.tid();  // this very thread: lives and never unlocks
    for (std::uint32_t i = 0; i < zone.shards(); ++i) {
        std::memcpy(zone.shard_base(i), &parent, sizeof parent);
    }

    std::array<char, 4> out;
    EXPECT_EQ(user.get("k", kNow, out).outcome, ZoneOutcome::Busy);
    EXPECT_EQ(zone.stats().busy, 1U);
}

}  // namespace
}  // namespace sluice::shm
