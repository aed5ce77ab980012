// SPDX-License-Identifier: BSD-2-Clause
// Counters and histograms.
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "metrics/board.h"
#include "metrics/histogram.h"
#include "metrics/json_writer.h"
#include "metrics/prometheus_writer.h"
#include "metrics/station.h"
#include "sys/file.h"

namespace sluice::metrics {
namespace {

enum class Tea : std::size_t { Cups, Guests, Host };

constexpr Row kTeaList[] = {
    {"tea_cups_total", "Cups."},
    {"tea_guests", "Guests.", RowKind::Gauge},
    {"tea_host", "Who pours.", RowKind::Fact},
};
constexpr GroupOf<Tea> kTea{{kTeaList}};

enum class Cake : std::size_t { Pieces };
constexpr Row kCakeList[] = {{"cake_pieces_total", "Pieces."}};
constexpr GroupOf<Cake> kCake{{kCakeList}};

constexpr const Group* kSchema[] = {&kTea, &kCake};
constexpr const Group* kOtherOrder[] = {&kCake, &kTea};

sys::UniqueFd copy_of(const Board& board) {
    return std::move(*sys::duplicate(board.fd()));
}

TEST(Board, SumsLanesOfAllSlotsAcrossMappings) {
    auto made = Board::create(3, kSchema);
    ASSERT_TRUE(made);
    auto attached = Board::attach(copy_of(*made), kSchema);
    ASSERT_TRUE(attached);
    made->begin(SlotId{0}, 1);
    made->begin(SlotId{2}, 1);

    made->counters(SlotId{0}, kCake).add(Cake::Pieces, 5);
    made->counters(SlotId{2}, kCake).add(Cake::Pieces);
    made->counters(SlotId{0}, kTea).add(Tea::Cups, 100);

    EXPECT_EQ(attached->sum(kCake, 0), 6U);
    EXPECT_EQ(attached->sum(kTea, 0), 100U);
    EXPECT_EQ(attached->sum(kTea, 1), 0U);
}

TEST(Board, NewOwnerOfSlotGoesOnCountingButItsGaugesBeginAtZero) {
    auto board = Board::create(1, kSchema);
    ASSERT_TRUE(board);
    board->begin(SlotId{0}, 1);
    auto dead = board->counters(SlotId{0}, kTea);
    dead.add(Tea::Cups, 7);
    dead.add(Tea::Guests, 3);
    dead.set(Tea::Host, 42);

    board->begin(SlotId{0}, 2);
    board->counters(SlotId{0}, kTea).add(Tea::Cups, 1);

    EXPECT_EQ(board->epoch(SlotId{0}), 2U);
    EXPECT_EQ(board->sum(kTea, 0), 8U);
    EXPECT_EQ(board->sum(kTea, 1), 0U);
    EXPECT_EQ(board->sum(kTea, 2), 0U);
}

TEST(Board, IgnoresWhatIsOutOfRange) {
    constexpr const Group* kOnlyCake[] = {&kCake};
    auto board = Board::create(1, kOnlyCake);
    ASSERT_TRUE(board);

    board->counters(SlotId{0}, kTea).add(Tea::Cups, 7);
    board->counters(SlotId{1}, kCake).add(Cake::Pieces, 7);
    board->begin(SlotId{1}, 1);

    EXPECT_EQ(board->sum(kTea, 0), 0U);
    EXPECT_EQ(board->sum(kCake, 0), 0U);
    EXPECT_TRUE(board->series(SlotId{1}).empty());
}

TEST(Board, RefusesOtherRowsAndForeignMemory) {
    auto made = Board::create(2, kSchema);
    ASSERT_TRUE(made);
    constexpr const Group* kFewer[] = {&kTea};
    auto foreign = sys::memfd("foreign", 1 << 20);
    ASSERT_TRUE(foreign);

    EXPECT_EQ(Board::attach(copy_of(*made), kFewer).error().code, EPROTO);
    EXPECT_EQ(Board::attach(copy_of(*made), kOtherOrder).error().code, EPROTO);
    EXPECT_EQ(Board::attach(std::move(*foreign), kSchema).error().code, EPROTO);
}

TEST(Board, CarriesCountersAndSeriesOverByName) {
    auto old = Board::create(2, kOtherOrder);
    ASSERT_TRUE(old);
    old->begin(SlotId{0}, 1);
    old->begin(SlotId{1}, 1);
    old->counters(SlotId{0}, kTea).add(Tea::Cups, 4);
    old->counters(SlotId{1}, kTea).add(Tea::Cups, 5);
    old->counters(SlotId{1}, kTea).add(Tea::Guests, 9);
    static_cast<void>(old->name_series("first"));
    const auto second = old->name_series("second");
    old->series(SlotId{1})[second->value].latency.record(3);
    auto fresh = Board::create(7, kSchema);
    ASSERT_TRUE(fresh);
    const auto elsewhere = fresh->name_series("second");
    fresh->begin(SlotId{6}, 1);

    ASSERT_TRUE(fresh->carry_over(copy_of(*old), SlotId{6}));

    EXPECT_EQ(fresh->sum(kTea, 0), 9U);
    EXPECT_EQ(fresh->sum(kTea, 1), 0U) << "a gauge is no history";
    ASSERT_NE(*elsewhere, *second);
    Series sum;
    fresh->sum_series(*elsewhere, sum);
    EXPECT_EQ(sum.latency.count(), 1U);
}

TEST(Board, GivesEachNameOneIdUntilNoneIsLeft) {
    auto board = Board::create(1, kSchema);
    ASSERT_TRUE(board);

    const auto first = board->name_series("a");
    for (std::size_t i = 0; i + 3 < kMaxSeries; ++i) {
        ASSERT_TRUE(board->name_series("n" + std::to_string(i)));
    }

    EXPECT_EQ(board->name_series("a"), first);
    EXPECT_EQ(board->series_name(*first), "a");
    EXPECT_FALSE(board->name_series("one too many"));
}

TEST(Board, TellsLongNamesApart) {
    auto board = Board::create(1, kSchema);
    ASSERT_TRUE(board);
    const std::string name(1000, 'x');

    EXPECT_NE(board->name_series(name + "a"), board->name_series(name + "b"));
    EXPECT_EQ(board->name_series(name + "a"), board->name_series(name + "a"));
}

// ---- who lives ----

TEST(Station, CountsGaugesOfTheLivingOnly) {
    auto log = shm::SharedLog::create(3);
    auto board = Board::create(3, kSchema);
    ASSERT_TRUE(log && board);
    shm::SlotTable table = log->table();
    for (const int pid : {11, 12, 13}) {
        const auto slot = table.claim(10);
        ASSERT_TRUE(slot);
        table.assign(*slot, pid, 1);
        board->begin(*slot, table.info(*slot).epoch);
        board->counters(*slot, kTea).add(Tea::Guests);
        board->counters(*slot, kTea).add(Tea::Cups);
    }
    const Station station{*board, *log, SlotId{0}};

    table.release(SlotId{1});  // died
    table.release(SlotId{2});  // died, and a new owner has not begun to count
    ASSERT_EQ(table.claim(10), SlotId{1});
    table.assign(SlotId{1}, 14, 1);

    EXPECT_EQ(station.sum(kTea, Tea::Guests), 1U);
    EXPECT_EQ(station.sum(kTea, Tea::Cups), 3U);
}

// ---- text ----

TEST(JsonWriter, PutsCommasQuotesAndEscapes) {
    std::string out;
    JsonWriter json(out);

    json.begin_object();
    json.value("big", UINT64_MAX);
    json.value("is", true);
    json.begin_array("list");
    json.value({}, "a\"\\\n\x01\xff");
    json.begin_object();
    json.end_object();
    json.end_array();
    json.value("\xc3\xa9", -1);
    json.end_object();

    EXPECT_EQ(out, "{\"big\":18446744073709551615,\"is\":true,\"list\":["
                   "\"a\\\"\\\\\\u000a\\u0001\xef\xbf\xbd\",{}],\"\xc3\xa9\":-1}");
}

TEST(PrometheusWriter, EscapesHelpAndLabels) {
    std::string out;
    PrometheusWriter prometheus(out);

    prometheus.family("f", "counter", "one\\\ntwo");
    prometheus.sample(3);
    const Label labels[] = {{"a", "x\"\\\n"}, {"b", ""}};
    prometheus.sample(labels, 4);

    EXPECT_EQ(out, "# HELP f one\\\\\\ntwo\n# TYPE f counter\nf 3\n"
                   "f{a=\"x\\\"\\\\\\n\",b=\"\"} 4\n");
}

TEST(Utf8, RefusesOverlongFormsSurrogatesAndStumps) {
    EXPECT_EQ(utf8_size("\xe2\x82\xac"), 3U);
    EXPECT_EQ(utf8_size("\xf0\x9f\x98\x80"), 4U);
    for (const std::string_view bad : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                       "\xe2\x82", "\x80", "\xff"}) {
        EXPECT_EQ(utf8_size(bad), 0U);
    }
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

TEST(Histogram, CountsBelowTheFloorsOfBuckets) {
    LatencyHistogram histogram;
    for (const std::uint64_t value : {0U, 1U, 9U, 10U, 49U, 50U, 1'000'000U}) {
        histogram.record(value);
    }

    EXPECT_EQ(histogram.count_below(1), 1U);
    EXPECT_EQ(histogram.count_below(10), 3U);
    EXPECT_EQ(histogram.count_below(50), 5U);
    EXPECT_EQ(histogram.count_below(102'400), 6U);
    EXPECT_EQ(histogram.count(), 7U);
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
