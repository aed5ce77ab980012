// SPDX-License-Identifier: BSD-2-Clause
// The inside of JSON strings: valid UTF-8 and one line, whatever bytes come in. Both JSON logs, of
// requests and of errors, write their texts with it.
// Runs in: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::log {

/// Bytes at the start of `text` that a JSON string takes as they are. `ascii_only`: those from 0x80
/// up end it too.
[[nodiscard]] inline std::size_t json_plain_prefix(std::string_view text, bool ascii_only) {
    constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
    constexpr std::uint64_t kTops = kOnes * 0x80;
    const auto has_zero = [](std::uint64_t x) { return (x - kOnes) & ~x & kTops; };
    std::size_t at = 0;
    for (; text.size() - at >= 8; at += 8) {
        std::uint64_t x = 0;
        std::memcpy(&x, text.data() + at, sizeof x);
        // A hit may be a false one; then the bytes are looked at one by one.
        const std::uint64_t hit = ((x - kOnes * 0x20) & ~x & kTops) | has_zero(x ^ kOnes * '"') |
                                  has_zero(x ^ kOnes * '\\') | (ascii_only ? x & kTops : 0);
        if (hit != 0) {
            break;
        }
    }
    for (; at < text.size(); ++at) {
        const auto c = static_cast<unsigned char>(text[at]);
        if (c < 0x20 || c == '"' || c == '\\' || (ascii_only && c >= 0x80)) {
            break;
        }
    }
    return at;
}

/// The escape of `"`, `\` or a control byte: `\n`, `\u0001`.
class JsonEscape {
  public:
    explicit JsonEscape(char c) {
        constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
        constexpr std::string_view kLetters = "\"\\bfnrt";
        const std::size_t found = kShort.find(c);
        if (found != std::string_view::npos) {
            text_[1] = kLetters[found];
            size_ = 2;
            return;
        }
        constexpr char kHex[] = "0123456789ABCDEF";
        const auto byte = static_cast<unsigned char>(c);
        text_[4] = kHex[byte >> 4U];
        text_[5] = kHex[byte & 15U];
    }

    [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }

  private:
    std::array<char, 6> text_{'\\', 'u', '0', '0', '0', '0'};
    std::size_t size_ = 6;
};

/// Bytes of the well-formed UTF-8 sequence at the start of `text` (Unicode 15, table 3-7), or 0.
[[nodiscard]] constexpr std::size_t utf8_sequence(std::string_view text) {
    const auto byte = [text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto is_within = [&byte](std::size_t i, unsigned least, unsigned most) {
        return byte(i) >= least && byte(i) <= most;
    };
    const unsigned first = byte(0);
    if (first >= 0xc2 && first <= 0xdf) {
        return is_within(1, 0x80, 0xbf) ? 2 : 0;
    }
    if (first >= 0xe0 && first <= 0xef) {
        const unsigned least = first == 0xe0 ? 0xa0 : 0x80;  // no overlong forms
        const unsigned most = first == 0xed ? 0x9f : 0xbf;   // no surrogates
        return is_within(1, least, most) && is_within(2, 0x80, 0xbf) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const unsigned least = first == 0xf0 ? 0x90 : 0x80;
        const unsigned most = first == 0xf4 ? 0x8f : 0xbf;  // nothing past U+10FFFF
        return is_within(1, least, most) && is_within(2, 0x80, 0xbf) && is_within(3, 0x80, 0xbf)
                   ? 4
                   : 0;
    }
    return 0;
}

/// Calls `put(std::string_view)` for each piece of `text` as a JSON string has it: runs of ASCII,
/// and, not to be cut, single escapes and single UTF-8 sequences. A byte that is no UTF-8 becomes
/// U+FFFD.
template <class Put>
void put_json_text(std::string_view text, Put&& put) {
    for (;;) {
        const std::size_t plain = json_plain_prefix(text, true);
        if (plain > 0) {
            put(text.substr(0, plain));
            text.remove_prefix(plain);
        }
        if (text.empty()) {
            return;
        }
        if (static_cast<unsigned char>(text.front()) < 0x80) {
            put(JsonEscape(text.front()).text());
            text.remove_prefix(1);
            continue;
        }
        const std::size_t size = utf8_sequence(text);
        put(size == 0 ? std::string_view("\\ufffd") : text.substr(0, size));
        text.remove_prefix(size == 0 ? 1 : size);
    }
}

/// Whether `text` is a number as JSON writes them (RFC 8259 §6).
[[nodiscard]] constexpr bool is_json_number(std::string_view text) {
    std::size_t at = 0;
    const auto digits = [&] {
        const std::size_t start = at;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
            ++at;
        }
        return at - start;
    };
    const auto take = [&](char c) {
        if (at < text.size() && text[at] == c) {
            ++at;
            return true;
        }
        return false;
    };
    take('-');
    const std::size_t first = at;
    const std::size_t whole = digits();
    if (whole == 0 || (whole > 1 && text[first] == '0')) {
        return false;
    }
    if (take('.') && digits() == 0) {
        return false;
    }
    if (take('e') || take('E')) {
        if (!take('+')) {
            take('-');
        }
        if (digits() == 0) {
            return false;
        }
    }
    return at == text.size();
}

}  // namespace sluice::log
