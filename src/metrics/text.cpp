// SPDX-License-Identifier: BSD-2-Clause
// UTF-8 and escaping.
// Runs in: any.
#include "metrics/text.h"

#include <fmt/format.h>

#include <iterator>

namespace sluice::metrics {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

struct Lead {
    std::size_t size = 0;
    unsigned second_from = 0x80;
    unsigned second_to = 0xbf;
};

/// Unicode 15, table 3-7: which second bytes may follow keeps surrogates and overlong forms out.
Lead lead_of(unsigned byte) {
    if (byte < 0x80) {
        return {.size = 1};
    }
    if (byte >= 0xc2 && byte <= 0xdf) {
        return {.size = 2};
    }
    if (byte >= 0xe0 && byte <= 0xef) {
        return {.size = 3,
                .second_from = byte == 0xe0 ? 0xa0U : 0x80U,
                .second_to = byte == 0xed ? 0x9fU : 0xbfU};
    }
    if (byte >= 0xf0 && byte <= 0xf4) {
        return {.size = 4,
                .second_from = byte == 0xf0 ? 0x90U : 0x80U,
                .second_to = byte == 0xf4 ? 0x8fU : 0xbfU};
    }
    return {};
}

/// Calls `put(byte)` for each plain ASCII byte; copies other characters.
template <class Put>
void append_characters(std::string& out, std::string_view text, Put put) {
    while (!text.empty()) {
        const std::size_t size = utf8_size(text);
        if (size == 1) {
            put(text.front());
        } else {
            out += size == 0 ? kReplacement : text.substr(0, size);
        }
        text.remove_prefix(size == 0 ? 1 : size);
    }
}

}  // namespace

std::size_t utf8_size(std::string_view text) {
    const auto byte_at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    if (text.empty()) {
        return 0;
    }
    const Lead lead = lead_of(byte_at(0));
    if (lead.size > text.size()) {
        return 0;
    }
    for (std::size_t i = 1; i < lead.size; ++i) {
        const unsigned from = i == 1 ? lead.second_from : 0x80;
        const unsigned to = i == 1 ? lead.second_to : 0xbf;
        if (byte_at(i) < from || byte_at(i) > to) {
            return 0;
        }
    }
    return lead.size;
}

void append_json(std::string& out, std::string_view text) {
    append_characters(out, text, [&](char c) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    });
}

void append_label(std::string& out, std::string_view text) {
    append_characters(out, text, [&](char c) {
        if (c == '\n') {
            out += "\\n";
            return;
        }
        if (c == '"' || c == '\\') {
            out += '\\';
        }
        out += c;
    });
}

}  // namespace sluice::metrics
