// SPDX-License-Identifier: BSD-2-Clause
// Counters and histograms.
#include <memory>

#include <gtest/gtest.h>

#include "metrics/counter.h"
#include "metrics/histogram.h"
#include "sys/file.h"

namespace sluice::metrics {
namespace {

TEST(Board, SumsLanesOfAllSlotsAcrossMappings) {
    auto made = Board::create(3, 10);
    ASSERT_TRUE(made);
    auto copy = sys::duplicate(made->fd());
    ASSERT_TRUE(copy);
    auto attached = Board::attach(std::move(*copy), 10);
    ASSERT_TRUE(attached);

    made->lane(SlotId{0}).add(9, 5);
    made->lane(SlotId{2}).add(9);
    made->lane(SlotId{1}).add(0, 100);

    EXPECT_EQ(attached->sum(9), 6U);
    EXPECT_EQ(attached->sum(0), 100U);
    EXPECT_EQ(attached->sum(1), 0U);
}

TEST(Board, NewOwnerOfSlotGoesOnCounting) {
    auto board = Board::create(1, 1);
    ASSERT_TRUE(board);
    board->lane(SlotId{0}).add(0, 7);

    board->lane(SlotId{0}).add(0, 1);

    EXPECT_EQ(board->sum(0), 8U);
}

TEST(Board, IgnoresWhatIsOutOfRange) {
    auto board = Board::create(1, 1);
    ASSERT_TRUE(board);

    board->lane(SlotId{0}).add(1, 7);
    board->lane(SlotId{1}).add(0, 7);

    EXPECT_EQ(board->sum(0), 0U);
    EXPECT_EQ(board->sum(1), 0U);
}

TEST(Board, RefusesOtherNumberOfRows) {
    auto made = Board::create(2, 10);
    ASSERT_TRUE(made);
    auto copy = sys::duplicate(made->fd());
    ASSERT_TRUE(copy);

    EXPECT_EQ(Board::attach(std::move(*copy), 11).error().code, EPROTO);
}

TEST(Histogram, EveryBucketsFloorFallsIntoIt) {
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
        ASSERT_EQ(Histogram::bucket_of(Histogram::floor_of(i)), i);
        if (i > 0) {
            ASSERT_EQ(Histogram::bucket_of(Histogram::floor_of(i) - 1), i - 1);
        }
    }
}

TEST(Histogram, QuantileIsWithinOneSixteenth) {
    const auto histogram = std::make_unique<Histogram>();
    for (std::uint64_t i = 1; i <= 10'000; ++i) {
        histogram->record(i);
    }

    for (const double q : {0.5, 0.9, 0.99}) {
        const double exact = q * 10'000;
        const double got = static_cast<double>(histogram->quantile(q));
        EXPECT_LE(got, exact);
        EXPECT_GE(got, exact * 15 / 16);
    }
    EXPECT_EQ(histogram->count(), 10'000U);
    EXPECT_EQ(histogram->total(), 50'005'000U);
}

TEST(Histogram, TakesExtremesAndMerges) {
    const auto a = std::make_unique<Histogram>();
    const auto b = std::make_unique<Histogram>();
    EXPECT_EQ(a->quantile(0.5), 0U);
    a->record(0);
    b->record(UINT64_MAX);
    b->record(UINT64_MAX);

    a->add(*b);

    EXPECT_EQ(a->count(), 3U);
    EXPECT_EQ(a->quantile(0), 0U);
    EXPECT_EQ(a->quantile(1), Histogram::floor_of(Histogram::kBuckets - 1));
}

}  // namespace
}  // namespace sluice::metrics
