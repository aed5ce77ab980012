// SPDX-License-Identifier: BSD-2-Clause
// How errors are collected and shown.
// Runs in: any.
#include "conf/diagnostics.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace sluice::conf {

namespace {

constexpr std::size_t kMaxShownLine = 160;

std::string_view line_of(std::string_view text, std::uint32_t line) {
    for (std::uint32_t i = 1; i < line; ++i) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos) {
            return {};
        }
        text.remove_prefix(end + 1);
    }
    return text.substr(0, text.find('\n'));
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0U);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row[b.size()];
}

/// The source line and the caret, tabs kept so that the caret stands right.
std::string picture(const Diagnostic& diagnostic, std::string_view line) {
    if (!line.empty() && line.back() == '\r') {
        line.remove_suffix(1);
    }
    const std::size_t column = diagnostic.at.column - 1;
    if (column > line.size() || line.size() > kMaxShownLine) {
        return {};
    }
    std::string out = "\n    ";
    std::string caret = "\n    ";
    for (const char c : line) {
        out += static_cast<unsigned char>(c) < 0x20 && c != '\t' ? '?' : c;
    }
    for (std::size_t i = 0; i < column; ++i) {
        caret += line[i] == '\t' ? '\t' : ' ';
    }
    caret += '^';
    const std::size_t width = std::min(diagnostic.width, line.size() - column);
    caret.append(width > 1 ? width - 1 : 0, '~');
    return out + caret;
}

}  // namespace

bool Diagnostics::add(Diagnostic diagnostic) {
    if (diagnostic.severity == Severity::Error) {
        ++errors_;
    }
    if (all_.size() < kMax) {
        all_.push_back(std::move(diagnostic));
    } else {
        ++dropped_;
    }
    return false;
}

std::string Diagnostics::render_line(const Diagnostic& diagnostic, const Tree& tree) {
    std::string out = diagnostic.message;
    if (diagnostic.at.line > 0 && diagnostic.at.file < tree.files.size()) {
        out += " in ";
        out += tree.files[diagnostic.at.file].path;
        out +=
            ':' + std::to_string(diagnostic.at.line) + ':' + std::to_string(diagnostic.at.column);
    }
    return out;
}

std::string Diagnostics::render(const Diagnostic& diagnostic, const Tree& tree) {
    std::string out = render_line(diagnostic, tree);
    if (diagnostic.at.line > 0 && diagnostic.at.file < tree.files.size()) {
        out +=
            picture(diagnostic, line_of(tree.files[diagnostic.at.file].bytes, diagnostic.at.line));
    }
    if (!diagnostic.expectation.empty()) {
        out += "\n    expected " + diagnostic.expectation;
    }
    if (!diagnostic.nearest.empty()) {
        out += "\n    did you mean \"" + diagnostic.nearest + "\"?";
    }
    return out;
}

std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& names) {
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(1, name.size() / 3) + 1;
    for (const std::string_view candidate : names) {
        if (candidate.size() > name.size() + best_distance ||
            name.size() > candidate.size() + best_distance) {
            continue;
        }
        const std::size_t distance = edit_distance(name, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace sluice::conf
