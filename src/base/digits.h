// SPDX-License-Identifier: BSD-2-Clause
// Digits: numbers of a fixed width, for dates and log lines, where a format string costs ten times
// as much.
// Runs in: any.
#pragma once

#include <cstdint>

namespace sluice {

/// Writes the last `count` decimal digits of `value`, which is not negative, with leading zeros.
/// Gives the place behind them.
constexpr char* put_digits(char* at, std::int64_t value, int count) {
    for (int i = count - 1; i >= 0; --i) {
        at[i] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
    return at + count;
}

}  // namespace sluice
