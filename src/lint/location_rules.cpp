// SPDX-License-Identifier: BSD-2-Clause
// Rules about locations: which one answers a path.
// Runs in: any (the command line).
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "conf/level.h"
#include "lint/reading.h"
#include "lint/rules.h"
#include "proto/http/core_conf.h"
#include "proto/http/router.h"
#include "script/pattern.h"

namespace sluice::lint {

namespace {

using Kind = LocationHead::Kind;

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-';
}

bool is_plain(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return is_plain(c); });
}

/// A file name's ending in a pattern, its dot escaped: `\.php` or `\.(jpe?g|png)`.
struct Ending {
    bool is_there = false;
    bool is_open = false;   ///< nothing says that the path ends there
    bool is_bare = false;   ///< the dot is not escaped
    std::string sample;     ///< a path that it matches: "/x.php"
};

Ending ending_of(std::string_view pattern) {
    Ending out;
    for (const std::string_view any : {".*", ".+", "^.*", "^.+", "^(.*)", "(.*)", "^(.+)", "(.+)"}) {
        if (pattern.starts_with(any) && pattern.substr(any.size()).starts_with("\\.")) {
            pattern.remove_prefix(any.size());
            break;
        }
    }
    out.is_bare = pattern.starts_with('.') && pattern.size() > 1 &&
                  (is_plain(pattern[1]) || pattern[1] == '(');
    if (!out.is_bare && !pattern.starts_with("\\.")) {
        return out;
    }
    pattern.remove_prefix(out.is_bare ? 1 : 2);
    const bool has_group = pattern.starts_with('(');
    pattern.remove_prefix(has_group ? 1 : 0);
    pattern.remove_prefix(has_group && pattern.starts_with("?:") ? 2 : 0);
    const std::size_t end = std::min(pattern.find(has_group ? ')' : '$'), pattern.size());
    const std::string_view inner = pattern.substr(0, end);
    const std::string_view rest =
        pattern.substr(std::min(end + (has_group ? 1U : 0U), pattern.size()));
    const std::string_view first = inner.substr(0, std::min(inner.find('|'), inner.size()));
    const bool is_known =
        has_group ? std::ranges::all_of(inner, [](char c) {
            return is_plain(c) || c == '|' || c == '?';
        }) && !inner.empty()
                  : is_plain(inner);
    out.is_there = is_known && (rest.empty() || rest == "$");
    out.is_open = rest.empty();
    for (std::size_t i = 0; i < first.size(); ++i) {
        if (first[i] != '?') {
            out.sample += first[i];
        }
    }
    out.sample = "/x." + out.sample;
    return out;
}

std::string_view sign_of(const LocationHead& head) {
    return head.is_caseless ? "~*" : "~";
}

void check_unanchored(const Place& place, Report& report) {
    const LocationHead head = head_of(*place.directive);
    if (head.kind != Kind::Regex || guards(place.block)) {
        return;  // to deny too much lets nobody in
    }
    if (const Ending ending = ending_of(head.text); ending.is_there && ending.is_open) {
        if (!ending.is_bare) {
            report.add(*place.directive,
                       fmt::format("\"{}\" takes \"{}.txt\" and \"{}/y\" too", head.text,
                                   ending.sample, ending.sample),
                       fmt::format("location {} {}$", sign_of(head), head.text));
        }
        return;
    }
    const bool is_path = head.text.starts_with('/') && head.text.size() > 2 &&
                         std::ranges::all_of(head.text, [](char c) {
                             return is_plain(c) || c == '/';
                         });
    if (is_path) {
        report.add(*place.directive,
                   fmt::format("\"{0}\" takes every path that has it anywhere: \"/other{0}\"",
                               head.text),
                   fmt::format("location ^~ {}", head.text));
    }
}

void check_bare_dot(const Place& place, Report& report) {
    const LocationHead head = head_of(*place.directive);
    if (head.kind != Kind::Regex) {
        return;
    }
    if (const Ending ending = ending_of(head.text); ending.is_there && ending.is_bare) {
        std::string wrong = ending.sample;
        wrong[2] = 'x';
        report.add(*place.directive,
                   fmt::format("the dot of \"{}\" stands for any character: \"{}\" matches",
                               head.text, wrong),
                   fmt::format("location {} \\{}", sign_of(head), head.text));
    }
}

/// A regular expression beside the guarded location that takes a path from it, or null.
const http::Location* rival_of(const http::Location& guarded,
                               const std::vector<const http::Location*>& all,
                               std::string& sample) {
    for (const http::Location* const one : all) {
        const bool is_regex =
            one->match == http::Match::Regex || one->match == http::Match::RegexNoCase;
        if (!is_regex || one->outer != guarded.outer || guards(one->level->block->children)) {
            continue;
        }
        const Ending ending = ending_of(one->name);
        if (!ending.is_there) {
            continue;
        }
        const std::string uri = without_end_slash(guarded.name) + ending.sample;
        if (&http::find_location(*one->server->root, uri) == one) {
            sample = uri;
            return one;
        }
    }
    return nullptr;
}

void check_bypass(const Place& /*all*/, Report& report) {
    for (const http::Server* const server : report.site().servers()) {
        const std::vector<const http::Location*>& all = report.site().locations(*server);
        for (const http::Location* const location : all) {
            const conf::Directive& block = *location->level->block;
            if (location->match != http::Match::Prefix || !guards(block.children)) {
                continue;
            }
            std::string sample;
            const http::Location* const rival = rival_of(*location, all, sample);
            if (rival != nullptr) {
                report.add(block,
                           fmt::format("\"{}\" is not guarded: the regular expression \"{}\" takes "
                                       "it from \"{}\"",
                                       sample, rival->name, location->name),
                           fmt::format("location ^~ {}", location->name));
            }
        }
    }
}

void check_merge_slashes(const Place& place, Report& report) {
    if (argument(*place.directive) != "off") {
        return;
    }
    for (const http::Server* const server : report.site().servers()) {
        if (*server->root->core->merge_slashes || server->root->core->merge_slashes.at != place.directive->at) {
            continue;
        }
        for (const http::Location* const one : report.site().locations(*server)) {
            const bool is_literal = one->match == http::Match::Prefix ||
                                    one->match == http::Match::PrefixNoRegex ||
                                    one->match == http::Match::Exact;
            if (!is_literal || one->name == "/" || !guards(one->level->block->children)) {
                continue;
            }
            const std::string around = "/" + std::string(one->name);
            const http::Location& reached = http::find_location(*server->root, around);
            if (&reached != one && !constant_root(reached).empty() &&
                !guards(reached.level->block->children)) {
                return report.add(*place.directive,
                                  fmt::format("\"{}\" is the same file as \"{}\" and not guarded by "
                                              "its location",
                                              around, one->name));
            }
        }
    }
}

constexpr Rule kRules[] = {
    {.id = "regex-unanchored",
     .on = "location",
     .harm = "A regular expression without `^` or `$` takes more paths than it names.",
     .fix = "anchor it.",
     .bad = "server { listen 80; root /srv/www; location ~ \\.txt { charset utf-8; } }",
     .good = "server { listen 80; root /srv/www; location ~ \\.txt$ { charset utf-8; } }",
     .check = check_unanchored},
    {.id = "regex-dot",
     .on = "location",
     .harm = "A dot that is not escaped stands for any character: files without that ending match.",
     .fix = "write `\\.`.",
     .bad = "server { listen 80; root /srv/www; location ~ .txt$ { charset utf-8; } }",
     .good = "server { listen 80; root /srv/www; location ~ .+\\.txt$ { charset utf-8; } }",
     .check = check_bare_dot},
    {.id = "access-bypass",
     .on = {},
     .harm = "A regular expression beside a guarded prefix location takes some of its paths: what "
             "deny or auth_basic say there does not hold for them.",
     .fix = "write the prefix with `^~`.",
     .bad = "server { listen 80; root /srv/www; location /private/ { deny all; }\n"
            "         location ~ \\.(png|css)$ { expires 1d; } }",
     .good = "server { listen 80; root /srv/www; location ^~ /private/ { deny all; }\n"
             "         location ~ \\.(png|css)$ { expires 1d; } }",
     .check = check_bypass},
    {.id = "merge-slashes",
     .on = "merge_slashes",
     .harm = "With `merge_slashes off` another slash leads around a guarded location to the same "
             "file.",
     .fix = "leave merge_slashes on where locations decide who may.",
     .bad = "server { listen 80; root /srv/www; merge_slashes off; location /private/ { deny all; } }",
     .good = "server { listen 80; root /srv/www; merge_slashes off; location ~ /private/ { deny all; } }",
     .check = check_merge_slashes},
};

}  // namespace

const Group kLocationRules{"Locations", kRules};

}  // namespace sluice::lint
