// SPDX-License-Identifier: BSD-2-Clause
// IntrusiveList: order, self-removal and removal while walking.
// Runs in: tests.
#include "base/list.h"

#include <vector>

#include <gtest/gtest.h>

namespace sluice {
namespace {

struct Item : ListHook {
    explicit Item(int n) : number(n) {}
    int number;
};

std::vector<int> numbers(IntrusiveList<Item>& list) {
    std::vector<int> out;
    list.each([&](Item& item) { out.push_back(item.number); });
    return out;
}

TEST(IntrusiveList, KeepsInsertionOrder) {
    IntrusiveList<Item> list;
    Item a(1);
    Item b(2);
    Item c(3);

    list.push_back(b);
    list.push_back(c);
    list.push_front(a);

    EXPECT_EQ(numbers(list), (std::vector{1, 2, 3}));
}

TEST(IntrusiveList, ElementLeavesWhenDestroyed) {
    IntrusiveList<Item> list;
    Item a(1);
    list.push_back(a);
    {
        Item b(2);
        list.push_back(b);
    }

    EXPECT_EQ(numbers(list), std::vector{1});
}

TEST(IntrusiveList, PushingALinkedElementMovesIt) {
    IntrusiveList<Item> list;
    Item a(1);
    Item b(2);
    list.push_back(a);
    list.push_back(b);

    list.push_back(a);
    list.push_back(a);
    list.push_front(a);

    EXPECT_EQ(numbers(list), (std::vector{1, 2}));
}

TEST(IntrusiveList, VisitMayUnlinkItsElement) {
    IntrusiveList<Item> list;
    Item a(1);
    Item b(2);
    list.push_back(a);
    list.push_back(b);

    list.each([](Item& item) { item.unlink(); });

    EXPECT_TRUE(list.empty());
}

}  // namespace
}  // namespace sluice
