// SPDX-License-Identifier: BSD-2-Clause
// Escapes of log lines: \xHH for bytes that would break a line or be mistaken for our own words,
// and the place where an escaped text may be cut.
// Runs in: any.
#pragma once

#include <cstddef>
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

/// Calls `put(std::string_view)` for each piece of the escaped text.
template <class Put>
void escape(std::string_view text, EscapeRule rule, Put&& put) {
    constexpr char kHex[] = "0123456789ABCDEF";
    std::size_t plain = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (!needs_escape(c, rule)) {
            continue;
        }
        put(text.substr(plain, i - plain));
        const char out[4] = {'\\', 'x', kHex[c >> 4], kHex[c & 15]};
        put(std::string_view(out, sizeof out));
        plain = i + 1;
    }
    put(text.substr(plain));
}

/// The longest start of `text` of at most `limit` bytes that does not end inside an escape
/// (`\xHH`, `\"`, `\uHHHH`) or inside a UTF-8 sequence.
[[nodiscard]] std::string_view cut_at_escape(std::string_view text, std::size_t limit);

}  // namespace sluice::log
