// SPDX-License-Identifier: BSD-2-Clause
// TRY and Error: size and the two ways out.
// Runs in: tests.
#include <memory>

#include <gtest/gtest.h>

#include "base/error.h"

namespace sluice {
namespace {

static_assert(sizeof(Error) == 16);

Result<std::unique_ptr<int>> make(bool works) {
    if (!works) {
        return fail("make()", EIO);
    }
    return std::make_unique<int>(7);
}

Result<> check(bool works) {
    if (!works) {
        return fail("check()", EPERM);
    }
    return {};
}

Result<int> both(bool first, bool second) {
    const std::unique_ptr<int> value = TRY(make(first));
    TRY(check(second));
    return *value;
}

TEST(Try, MovesTheValueOut) {
    EXPECT_EQ(both(true, true), 7);
}

TEST(Try, ReturnsTheErrorOfEitherStep) {
    EXPECT_EQ(both(false, true).error().code, EIO);
    EXPECT_EQ(both(true, false).error().code, EPERM);
}

}  // namespace
}  // namespace sluice
