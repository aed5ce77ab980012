// SPDX-License-Identifier: BSD-2-Clause
// Matching without recursion: where a * has matched too little, it takes one byte more. Only the last
// one ever has to: whatever an earlier * could take, the last one can take instead.
// Runs in: worker.
#include "proto/resp/glob.h"

#include <algorithm>
#include <cstddef>

namespace sluice::resp {

namespace {

struct Class {
    std::size_t end = 0;  ///< behind the closing bracket, or the pattern's end
    bool is_match = false;
};

/// The set that begins behind the bracket at `at`.
Class match_class(std::string_view pattern, std::size_t at, unsigned char c) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(pattern[i]); };
    ++at;
    const bool is_negated = at < pattern.size() && pattern[at] == '^';
    at += is_negated ? 1U : 0U;
    bool is_in = false;
    for (; at < pattern.size() && pattern[at] != ']'; ++at) {
        if (pattern[at] == '\\' && at + 1 < pattern.size()) {
            ++at;
            is_in = is_in || byte(at) == c;
        } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
            const unsigned char low = std::min(byte(at), byte(at + 2));
            const unsigned char high = std::max(byte(at), byte(at + 2));
            is_in = is_in || (c >= low && c <= high);
            at += 2;
        } else {
            is_in = is_in || byte(at) == c;
        }
    }
    return {.end = std::min(at + 1, pattern.size()), .is_match = is_in != is_negated};
}

/// Where the pattern goes on when its part at `at` has matched `c`; 0: it has not.
std::size_t match_one(std::string_view pattern, std::size_t at, char c) {
    switch (pattern[at]) {
        case '?':
            return at + 1;
        case '[': {
            const Class found = match_class(pattern, at, static_cast<unsigned char>(c));
            return found.is_match ? found.end : 0;
        }
        case '\\':
            at += at + 1 < pattern.size() ? 1U : 0U;
            [[fallthrough]];
        default:
            return pattern[at] == c ? at + 1 : 0;
    }
}

}  // namespace

bool matches_glob(std::string_view pattern, std::string_view text) {
    std::size_t at = 0;
    std::size_t in_text = 0;
    std::size_t behind_star = 0;  // 0: there was none
    std::size_t star_end = 0;     // what the star has taken ends here
    while (in_text < text.size()) {
        if (at < pattern.size() && pattern[at] == '*') {
            behind_star = ++at;
            star_end = in_text;
            continue;
        }
        const std::size_t next = at < pattern.size() ? match_one(pattern, at, text[in_text]) : 0;
        if (next != 0) {
            at = next;
            ++in_text;
        } else if (behind_star != 0) {
            at = behind_star;
            in_text = ++star_end;
        } else {
            return false;
        }
    }
    while (at < pattern.size() && pattern[at] == '*') {
        ++at;
    }
    return at == pattern.size();
}

}  // namespace sluice::resp
