// SPDX-License-Identifier: BSD-2-Clause
// match NAME { … }: what an answer to a health check has to look like. In stream: `send`, `expect`;
// in http: `status`, `header`, `body`.
// Runs in: any (settings), worker (judges).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "conf/build.h"
#include "script/regex.h"
#include "upstream/check_spec.h"

namespace sluice::modules {

/// A text or a pattern, and whether it must not be there.
struct TextRule {
    std::string_view text;
    const script::Regex* pattern = nullptr;
    bool is_negated = false;

    /// For bodies and raw bytes: found anywhere.
    [[nodiscard]] bool holds_in(std::string_view bytes) const;
    /// For values: the whole of it, or the pattern.
    [[nodiscard]] bool holds_for(std::string_view value) const;
};

struct StatusRange {
    std::uint16_t first = 0;
    std::uint16_t last = 0;
};

struct HeaderRule {
    std::string_view name;
    bool wants_value = false;  ///< false: only whether it is there
    TextRule value;
    HeaderRule* next = nullptr;
};

struct MatchBlock {
    std::string_view name;
    std::string_view send;
    const TextRule* expect = nullptr;
    std::span<const StatusRange> statuses;
    bool is_status_negated = false;
    HeaderRule* headers = nullptr;
    const TextRule* body = nullptr;
    conf::Position at;
    MatchBlock* next = nullptr;
};

/// Reads the block; null: errors were reported.
[[nodiscard]] MatchBlock* parse_match(conf::Build& build, const conf::Directive& directive);

/// Judges of CheckSpec, whose `expected` is a MatchBlock (http: or null).
[[nodiscard]] upstream::Judgement judge_bytes(const upstream::CheckSpec& spec,
                                              std::string_view answer,
                                              bool is_end);
[[nodiscard]] upstream::Judgement judge_http(const upstream::CheckSpec& spec,
                                             std::string_view answer,
                                             bool is_end);

}  // namespace sluice::modules
