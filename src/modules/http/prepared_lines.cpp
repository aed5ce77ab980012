// SPDX-License-Identifier: BSD-2-Clause
// Prepared lines: finding one, taking one away.
// Runs in: worker.
#include "modules/http/prepared_lines.h"

#include <algorithm>

#include "base/ascii.h"

namespace sluice::modules {

namespace {

/// `Name: value\r\n`, as handlers write them.
struct Line {
    std::size_t begin = 0;
    std::size_t end = 0;  ///< behind its line feed; 0: there is no such line
};

// Mostly written alike.
bool is_named(std::string_view field, std::string_view name) {
    return field == name || equals_ignoring_case(field, name);
}

Line find_line(std::string_view lines, std::string_view name) {
    for (std::size_t at = 0; at < lines.size();) {
        const std::size_t end = std::min(lines.find('\n', at), lines.size() - 1) + 1;
        const std::string_view line = lines.substr(at, end - at);
        if (line.size() > name.size() && line[name.size()] == ':' &&
            is_named(line.substr(0, name.size()), name)) {
            return {.begin = at, .end = end};
        }
        at = end;
    }
    return {};
}

}  // namespace

std::string_view prepared_value(const http::Exchange& exchange, std::string_view name) {
    const std::string_view lines = exchange.reply.prepared_lines;
    const Line line = find_line(lines, name);
    if (line.end == 0) {
        return {};
    }
    constexpr std::string_view kGlue = ": ";
    constexpr std::string_view kEnd = "\r\n";
    const std::size_t begin = line.begin + name.size() + kGlue.size();
    return lines.substr(begin, line.end - kEnd.size() - begin);
}

void remove_prepared(http::Exchange& exchange, std::string_view name) {
    const std::string_view lines = exchange.reply.prepared_lines;
    const Line line = find_line(lines, name);
    if (line.end == 0) {
        return;
    }
    if (line.begin == 0) {  // the first one goes without a copy
        exchange.reply.prepared_lines.remove_prefix(line.end);
        return;
    }
    const std::size_t size = lines.size() - (line.end - line.begin);
    char* const out = static_cast<char*>(exchange.arena.allocate(size + 1, 1));
    if (out != nullptr) {
        std::copy(lines.begin() + static_cast<std::ptrdiff_t>(line.end), lines.end(),
                  std::copy_n(lines.begin(), line.begin, out));
        exchange.reply.prepared_lines = {out, size};
    }
}

}  // namespace sluice::modules
