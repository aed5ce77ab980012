// SPDX-License-Identifier: BSD-2-Clause
// Answers from the tree.
// Runs in: any (the command line).
#include "lint/reading.h"

#include <algorithm>

namespace sluice::lint {

namespace {

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_url(std::string_view text) {
    return text.starts_with("http://") || text.starts_with("https://") ||
           text.starts_with("$scheme");
}

}  // namespace

std::string_view argument(const conf::Directive& directive, std::size_t index) {
    return index < directive.args.size() ? directive.args[index].text : std::string_view();
}

bool has_argument(const conf::Directive& directive, std::string_view text) {
    return std::ranges::any_of(directive.args,
                               [&](const conf::Argument& one) { return one.text == text; });
}

const conf::Directive* find(Directives block, std::string_view name) {
    for (const conf::Directive& directive : block) {
        if (directive.name == name) {
            return &directive;
        }
    }
    return nullptr;
}

std::size_t count(Directives block, std::string_view name) {
    return static_cast<std::size_t>(std::ranges::count(block, name, &conf::Directive::name));
}

const Place* enclosing(const Place& place, std::string_view name) {
    for (const Place* at = &place; at != nullptr; at = at->outer) {
        if (at->directive != nullptr && at->directive->name == name) {
            return at;
        }
    }
    return nullptr;
}

const conf::Directive* effective(const Place& block, std::string_view name) {
    for (const Place* at = &block; at != nullptr; at = at->outer) {
        if (const conf::Directive* const found = find(at->block, name); found != nullptr) {
            return found;
        }
    }
    return nullptr;
}

bool uses(std::string_view text, std::string_view name) {
    for (std::size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$', at + 1)) {
        std::string_view rest = text.substr(at + 1);
        const bool has_brace = rest.starts_with('{');
        rest.remove_prefix(has_brace ? 1 : 0);
        if (rest.starts_with(name) && (rest.size() == name.size() || !is_word(rest[name.size()]))) {
            return true;
        }
    }
    return false;
}

bool uses_anywhere(const conf::Tree& tree, std::string_view name) {
    bool is_used = false;
    each(tree.directives, [&](const conf::Directive& directive) {
        is_used = is_used || uses(directive.name, name) ||  // in a map
                  std::ranges::any_of(directive.args, [&](const conf::Argument& one) {
                      return uses(one.text, name);
                  });
    });
    return is_used;
}

LocationHead head_of(const conf::Directive& location) {
    using Kind = LocationHead::Kind;
    static constexpr struct {
        std::string_view sign;
        Kind kind;
        bool is_caseless;
    } kSigns[] = {{"~*", Kind::Regex, true},
                  {"~", Kind::Regex, false},
                  {"=", Kind::Exact, false},
                  {"^~", Kind::PrefixFirst, false}};
    const std::string_view first = argument(location);
    for (const auto& one : kSigns) {
        if (location.args.size() == 2 && first == one.sign) {
            return {one.kind, argument(location, 1), one.is_caseless};
        }
        if (location.args.size() == 1 && first.starts_with(one.sign)) {
            return {one.kind, first.substr(one.sign.size()), one.is_caseless};
        }
    }
    return {first.starts_with('@') ? Kind::Named : Kind::Prefix, first, false};
}

bool is_refusal(const conf::Directive& directive) {
    const std::string_view status = argument(directive);
    return directive.name == "return" && status.size() == 3 && status.front() == '4';
}

bool refuses(Directives block) {
    const bool denies_all = std::ranges::any_of(block, [](const conf::Directive& one) {
        return one.name == "deny" && argument(one) == "all";
    });
    return (denies_all && find(block, "allow") == nullptr && find(block, "satisfy") == nullptr) ||
           find(block, "internal") != nullptr || std::ranges::any_of(block, is_refusal);
}

bool guards(Directives block) {
    const conf::Directive* const basic = find(block, "auth_basic");
    return refuses(block) || find(block, "deny") != nullptr ||
           (basic != nullptr && argument(*basic) != "off");
}

std::string_view redirect_target(const conf::Directive& directive) {
    const std::string_view first = argument(directive);
    if (directive.name == "return") {
        if (directive.args.size() == 1) {
            return is_url(first) ? first : std::string_view();
        }
        const bool is_redirect = first == "301" || first == "302" || first == "303" ||
                                 first == "307" || first == "308";
        return is_redirect ? argument(directive, 1) : std::string_view();
    }
    if (directive.name != "rewrite") {
        return {};
    }
    const std::string_view flag = argument(directive, 2);
    const std::string_view target = argument(directive, 1);
    return flag == "redirect" || flag == "permanent" || is_url(target) ? target
                                                                       : std::string_view();
}

std::string absolute(const Subject& subject, std::string_view path) {
    return path.starts_with('/') ? std::string(path) : subject.prefix + std::string(path);
}

std::string without_end_slash(std::string_view path) {
    while (path.ends_with('/')) {
        path.remove_suffix(1);
    }
    return std::string(path);
}

bool is_below(std::string_view path, std::string_view directory) {
    if (directory.empty()) {
        return false;
    }
    while (directory.ends_with('/')) {
        directory.remove_suffix(1);
    }
    return path.size() > directory.size() && path.starts_with(directory) &&
           path[directory.size()] == '/';
}

}  // namespace sluice::lint
