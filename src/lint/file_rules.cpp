// SPDX-License-Identifier: BSD-2-Clause
// Rules about files: what root and alias let out, and what they do not find.
// Runs in: any (the command line).
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "conf/level.h"
#include "lint/reading.h"
#include "lint/rules.h"
#include "proto/http/core_conf.h"

namespace sluice::lint {

namespace {

/// The location that a directive stands in itself, or null.
const conf::Directive* own_location(const Place& place) {
    const conf::Directive* const block = place.outer == nullptr ? nullptr : place.outer->directive;
    return block != nullptr && block->name == "location" ? block : nullptr;
}

void check_alias_slash(const Place& place, Report& report) {
    const conf::Directive* const location = own_location(place);
    const std::string_view target = argument(*place.directive);
    if (location == nullptr || !is_constant(target)) {
        return;
    }
    const LocationHead head = head_of(*location);
    const bool is_prefix =
        head.kind == LocationHead::Kind::Prefix || head.kind == LocationHead::Kind::PrefixFirst;
    const bool has_slash = head.text.ends_with('/');
    if (!is_prefix || has_slash == target.ends_with('/')) {
        return;
    }
    if (!has_slash) {
        report.add(*place.directive,
                   fmt::format("\"{0}x\" is served from \"{1}x\" too, and where nginx reads this "
                               "file \"{0}../\" leaves the folder",
                               head.text, target),
                   fmt::format("location {}/ {{ alias {}; }}", head.text, target));
        return;
    }
    report.add(*place.directive,
               fmt::format("\"{0}x\" is looked for at \"{1}x\", beside the folder and not in it",
                           head.text, target),
               fmt::format("alias {}/;", target));
}

void check_root_doubled(const Place& place, Report& report) {
    const conf::Directive* const location = own_location(place);
    if (location == nullptr || !is_constant(argument(*place.directive))) {
        return;
    }
    const LocationHead head = head_of(*location);
    const std::string part = without_end_slash(head.text);
    const std::string root =
        without_end_slash(absolute(report.subject(), argument(*place.directive)));
    if (head.kind == LocationHead::Kind::Regex || part.size() < 2 || !root.ends_with(part)) {
        return;
    }
    if (report.subject().exists(root) && !report.subject().exists(root + part)) {
        report.add(*place.directive,
                   fmt::format("\"{0}/x\" is looked for at \"{1}{0}/x\", and there is no "
                               "\"{1}{0}\"",
                               part, root),
                   fmt::format("root {};",
                               root.size() == part.size()
                                   ? std::string("/")
                                   : root.substr(0, root.size() - part.size())));
    }
}

bool is_system(std::string_view directory) {
    static constexpr std::array<std::string_view, 11> kSystem{
        "", "/etc", "/root", "/home", "/proc", "/sys", "/dev", "/run", "/var", "/boot", "/usr"};
    return std::ranges::find(kSystem, directory) != kSystem.end();
}

/// One file at most is let out.
bool is_single(const conf::Directive& location) {
    const LocationHead head = head_of(location);
    return head.kind == LocationHead::Kind::Exact ||
           (head.kind == LocationHead::Kind::Regex && head.text.starts_with('^') &&
            head.text.ends_with('$'));
}

void check_root_exposes(const Place& place, Report& report) {
    const std::string_view written = argument(*place.directive);
    const conf::Directive* const location = own_location(place);
    if (!is_constant(written) ||
        (location != nullptr && (is_single(*location) || guards(location->children)))) {
        return;
    }
    const std::string root = without_end_slash(absolute(report.subject(), written));
    if (is_system(root)) {
        report.add(*place.directive, fmt::format("everything below \"{}/\" that workers may read "
                                                 "can be fetched", root));
        return;
    }
    for (const conf::SourceFile& file : report.tree().files) {
        if (is_below(file.path, root)) {
            report.add(*place.directive,
                       fmt::format("the configuration file \"{}\" is in it and can be fetched",
                                   file.path));
            return;
        }
    }
}

void check_file_in_root(const Place& place, Report& report) {
    const std::string_view written = argument(*place.directive);
    if (!is_constant(written) || written == "off" || written.find(':') != std::string_view::npos ||
        written.starts_with('|') || written == "stderr" || written == "stdout") {
        return;
    }
    const std::string path = absolute(report.subject(), written);
    for (const http::Server* const server : report.site().servers()) {
        const std::string uri = uri_of_file(report.site(), *server, path);
        if (!uri.empty()) {
            report.add(*place.directive,
                       fmt::format("\"{}\" can be fetched as \"{}\" from server \"{}\"", path, uri,
                                   server->name));
            return;
        }
    }
}

struct Hidden {
    std::string_view entry;  ///< what is looked for below a root
    std::string_view uri;    ///< what a stranger asks for
};

constexpr std::array<Hidden, 6> kHidden{{{"/.git", "/.git/config"},
                                         {"/.svn", "/.svn/wc.db"},
                                         {"/.hg", "/.hg/hgrc"},
                                         {"/.env", "/.env"},
                                         {"/.htpasswd", "/.htpasswd"},
                                         {"/.DS_Store", "/.DS_Store"}}};

void check_dotfiles(const Place& /*all*/, Report& report) {
    for (const http::Server* const server : report.site().servers()) {
        std::vector<const http::Location*> all = report.site().locations(*server);
        all.push_back(server->root);
        for (const http::Location* const location : all) {
            const auto& base = location->core->file_base;
            const std::string root = without_end_slash(constant_root(*location));
            for (const Hidden& one : kHidden) {
                const std::string file = root + std::string(one.uri);
                if (!root.empty() && !base.value.is_alias &&
                    report.subject().exists(root + std::string(one.entry)) &&
                    is_served(*server, one.uri, file)) {
                    report.add(base.at, fmt::format("\"{}{}\" is there and \"{}\" can be fetched",
                                                    root, one.entry, one.uri));
                    break;
                }
            }
        }
    }
}

/// Whether requests that come here end without a look at files.
bool answers_itself(const http::Location& location) {
    static constexpr std::array<std::string_view, 6> kOthers{"return",     "rewrite", "stub_status",
                                                             "status_api", "kv",      "if"};
    const Directives block = location.level->block->children;
    const conf::Directive* const tries = find(block, "try_files");
    return refuses(block) || (tries != nullptr && is_constant(argument(*tries))) ||
           std::ranges::any_of(kOthers, [&](std::string_view name) {
               return find(block, name) != nullptr;
           });
}

void check_root_missing(const Place& place, Report& report) {
    const http::Location* const location = report.site().location_of(place.directive);
    if (location == nullptr || location->core->file_base.at.line != 0 ||
        location->children != nullptr || location->match == http::Match::Named ||
        answers_itself(*location)) {
        return;
    }
    const http::Location& server = *location->server->root;
    if (location == &server || !answers_itself(server)) {
        report.add(*place.directive,
                   fmt::format("no \"root\" holds here: files are looked for in the compiled-in "
                               "\"{}html\"",
                               report.subject().prefix));
    }
}

constexpr Rule kRules[] = {
    {.id = "alias-slash",
     .on = "alias",
     .harm = "Of `location` and `alias` one ends in a slash and the other does not: files beside "
             "the folder are served, with nginx those above it too (`/img../`), or none are found.",
     .fix = "end both in a slash.",
     .bad = "server { listen 80; location /img { alias /srv/img/; } }",
     .good = "server { listen 80; location /img/ { alias /srv/img/; } }",
     .check = check_alias_slash},
    {.id = "root-doubled",
     .on = "root",
     .harm = "`root` is put before the whole path, so that the location's name comes twice and "
             "no file is found. Warned of where that folder does not exist.",
     .fix = "leave the location's name out of `root`, or use `alias`.",
     .bad = "server { listen 80; location /www/ { root www; } }",
     .good = "server { listen 80; location /www/ { alias www/; } }",
     .check = check_root_doubled},
    {.id = "root-exposes",
     .on = "root alias",
     .harm = "The folder is one of the system's, or holds the configuration: anybody can read it.",
     .fix = "serve a folder that holds nothing but what may be public.",
     .bad = "server { listen 80; root /etc; }",
     .good = "server { listen 80; root /srv/www; location = /os { alias /etc/os-release; } }",
     .check = check_root_exposes},
    {.id = "file-in-root",
     .on = "access_log error_log auth_basic_user_file pid zone_state",
     .harm = "A log, a password file or another file of the server lies where clients can fetch it.",
     .fix = "move it out of the root, or deny its path.",
     .bad = "server { listen 80; root /srv/www; access_log /srv/www/logs/access.log; }",
     .good = "server { listen 80; root /srv/www; access_log /srv/www/logs/access.log;\n"
             "         location /logs/ { deny all; } }",
     .check = check_file_in_root},
    {.id = "dotfiles-exposed",
     .on = {},
     .harm = "The root holds `.git`, `.svn`, `.hg`, `.env`, `.htpasswd` or `.DS_Store` and nothing "
             "denies it: sources, history and secrets can be fetched. Warned of where it is there.",
     .fix = "location ~ /\\. { deny all; }",
     .bad = "server { listen 80; root www; }",
     .good = "server { listen 80; root www; location ~ /\\. { deny all; } }",
     .check = check_dotfiles},
    {.id = "root-missing",
     .on = "server location",
     .harm = "Files are served, but no `root` says from where: the compiled-in default is used.",
     .fix = "put a `root` into the server, where all its locations inherit it.",
     .bad = "server { listen 80; location / { root /srv/www; } location /img/ { expires 1d; } }",
     .good = "server { listen 80; root /srv/www; location / { } location /img/ { expires 1d; } }",
     .check = check_root_missing},
};

}  // namespace

const Group kFileRules{"Files", kRules};

}  // namespace sluice::lint
