// SPDX-License-Identifier: BSD-2-Clause
// Slots have one owner at a time, also with two masters.
#include "shm/slot_table.h"

#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::shm {
namespace {

constexpr pid_t kOld = 100;
constexpr pid_t kNew = 200;

TEST(SlotTable, ClaimAssignReleaseShowInInfo) {
    std::vector<Slot> slots(2);
    SlotTable table(slots);

    const auto id = table.claim(kOld);
    ASSERT_TRUE(id);
    EXPECT_EQ(table.info(*id).state, SlotState::Claimed);
    table.assign(*id, 4711, 99);

    EXPECT_EQ(table.info(*id).state, SlotState::Live);
    EXPECT_EQ(table.info(*id).pid, 4711);
    EXPECT_EQ(table.info(*id).start_time, 99U);
    table.release(*id);
    EXPECT_EQ(table.info(*id).state, SlotState::Free);
    EXPECT_EQ(table.info(*id).keeper, kOld);
}

TEST(SlotTable, ReclaimedSlotHasNextEpoch) {
    std::vector<Slot> slots(1);
    SlotTable table(slots);
    const auto first = table.claim(kOld);
    ASSERT_TRUE(first);
    const std::uint32_t before = table.info(*first).epoch;
    table.release(*first);

    const auto second = table.claim(kOld);

    ASSERT_TRUE(second);
    EXPECT_EQ(table.info(*second).epoch, before + 1);
    EXPECT_EQ(table.info(*second).pid, 0);
}

TEST(SlotTable, FullTableGivesNothing) {
    std::vector<Slot> slots(1);
    SlotTable table(slots);
    ASSERT_TRUE(table.claim(kOld));

    EXPECT_FALSE(table.claim(kOld));
}

TEST(SlotTable, OtherMastersFreeSlotIsLeftAloneUntilForgotten) {
    std::vector<Slot> slots(1);
    SlotTable table(slots);
    const auto id = table.claim(kOld);
    ASSERT_TRUE(id);
    table.release(*id);
    EXPECT_FALSE(table.claim(kNew)) << "its lanes may hold lines for the old logger";

    table.forget_keeper(kOld);

    EXPECT_TRUE(table.claim(kNew));
}

TEST(SlotTable, AdoptsOnlyFromTheNamedDeadKeeper) {
    std::vector<Slot> slots(1);
    SlotTable table(slots);
    const auto id = table.claim(kOld);
    ASSERT_TRUE(id);
    table.assign(*id, 4711, 1);

    EXPECT_FALSE(table.adopt(*id, 999, kNew));
    EXPECT_TRUE(table.adopt(*id, kOld, kNew));

    EXPECT_EQ(table.info(*id).keeper, kNew);
    EXPECT_EQ(table.info(*id).state, SlotState::Free);
}

TEST(SlotTable, OwnerIsAliveFromItsClaimUntilItIsReaped) {
    std::vector<Slot> slots(2);
    SlotTable table(slots);
    const auto id = table.claim(kOld);
    ASSERT_TRUE(id);
    const std::uint32_t epoch = table.epoch_of(*id);

    EXPECT_TRUE(table.is_alive(id->value, epoch)) << "it may write before its pid is recorded";
    table.assign(*id, 4711, 99);
    EXPECT_TRUE(table.is_alive(id->value, epoch));
    table.release(*id);

    EXPECT_FALSE(table.is_alive(id->value, epoch));
}

TEST(SlotTable, OwnerIsDeadOnceItsSlotIsAnothers) {
    std::vector<Slot> slots(1);
    SlotTable table(slots);
    const auto first = table.claim(kOld);
    ASSERT_TRUE(first);
    const std::uint32_t epoch = table.epoch_of(*first);
    table.assign(*first, 4711, 99);
    table.release(*first);

    const auto second = table.claim(kOld);
    ASSERT_TRUE(second);
    table.assign(*second, 4712, 150);

    EXPECT_FALSE(table.is_alive(first->value, epoch));
    EXPECT_TRUE(table.is_alive(second->value, table.epoch_of(*second)));
}

TEST(SlotTable, OwnerWithTheSamePidIsAnother) {
    std::vector<Slot> slots(1);
    SlotTable table(slots);
    const auto first = table.claim(kOld);
    ASSERT_TRUE(first);
    const std::uint32_t epoch = table.epoch_of(*first);
    table.assign(*first, 4711, 99);
    table.release(*first);

    const auto second = table.claim(kOld);
    ASSERT_TRUE(second);
    table.assign(*second, 4711, 150);

    EXPECT_FALSE(table.is_alive(first->value, epoch));
    EXPECT_EQ(table.info(*second).pid, 4711);
    EXPECT_EQ(table.info(*second).start_time, 150U)
        << "by which a reader of pids knows the two apart";
}

TEST(SlotTable, AdoptedSlotsOwnerIsDead) {
    std::vector<Slot> slots(1);
    SlotTable table(slots);
    const auto id = table.claim(kOld);
    ASSERT_TRUE(id);
    table.assign(*id, 4711, 99);
    const std::uint32_t epoch = table.epoch_of(*id);

    ASSERT_TRUE(table.adopt(*id, kOld, kNew));

    EXPECT_FALSE(table.is_alive(id->value, epoch));
    EXPECT_FALSE(table.is_alive(id->value, table.epoch_of(*id)));
}

TEST(SlotTable, NumbersOutsideTheTableAreNobody) {
    std::vector<Slot> slots(2);
    const SlotTable table(slots);

    EXPECT_EQ(table.epoch_of(SlotId{2}), 0U);
    EXPECT_FALSE(table.is_alive(2, 0));
    EXPECT_FALSE(table.is_alive(0x1'0000, 0)) << "not cut to slot 0";
    EXPECT_FALSE(table.is_alive(0xffff'ffff, 0));
}

TEST(SlotTable, ProcessWithoutATableIsAlive) {
    const SlotTable none;

    EXPECT_EQ(none.epoch_of(SlotId{3}), 0U);
    EXPECT_TRUE(none.is_alive(3, 0));
    EXPECT_FALSE(none.is_alive(3, 1));
}

TEST(SlotTable, TwoMastersNeverGetTheSameSlot) {
    std::vector<Slot> slots(64);
    std::vector<SlotId> taken[2];
    const auto claim_all = [&slots](pid_t keeper, std::vector<SlotId>& out) {
        SlotTable table(slots);
        while (const auto id = table.claim(keeper)) {
            out.push_back(*id);
        }
    };

    std::thread other(claim_all, kNew, std::ref(taken[1]));
    claim_all(kOld, taken[0]);
    other.join();

    std::set<SlotId> all(taken[0].begin(), taken[0].end());
    all.insert(taken[1].begin(), taken[1].end());
    EXPECT_EQ(taken[0].size() + taken[1].size(), 64U);
    EXPECT_EQ(all.size(), 64U);
}

}  // namespace
}  // namespace sluice::shm
