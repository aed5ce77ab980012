// SPDX-License-Identifier: BSD-2-Clause
// Rules about the pages that requests come from: patterns for Origin and Referer.
// Runs in: any (the command line).
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/ascii.h"
#include "lint/reading.h"
#include "lint/rules.h"

namespace sluice::lint {

namespace {

bool is_word(char c) {
    return is_alpha(c) || is_digit(c);
}

/// Whether the pattern names a host ("example\.com"), and not only a scheme or anything.
bool names_host(std::string_view pattern) {
    for (std::size_t at = pattern.find("\\."); at != pattern.npos; at = pattern.find("\\.", at + 2)) {
        if (at + 2 < pattern.size() && is_word(pattern[at + 2])) {
            return true;
        }
    }
    return false;
}

/// Whether something may stand before what the pattern names; a `^` anywhere but in a class, or a
/// scheme, is taken to forbid it.
bool is_open_before(std::string_view pattern) {
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] == '^' && (i == 0 || pattern[i - 1] != '[')) {
            return false;
        }
    }
    return true;
}

/// Whether the host may go on behind the pattern: it ends in the host's last letters.
bool is_open_behind(std::string_view pattern) {
    const std::size_t scheme = pattern.find("://");
    const std::string_view host = scheme == pattern.npos ? pattern : pattern.substr(scheme + 3);
    return !host.empty() && is_word(host.back()) && host.find_first_of("/:$") == host.npos;
}

/// `text` begins with the `~` or `~*` of a pattern.
void check_pattern(const conf::Directive& at, std::string_view text, Report& report) {
    text.remove_prefix(1);
    text.remove_prefix(text.starts_with('*') ? 1 : 0);
    if (!names_host(text)) {
        return;
    }
    if (is_open_before(text)) {
        report.add(at, fmt::format("\"{}\" is also found further behind: https://evil.example/ with "
                                   "that in its path, or evil- before the name, passes",
                                   text));
    } else if (is_open_behind(text)) {
        report.add(at, fmt::format("\"{}\" lets the host go on: with .evil.example behind, it "
                                   "passes",
                                   text));
    }
}

bool tells_origin(std::string_view text) {
    return uses(text, "http_origin") || uses(text, "http_referer");
}

void check_map(const Place& place, Report& report) {
    if (!tells_origin(argument(*place.directive))) {
        return;
    }
    for (const conf::Directive& entry : place.block) {
        if (entry.name.starts_with('~') && argument(entry) != "" && argument(entry) != "0") {
            check_pattern(entry, entry.name, report);
        }
    }
}

/// `if ($http_origin ~* pattern)`: the sign and the pattern are arguments of their own.
void check_if(const Place& place, Report& report) {
    const std::string_view sign = argument(*place.directive, 1);
    std::string_view pattern = argument(*place.directive, 2);
    if (place.directive->args.size() != 3 || !tells_origin(argument(*place.directive)) ||
        (sign != "~" && sign != "~*" && sign != "!~" && sign != "!~*")) {
        return;
    }
    pattern.remove_suffix(pattern.ends_with(')') ? 1 : 0);
    check_pattern(*place.directive, "~" + std::string(pattern), report);
}

void check_referers(const Place& place, Report& report) {
    for (const conf::Argument& referer : place.directive->args) {
        if (referer.text.starts_with('~')) {
            check_pattern(*place.directive, referer.text, report);
        }
    }
}

void check_origin(const Place& place, Report& report) {
    if (place.directive->name == "map") {
        return check_map(place, report);
    }
    return place.directive->name == "if" ? check_if(place, report) : check_referers(place, report);
}

constexpr Rule kRules[] = {
    {.id = "origin-unanchored",
     .on = "map if valid_referers",
     .harm = "A pattern for Origin or Referer that does not hold the whole host lets pages of other "
             "sites pass for yours.",
     .fix = "hold the host at both ends: ^https://([^/]+\\.)?example\\.com$ for Origin, "
            "^https://example\\.com/ for Referer; for valid_referers, whose patterns begin behind "
            "the scheme, ^example\\.com/.",
     .bad = "map $http_origin $allowed { ~^https://(www\\.)?example\\.com $http_origin; }",
     .good = "map $http_origin $allowed { ~^https://(www\\.)?example\\.com$ $http_origin; }",
     .check = check_origin},
};

}  // namespace

const Group kOriginRules{"Origins", kRules};

}  // namespace sluice::lint
