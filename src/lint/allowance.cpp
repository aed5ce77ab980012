// SPDX-License-Identifier: BSD-2-Clause
// Comments are not in the tree: they are read from the files' text.
// Runs in: any (the command line).
#include "lint/allowance.h"

#include <algorithm>

namespace sluice::lint {

namespace {

constexpr std::string_view kWord = "lint: allow ";
constexpr std::string_view kBetween = " ,\t\r";

/// "# lint: allow" with any space behind the sign.
std::size_t find_comment(std::string_view line) {
    for (std::size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1)) {
        const std::size_t word = line.find_first_not_of(" \t", at + 1);
        if (word != std::string_view::npos && line.substr(word).starts_with(kWord)) {
            return at;
        }
    }
    return std::string_view::npos;
}

void read_line(std::string_view line, conf::Position at, std::vector<Allowance>& out) {
    const std::size_t sign = find_comment(line);
    if (sign == std::string_view::npos) {
        return;
    }
    Allowance found{.at = {at.file, at.line, static_cast<std::uint32_t>(sign + 1)},
                    .ids = {},
                    .is_alone = line.find_first_not_of(" \t") == sign};
    std::string_view rest = line.substr(line.find(kWord, sign) + kWord.size());
    for (;;) {
        rest.remove_prefix(std::min(rest.find_first_not_of(kBetween), rest.size()));
        const std::string_view id = rest.substr(0, rest.find_first_of(kBetween));
        if (id.empty()) {
            break;
        }
        found.ids.push_back(id);
        rest.remove_prefix(id.size());
    }
    out.push_back(std::move(found));
}

}  // namespace

std::vector<Allowance> allowances(const conf::Tree& tree) {
    std::vector<Allowance> out;
    for (std::uint32_t file = 0; file < tree.files.size(); ++file) {
        std::string_view rest = tree.files[file].bytes;
        for (std::uint32_t line = 1; !rest.empty(); ++line) {
            const std::size_t end = std::min(rest.find('\n'), rest.size());
            read_line(rest.substr(0, end), {file, line, 1}, out);
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    return out;
}

bool is_allowed(const std::vector<Allowance>& all, std::string_view id, conf::Position at) {
    // Backwards, so that comments on lines above one another form a chain.
    std::uint32_t line = at.line;
    for (auto one = all.rbegin(); one != all.rend(); ++one) {
        const bool is_on_line = one->at.file == at.file && one->at.line == at.line;
        const bool is_above =
            one->at.file == at.file && one->is_alone && one->at.line + 1 == line;
        if (!is_on_line && !is_above) {
            continue;
        }
        if (std::ranges::find(one->ids, id) != one->ids.end()) {
            return true;
        }
        line = one->at.line;
    }
    return false;
}

}  // namespace sluice::lint
