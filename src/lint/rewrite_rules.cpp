// SPDX-License-Identifier: BSD-2-Clause
// Rules about if, rewrite, return, try_files and map.
// Runs in: any (the command line).
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "conf/level.h"
#include "lint/reading.h"
#include "lint/rules.h"
#include "proto/http/router.h"
#include "script/regex.h"

namespace sluice::lint {

namespace {

void check_redirect_uri(const Place& place, Report& report) {
    const std::string_view target = redirect_target(*place.directive);
    for (const std::string_view name : {"uri", "document_uri"}) {
        if (uses(target, name)) {
            return report.add(*place.directive,
                              fmt::format("${0} is the decoded path: of \"/a%3Fb\" clients are sent "
                                          "to \"/a?b\", and a decoded line end is refused here, but "
                                          "begins a header of the client's choice with nginx",
                                          name));
        }
    }
}

/// Whether a group of the pattern may take a line end; "." does not.
bool may_take_line_end(std::string_view pattern) {
    for (const std::string_view wide : {"[^", "\\s", "\\W", "\\D", "(?s"}) {
        const std::size_t at = pattern.find(wide);
        if (at == std::string_view::npos) {
            continue;
        }
        // In quotes the configuration makes a line end of "\\n".
        const std::string_view set = pattern.substr(at, pattern.find(']', at) - at);
        if (set.find('\n') == std::string_view::npos && set.find("\\n") == std::string_view::npos) {
            return true;
        }
    }
    return false;
}

void check_redirect_capture(const Place& place, Report& report) {
    const conf::Directive* const location = place.outer->directive;
    const std::string_view target = redirect_target(*place.directive);
    if (location == nullptr || location->name != "location" || place.directive->name != "return" ||
        find(place.outer->block, "rewrite") != nullptr ||
        find(place.outer->block, "if") != nullptr) {
        return;  // captures of another pattern
    }
    const LocationHead head = head_of(*location);
    if (head.kind != LocationHead::Kind::Regex || !may_take_line_end(head.text)) {
        return;
    }
    for (char digit = '1'; digit <= '9'; ++digit) {
        if (uses(target, std::string_view(&digit, 1))) {
            return report.add(*place.directive,
                              fmt::format("${} is a piece of the decoded path that may hold a line "
                                          "end",
                                          digit));
        }
    }
}

void check_http_host(const Place& place, Report& report) {
    const conf::Directive& directive = *place.directive;
    const bool is_path = directive.name == "root" || directive.name == "alias";
    const std::string_view text = is_path ? argument(directive) : redirect_target(directive);
    if (uses(text, "http_host")) {
        report.add(directive, is_path ? "$http_host is what the client wrote, with its port and "
                                        "capitals: other folders than those of the server's name"
                                      : "$http_host is what the client wrote and need not be the "
                                        "host that this server was chosen for");
    }
}

void check_rewrite_loop(const Place& place, Report& report) {
    const conf::Directive* const block = place.outer->directive;
    const std::string_view flag = argument(*place.directive, 2);
    if (block == nullptr || block->name != "location" || (!flag.empty() && flag != "last")) {
        return;
    }
    for (const conf::Directive& before : block->children) {
        if (&before == place.directive) {
            break;
        }
        if (before.name == "if" || before.name == "break" || before.name == "return" ||
            before.name == "rewrite") {
            return;
        }
    }
    const std::string_view target = argument(*place.directive, 1);
    const std::string_view uri = target.substr(0, std::min(target.find('?'), target.size()));
    const http::Location* const location = report.site().location_of(block);
    const bool is_last = flag == "last" || &block->children.back() == place.directive;
    if (location == nullptr || !is_last || !uri.starts_with('/') || !is_constant(uri) ||
        &http::find_location(*location->server->root, uri) != location) {
        return;
    }
    const auto regex = script::Regex::compile(argument(*place.directive), false);
    if (regex && regex->match(uri)) {
        report.add(*place.directive,
                   fmt::format("\"{}\" comes to this location again and matches again", uri));
    }
}

/// Whether requests may go on behind the block: nothing in it leads away.
bool may_go_on(const conf::Directive& block) {
    return find(block.children, "return") == nullptr && find(block.children, "rewrite") == nullptr;
}

bool has_settings(const conf::Directive& block) {
    static constexpr std::array<std::string_view, 4> kSteps{"set", "rewrite", "return", "break"};
    return std::ranges::any_of(block.children, [](const conf::Directive& one) {
        return std::ranges::find(kSteps, one.name) == kSteps.end();
    });
}

void check_if_try_files(const Place& place, Report& report) {
    if (find(place.block, "try_files") == nullptr) {
        return;
    }
    for (const conf::Directive& one : place.block) {
        if (one.name == "if" && may_go_on(one) &&
            find(one.children, "break") == nullptr) {
            report.add(one, "requests that meet this condition are answered without the try_files "
                            "beside it");
        }
    }
}

/// Whether both ask the same variable for equality: then they cannot hold together.
bool exclude_each_other(const conf::Directive& one, const conf::Directive& other) {
    return one.args.size() >= 3 && other.args.size() >= 3 && argument(one, 1) == "=" &&
           argument(other, 1) == "=" && argument(one) == argument(other);
}

void check_if_last_wins(const Place& place, Report& report) {
    for (std::size_t i = 0; i < place.block.size(); ++i) {
        const conf::Directive& one = place.block[i];
        if (one.name != "if" || !has_settings(one) || !may_go_on(one) ||
            find(one.children, "break") != nullptr) {
            continue;
        }
        const Directives rest = place.block.subspan(i + 1);
        const auto next = std::ranges::find_if(rest, [&](const conf::Directive& later) {
            return later.name == "if" && may_go_on(later) && !exclude_each_other(one, later);
        });
        if (next != rest.end()) {
            report.add(one, fmt::format("where the condition of line {} holds too, what this block "
                                        "sets is lost",
                                        next->at.line));
        }
    }
}

void check_try_files(const Place& place, Report& report) {
    const std::span<const conf::Argument> args = place.directive->args;
    for (std::size_t i = 0; i + 1 < args.size(); ++i) {
        if (args[i].text.starts_with('=') || args[i].text.starts_with('@')) {
            report.add(args[i].at, fmt::format("\"{}\" is looked for as a file, because it is not "
                                               "the last one",
                                               args[i].text));
        }
    }
    const std::string_view last = args.back().text;
    if (uses(last, "uri") && (last == "$uri" || last == "$uri/" || last == "${uri}")) {
        report.add(args.back().at, fmt::format("\"{}\" is no file to try but where the request goes "
                                               "when there is none: it comes here again, until "
                                               "there is a 500",
                                               last),
                   fmt::format("try_files … {} =404;", last));
    } else if (!last.starts_with('/') && !last.starts_with('=') && !last.starts_with('@') &&
               is_constant(last)) {
        report.add(args.back().at,
                   fmt::format("\"{}\" is where the request goes when there is no file, and no "
                               "path: it begins with no slash",
                               last),
                   fmt::format("try_files … /{};", last));
    }
}

void check_map_hostnames(const Place& place, Report& report) {
    const std::string_view source = argument(*place.directive);
    if (find(place.block, "hostnames") != nullptr ||
        (source != "$host" && source != "$http_host" && source != "$ssl_server_name" &&
         source != "$ssl_preread_server_name")) {
        return;
    }
    for (const conf::Directive& entry : place.block) {
        if (entry.name.starts_with("*.") || entry.name.ends_with(".*") ||
            (entry.name.starts_with('.') && entry.name.size() > 1)) {
            report.add(entry, fmt::format("\"{}\" is compared letter by letter and matches no host",
                                          entry.name));
            return;
        }
    }
}

constexpr Rule kRules[] = {
    {.id = "redirect-uri",
     .on = "return rewrite",
     .harm = "`$uri` and `$document_uri` are decoded: a redirect made of them leads elsewhere for "
             "paths with %3F, %23 or %25, and %0D%0A in them is how headers are injected.",
     .fix = "use $request_uri, which is as the client sent it.",
     .bad = "server { listen 80; return 301 https://a.example$uri; }",
     .good = "server { listen 80; return 301 https://a.example$request_uri; }",
     .check = check_redirect_uri},
    {.id = "redirect-capture",
     .on = "return",
     .harm = "A group that may take a line end, as [^/] does, put into a redirect: %0D%0A in the "
             "path injects headers (refused here with 400, sent by nginx).",
     .fix = "use .* or a class of the letters that are meant; or `rewrite … redirect`.",
     .bad = "server { listen 80; location ~ ^/u/([^/]*)$ { return 301 https://a.example/$1; } }",
     .good = "server { listen 80; location ~ ^/u/(.*)$ { return 301 https://a.example/$1; } }",
     .check = check_redirect_capture},
    {.id = "http-host",
     .on = "return rewrite root alias",
     .harm = "`$http_host` is the client's own text: with an absolute request target it may name "
             "another host than the one that was looked up, and redirects lead there.",
     .fix = "use $host, or $server_name.",
     .bad = "server { listen 80; return 301 https://$http_host$request_uri; }",
     .good = "server { listen 80; return 301 https://$host$request_uri; }",
     .check = check_http_host},
    {.id = "rewrite-loop",
     .on = "rewrite",
     .harm = "The new path comes to the same location and matches again: after ten rounds the "
             "client gets a 500.",
     .fix = "end the rewrite with `break`, or give the new path a location of its own.",
     .bad = "server { listen 80; root /srv/www; location / { rewrite ^(.*)$ /app?p=$1 last; } }",
     .good = "server { listen 80; root /srv/www; location / { rewrite ^(.*)$ /app?p=$1 last; }\n"
             "         location = /app { } }",
     .check = check_rewrite_loop},
    {.id = "if-try-files",
     .on = "location",
     .harm = "An `if` whose condition holds takes the request away from the `try_files` of its "
             "location.",
     .fix = "let the if end in `return` or `rewrite … last`, or use a map.",
     .bad = "server { listen 80; root /srv/www; location / { try_files $uri /i.html;\n"
            "         if ($arg_v) { set $v 1; } } }",
     .good = "server { listen 80; root /srv/www; location / { try_files $uri /i.html;\n"
             "         if ($arg_v) { return 404; } } }",
     .check = check_if_try_files},
    {.id = "if-last-wins",
     .on = "location",
     .harm = "Where two `if` of a location hold, only the last one's settings are used, even where "
             "that one has none.",
     .fix = "make the value with a map and set it once, outside of `if`.",
     .bad = "server { listen 80; root /srv/www; location / {\n"
            "         if ($arg_a) { expires 1d; } if ($arg_b) { set $b 1; } } }",
     .good = "server { listen 80; root /srv/www; location / {\n"
             "         if ($arg_b) { set $b 1; } if ($arg_a) { expires 1d; } } }",
     .check = check_if_last_wins},
    {.id = "try-files-last",
     .on = "try_files",
     .harm = "The last word of `try_files` is no file but where the request goes when there is "
             "none; `=404` and `@name` mean something there only.",
     .fix = "end in =404, @name or a path that exists.",
     .bad = "server { listen 80; root /srv/www; location / { try_files $uri $uri/; } }",
     .good = "server { listen 80; root /srv/www; location / { try_files $uri $uri/ =404; } }",
     .check = check_try_files},
    {.id = "map-hostnames",
     .on = "map",
     .harm = "Without `hostnames` a map compares \"*.example.com\" letter by letter: no host is it.",
     .fix = "put `hostnames;` into the map.",
     .bad = "map $host $who { default 0; *.example.com 1; }",
     .good = "map $host $who { hostnames; default 0; *.example.com 1; }",
     .check = check_map_hostnames},
};

}  // namespace

const Group kRewriteRules{"Rewriting", kRules};

}  // namespace sluice::lint
