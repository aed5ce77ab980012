// SPDX-License-Identifier: BSD-2-Clause
// BUG and GLITCH: the two answers to our own mistakes (five kinds of trouble, five answers). BUG
// ends this process at once, because its state can no longer be trusted; the master respawns it.
// Runs in: any.
#pragma once

namespace sluice {

/// Writes "file:line: sentence" to descriptor 2 and aborts.
[[noreturn]] void die_of_bug(const char* file, int line, const char* sentence);

}  // namespace sluice

/// Aborts this process when `condition` does not hold; the sentence says what was broken.
#define BUG_UNLESS(condition, sentence)                             \
    do {                                                            \
        if (!(condition)) [[unlikely]] {                            \
            ::sluice::die_of_bug(__FILE__, __LINE__, (sentence));   \
        }                                                           \
    } while (false)
