// SPDX-License-Identifier: BSD-2-Clause
// Walks over the tree.
// Runs in: any.
#include "conf/places.h"

#include <algorithm>

namespace sluice::conf {

namespace {

constexpr std::string_view kSpecial = " \t;{}'\"";

void append_word(std::string& out, const Argument& argument) {
    const bool needs_quotes =
        argument.text.empty() || argument.text.find_first_of(kSpecial) != std::string_view::npos;
    const char quote = argument.text.find('"') == std::string_view::npos ? '"' : '\'';
    out += ' ';
    if (needs_quotes && argument.is_quoted) {
        out += quote;
    }
    std::ranges::replace_copy_if(
        argument.text, std::back_inserter(out),
        [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
    if (needs_quotes && argument.is_quoted) {
        out += quote;
    }
}

const Directive* find_in(std::span<const Directive> directives, Position at) {
    for (const Directive& directive : directives) {
        if (directive.at == at) {
            return &directive;
        }
        // An included file's lines stand between those of the block around it: all are looked at.
        if (const Directive* const inner = find_in(directive.children, at); inner != nullptr) {
            return inner;
        }
    }
    return nullptr;
}

}  // namespace

const Directive* find_directive(const Level& level, std::span<const std::string_view> names) {
    for (const Level* at = &level; at != nullptr && at->block != nullptr; at = at->parent) {
        const Directive* found = nullptr;
        for (const Directive& directive : at->block->children) {
            found = std::ranges::find(names, directive.name) != names.end() ? &directive : found;
        }
        if (found != nullptr) {
            return found;
        }
    }
    return nullptr;
}

const Directive* find_directive(const Level& level, std::string_view name) {
    return find_directive(level, std::span(&name, 1));
}

const Directive* find_argument(const Level& level, std::string_view text) {
    for (const Level* at = &level; at != nullptr && at->block != nullptr; at = at->parent) {
        for (const Directive& directive : at->block->children) {
            for (const Argument& argument : directive.args) {
                if (argument.text.data() == text.data() && argument.text.size() == text.size()) {
                    return &directive;
                }
            }
        }
    }
    return nullptr;
}

const Directive* find_directive(const Tree& tree, Position at) {
    return at.line == 0 ? nullptr : find_in(tree.directives, at);
}

std::string text_of(const Directive& directive, std::size_t most) {
    std::string out(directive.name);
    for (const Argument& argument : directive.args) {
        append_word(out, argument);
    }
    if (out.size() > most) {
        constexpr std::string_view kCut = "…";
        std::size_t end = most - kCut.size();
        while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0U) == 0x80U) {
            --end;  // no half of a UTF-8 character
        }
        out.replace(end, out.npos, kCut);
    }
    return out;
}

}  // namespace sluice::conf
