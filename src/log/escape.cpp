// SPDX-License-Identifier: BSD-2-Clause
// Where an escaped text may be cut.
// Runs in: any.
#include "log/escape.h"

#include <algorithm>

namespace sluice::log {

namespace {

/// Bytes of the escape that starts at the backslash `text[at]`.
std::size_t escape_size(std::string_view text, std::size_t at) {
    const char kind = at + 1 < text.size() ? text[at + 1] : '\0';
    if (kind == 'x') {
        return 4;
    }
    return kind == 'u' ? 6 : 2;
}

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

}  // namespace

std::string_view cut_at_escape(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) {
        return text;
    }
    // An escape has at most six bytes, so one that reaches over `limit` starts within five before
    // it; a backslash there counts only if the run of backslashes before it is even.
    std::size_t end = limit;
    for (std::size_t at = limit - std::min<std::size_t>(limit, 5); at < limit; ++at) {
        if (text[at] != '\\') {
            continue;
        }
        std::size_t run = 0;
        while (run < at && text[at - 1 - run] == '\\') {
            ++run;
        }
        if (run % 2 == 0 && at + escape_size(text, at) > limit) {
            end = at;
            break;
        }
    }
    for (int i = 0; i < 3 && end > 0 && is_continuation(text[end]); ++i) {
        --end;
    }
    return text.substr(0, end);
}

}  // namespace sluice::log
