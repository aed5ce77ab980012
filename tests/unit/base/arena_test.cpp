// SPDX-License-Identifier: BSD-2-Clause
// Arena: alignment, the cap, and memory kept over a reset.
// Runs in: tests.
#include "base/arena.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Arena, AlignsWhatItGives) {
    Arena arena(256);

    (void)arena.allocate(1, 1);
    void* const at = arena.allocate(8, 16);

    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(at) % 16, 0U);
}

TEST(Arena, GivesNothingPastTheCapAndStaysUsable) {
    Arena arena(256, 1024);

    EXPECT_EQ(arena.allocate(4096), nullptr);

    EXPECT_NE(arena.allocate(64), nullptr);
    EXPECT_LE(arena.footprint(), 1024U);
}

TEST(Arena, KeepsItsFirstBlockOverReset) {
    Arena arena(256);
    void* const first = arena.allocate(32);
    (void)arena.allocate(10'000);

    arena.reset();

    EXPECT_EQ(arena.allocate(32), first);
    EXPECT_EQ(arena.footprint(), 256U);
}

TEST(Arena, CopiesTextWithATerminator) {
    Arena arena;

    const std::string_view copy = arena.copy("peer");

    EXPECT_EQ(copy, "peer");
    EXPECT_EQ(copy.data()[4], '\0');
}

TEST(Arena, RefusesASpanWhoseSizeOverflows) {
    Arena arena;

    EXPECT_TRUE(arena.make_span<std::uint64_t>(SIZE_MAX / 2).empty());
}

}  // namespace
}  // namespace sluice
