// SPDX-License-Identifier: BSD-2-Clause
// Escapes of log lines: \xHH for bytes that would break a line or be mistaken for our own words,
// and the place where an escaped text may be cut.
// Runs in: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::log {

/// Which bytes leave as \xHH.
enum class EscapeRule {
    OneLine,  ///< control bytes only: keeps any text on one line
    Peer,     ///< also `"`, `\` and 0x7f and up: for bytes that a peer chose
};

[[nodiscard]] constexpr bool needs_escape(unsigned char c, EscapeRule rule) {
    if (c < 0x20 || c == 0x7f) {
        return true;
    }
    return rule == EscapeRule::Peer && (c == '"' || c == '\\' || c > 0x7f);
}

/// Whether one of the eight bytes at `at` may need an escape. Yes may be wrong, no never is.
[[nodiscard]] inline bool may_need_escape(const char* at, EscapeRule rule) {
    constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
    constexpr std::uint64_t kTops = kOnes * 0x80;
    const auto has_zero = [](std::uint64_t x) { return (x - kOnes) & ~x & kTops; };
    std::uint64_t x = 0;
    std::memcpy(&x, at, sizeof x);
    std::uint64_t hit = ((x - kOnes * 0x20) & ~x & kTops) | has_zero(x ^ kOnes * 0x7f);
    if (rule == EscapeRule::Peer) {
        hit |= (x & kTops) | has_zero(x ^ kOnes * '"') | has_zero(x ^ kOnes * '\\');
    }
    return hit != 0;
}

/// Bytes at the start of `text` that need no escape. Eight at a time: access lines are mostly such.
[[nodiscard]] inline std::size_t plain_prefix(std::string_view text, EscapeRule rule) {
    constexpr std::size_t kWord = 8;
    std::size_t at = 0;
    while (text.size() - at >= kWord && !may_need_escape(text.data() + at, rule)) {
        at += kWord;
    }
    const std::size_t left = text.size() - at;
    // The last word may begin in what has been seen already.
    if (at > 0 && left > 0 && left < kWord &&
        !may_need_escape(text.data() + text.size() - kWord, rule)) {
        return text.size();
    }
    while (at < text.size() && !needs_escape(static_cast<unsigned char>(text[at]), rule)) {
        ++at;
    }
    return at;
}

/// Calls `put(std::string_view)` for each piece of the escaped text.
template <class Put>
void escape(std::string_view text, EscapeRule rule, Put&& put) {
    constexpr char kHex[] = "0123456789ABCDEF";
    for (;;) {
        const std::size_t plain = plain_prefix(text, rule);
        put(text.substr(0, plain));
        if (plain == text.size()) {
            return;
        }
        const auto c = static_cast<unsigned char>(text[plain]);
        const char out[4] = {'\\', 'x', kHex[c >> 4], kHex[c & 15]};
        put(std::string_view(out, sizeof out));
        text.remove_prefix(plain + 1);
    }
}

/// The longest start of `text` of at most `limit` bytes that does not end inside an escape
/// (`\xHH`, `\"`, `\uHHHH`) or inside a UTF-8 sequence.
[[nodiscard]] std::string_view cut_at_escape(std::string_view text, std::size_t limit);

}  // namespace sluice::log
