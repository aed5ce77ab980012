// SPDX-License-Identifier: BSD-2-Clause
// FlowTable: what is in it is found, what is not is not, however full the buckets are.
#include "proto/dgram/flow_table.h"

#include <map>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dgram {
namespace {

struct Flow {
    int name = 0;
};

auto named(int name) {
    return [name](const Flow& flow) { return flow.name == name; };
}

TEST(FlowTable, FindsWhatIsThereAndNothingElse) {
    FlowTable<Flow> table(100);
    Flow one{1};
    Flow two{2};
    ASSERT_TRUE(table.insert(7, one));
    ASSERT_TRUE(table.insert(7, two));

    EXPECT_EQ(table.find(7, named(1)), &one);
    EXPECT_EQ(table.find(7, named(2)), &two);
    EXPECT_EQ(table.find(7, named(3)), nullptr);
    EXPECT_EQ(table.find(8, named(1)), nullptr);
    table.erase(7, one);
    EXPECT_EQ(table.find(7, named(1)), nullptr);
    EXPECT_EQ(table.find(7, named(2)), &two);
}

TEST(FlowTable, FlowsOfOneHashFillTheBucketsBehind) {
    FlowTable<Flow> table(64);
    std::vector<Flow> flows(64);
    for (std::size_t i = 0; i < flows.size(); ++i) {
        flows[i].name = static_cast<int>(i);
        ASSERT_TRUE(table.insert(5, flows[i]));
    }
    for (std::size_t i = 0; i < flows.size(); i += 2) {
        table.erase(5, flows[i]);
    }

    for (std::size_t i = 0; i < flows.size(); ++i) {
        EXPECT_EQ(table.find(5, named(flows[i].name)), i % 2 == 0 ? nullptr : &flows[i]);
    }
}

TEST(FlowTable, RefusesOneMoreThanItsLimit) {
    FlowTable<Flow> table(3);
    std::vector<Flow> flows(4);
    for (std::size_t i = 0; i < 3; ++i) {
        ASSERT_TRUE(table.insert(i, flows[i]));
    }

    EXPECT_FALSE(table.insert(3, flows[3]));
    EXPECT_EQ(table.size(), 3U);
    table.erase(0, flows[0]);
    EXPECT_TRUE(table.insert(3, flows[3]));
}

TEST(FlowTable, TheLimitMayChangeWithinItsCapacity) {
    FlowTable<Flow> table(30);
    table.set_limit(1'000'000);

    EXPECT_EQ(table.limit(), table.capacity());
    table.set_limit(1);
    Flow one{1};
    Flow two{2};
    EXPECT_TRUE(table.insert(1, one));
    EXPECT_FALSE(table.insert(2, two));
}

// A model beside it: a map that cannot be wrong.
TEST(FlowTable, AgreesWithAMapOverManySteps) {
    FlowTable<Flow> table(200);
    std::vector<Flow> flows(400);
    std::map<int, std::uint64_t> model;
    std::uint64_t dice = 12345;
    for (int step = 0; step < 20'000; ++step) {
        dice = dice * 6364136223846793005U + 1442695040888963407U;
        const auto name = static_cast<int>((dice >> 33U) % flows.size());
        Flow& flow = flows[static_cast<std::size_t>(name)];
        flow.name = name;
        // Few home buckets, so that most flows lie behind them.
        const std::uint64_t hash =
            (static_cast<std::uint64_t>(name) % 11) | (static_cast<std::uint64_t>(name) << 32U);
        const auto known = model.find(name);
        ASSERT_EQ(table.find(hash, named(name)), known == model.end() ? nullptr : &flow);
        if (known != model.end()) {
            table.erase(hash, flow);
            model.erase(known);
        } else {
            ASSERT_EQ(table.insert(hash, flow), model.size() < 200);
            if (model.size() < 200) {
                model[name] = hash;
            }
        }
        ASSERT_EQ(table.size(), model.size());
    }
}

}  // namespace
}  // namespace sluice::dgram
