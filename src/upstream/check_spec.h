// SPDX-License-Identifier: BSD-2-Clause
// CheckSpec: how the peers of a group are checked: what is sent, and who judges the answer. The
// judge is a function of the feature that read the directive, so this room knows no protocol.
// Runs in: any (settings), worker (judge).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "conf/tree.h"

namespace sluice::upstream {

enum class Judgement : std::uint8_t {
    Good,
    Bad,
    More,  ///< nothing can be said before more comes
};

struct CheckSpec {
    /// Judges what the peer has sent so far; `is_end`: it will send no more.
    using Judge = Judgement (*)(const CheckSpec& spec, std::string_view answer, bool is_end);

    bool is_udp = false;
    Millis interval{5000};
    Millis jitter{0};           ///< each pause is longer by up to this
    Millis timeout{5000};       ///< of one check, from connect to verdict
    std::uint32_t fails = 1;    ///< in a row, until the peer is out
    std::uint32_t passes = 1;   ///< in a row, until it is back
    std::uint16_t port = 0;     ///< instead of the peer's; 0: that one
    bool is_mandatory = false;  ///< a peer that was never checked gets nothing
    std::string_view send;
    Judge judge = nullptr;  ///< null: to connect is enough; UDP: no answer is good, a refusal bad
    const void* expected = nullptr;  ///< the judge's
    std::string_view name;           ///< of the match block, for log lines
    conf::Position at;
};

/// An answer is judged by its first bytes.
inline constexpr std::size_t kMostCheckedBytes = 64 * 1024;

}  // namespace sluice::upstream
