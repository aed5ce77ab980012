// SPDX-License-Identifier: BSD-2-Clause
// A zone goes to a file and comes back; anything but its own whole file is refused.
#include <array>
#include <string>

#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "shm/zone_file.h"
#include "sys/file.h"
#include "sys/memory.h"

namespace sluice::shm {
namespace {

constexpr ZoneKind kKind{.name = "test"};
constexpr ZoneClocks kThen{.monotonic = Millis(1'000'000), .wall = Millis(1'700'000'000'000)};
/// Another boot, an hour later.
constexpr ZoneClocks kLater{.monotonic = Millis(5'000), .wall = kThen.wall + Millis(3'600'000)};

struct ZoneFileTest : testing::Test {
    ZoneFileTest() : zone(make()), user(zone, owner) {
        EXPECT_TRUE(sys::RobustOwner::start(owner));
    }

    static Zone make() { return Zone::create(kKind, {.bytes = 1 << 20, .shards = 4}).value(); }

    std::string save() {
        const sys::UniqueFd file = sys::memfd("zone-file", 0).value();
        const auto saved = save_zone(user, "test", 1, kThen, file.get());
        EXPECT_TRUE(saved);
        std::string out(saved->bytes, '\0');
        EXPECT_EQ(sys::read_at(file.get(), out, 0)->size, out.size());
        EXPECT_EQ(sys::file_info(file.get())->size, out.size());
        return out;
    }

    std::string refusal(std::string_view bytes, std::string_view kind = "test", std::uint32_t layout = 1) {
        Zone other = make();
        ZoneUser reader(other, owner);
        const auto restored = restore_zone(reader, kind, layout, kLater, bytes);
        EXPECT_EQ(other.stats().entries, 0U);
        return restored ? "" : restored.error();
    }

    Zone zone;
    sys::RobustOwner owner;
    ZoneUser user;
};

TEST_F(ZoneFileTest, BringsBackValuesVersionsAndTimes) {
    const std::string large(40'000, 'x');
    const Millis now = kThen.monotonic;
    const std::uint64_t version = user.put("a", large, {.now = now}).version;
    static_cast<void>(user.put("b", "", {.now = now, .expires = now + Millis(3'600'500)}));
    static_cast<void>(user.put("c", "over by then", {.now = now, .expires = now + Millis(3'599'000)}));
    Zone other = make();
    ZoneUser reader(other, owner);

    const auto restored = restore_zone(reader, "test", 1, kLater, save());

    ASSERT_TRUE(restored);
    EXPECT_EQ(restored->entries, 2U);
    EXPECT_EQ(restored->expired, 1U);
    std::string out(large.size(), '\0');
    EXPECT_EQ(reader.get("a", kLater.monotonic, out).version, version);
    EXPECT_EQ(out, large);
    EXPECT_EQ(reader.get("b", kLater.monotonic, out).expires, kLater.monotonic + Millis(500));
    EXPECT_EQ(reader.get("c", kLater.monotonic, out).outcome, ZoneOutcome::Absent);
}

TEST_F(ZoneFileTest, RefusesWhatIsCutAnywhere) {
    static_cast<void>(user.put("key", std::string(300, 'v'), {.now = kThen.monotonic}));
    const std::string whole = save();

    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_NE(refusal(whole.substr(0, size)), "") << size;
    }
    EXPECT_NE(refusal(whole + "x"), "");
}

TEST_F(ZoneFileTest, RefusesEveryChangedByte) {
    static_cast<void>(user.put("key", "value", {.now = kThen.monotonic}));
    const std::string whole = save();

    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 0x40);
        EXPECT_NE(refusal(changed), "") << at;
    }
}

TEST_F(ZoneFileTest, RefusesAnotherKindOrLayout) {
    const std::string whole = save();

    EXPECT_EQ(refusal(whole, "other"), "it holds a zone of kind \"test\" 1, not \"other\" 1");
    EXPECT_EQ(refusal(whole, "test", 2), "it holds a zone of kind \"test\" 1, not \"test\" 2");
    EXPECT_EQ(refusal(std::string(100, 'x')), "it is no zone file");
}

TEST_F(ZoneFileTest, TheChecksumIsCastagnolis) {
    // The check value of RFC 3720's appendix: 32 zero bytes.
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a91'36aaU);
    EXPECT_EQ(crc32c("789", crc32c("123456")), crc32c("123456789"));
    EXPECT_EQ(crc32c("123456789"), 0xe306'9283U);
}

}  // namespace
}  // namespace sluice::shm
