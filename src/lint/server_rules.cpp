// SPDX-License-Identifier: BSD-2-Clause
// Rules about servers: which one answers a host.
// Runs in: any (the command line).
#include <algorithm>

#include <fmt/format.h>

#include "conf/level.h"
#include "lint/reading.h"
#include "lint/rules.h"

namespace sluice::lint {

namespace {

const conf::Directive& block_of(const http::Server& server) {
    return *server.root->level->block;
}

bool is_declared_default(const http::Server& server) {
    return std::ranges::any_of(block_of(server).children, [](const conf::Directive& one) {
        return one.name == "listen" &&
               (has_argument(one, "default_server") || has_argument(one, "default"));
    });
}

/// Whether it has no names but "_" and the empty one.
bool is_nameless(const http::Server& server) {
    bool is_so = true;
    for (const conf::Directive& one : block_of(server).children) {
        is_so = is_so && (one.name != "server_name" ||
                          std::ranges::all_of(one.args, [](const conf::Argument& name) {
                              return name.text == "_" || name.text.empty();
                          }));
    }
    return is_so;
}

void check_default_missing(const Place& /*all*/, Report& report) {
    for (const SiteView::Listening& one : report.site().ports()) {
        const http::Server& first = *one.port->default_server;
        if (one.servers.size() > 1 && !is_declared_default(first) && !is_nameless(first) &&
            !refuses(block_of(first).children)) {
            report.add(block_of(first),
                       fmt::format("\"{}\" is the first server on {} and so answers every host "
                                   "that no server there names",
                                   first.name, one.port->key));
        }
    }
}

void check_catch_all(const Place& place, Report& report) {
    const Place* const server_place = enclosing(place, "server");
    if (server_place == nullptr || argument(*place.directive) != "_") {
        return;
    }
    bool is_reached = false;
    const http::Server* found = nullptr;
    const SiteView::Listening* where = nullptr;
    for (const SiteView::Listening& one : report.site().ports()) {
        for (const http::Server* const server : one.servers) {
            if (&block_of(*server) == server_place->directive) {
                found = server;
                where = &one;
                is_reached = is_reached || one.port->default_server == server;
            }
        }
    }
    if (found != nullptr && !is_reached && is_nameless(*found)) {
        report.add(*place.directive,
                   fmt::format("\"_\" is a name like any other and no client asks for it: hosts "
                               "without a server of their own go to \"{}\" on {}",
                               where->port->default_server->name, where->port->key));
    }
}

void check_name_port(const Place& place, Report& report) {
    for (const conf::Argument& name : place.directive->args) {
        if (!name.text.starts_with('~') && name.text.find(':') != std::string_view::npos) {
            report.add(name.at, fmt::format("\"{}\" never matches: hosts are compared without "
                                            "their port", name.text));
        }
    }
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// "…\.com": ends in a label that is only letters, as top-level domains are.
bool ends_in_domain(std::string_view pattern) {
    std::size_t end = pattern.size();
    while (end > 0 && is_letter(pattern[end - 1])) {
        --end;
    }
    return pattern.size() - end >= 2 && end >= 2 && pattern[end - 1] == '.' &&
           pattern[end - 2] == '\\';
}

/// Whether a "|" lies outside of all groups: then anchors hold for one branch only.
bool has_branches(std::string_view pattern) {
    int depth = 0;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] == '\\') {
            ++i;
        } else if (pattern[i] == '(' || pattern[i] == ')') {
            depth += pattern[i] == '(' ? 1 : -1;
        } else if (pattern[i] == '|' && depth == 0) {
            return true;
        }
    }
    return false;
}

void check_name_open(const Place& place, Report& report) {
    for (const conf::Argument& name : place.directive->args) {
        if (!name.text.starts_with('~')) {
            continue;
        }
        std::string_view pattern = name.text.substr(name.text.starts_with("~*") ? 2 : 1);
        if (has_branches(pattern)) {
            continue;
        }
        const bool is_open_front = !pattern.empty() && is_letter(pattern.front());
        const bool is_open_end = ends_in_domain(pattern);
        if (is_open_front || is_open_end) {
            report.add(name.at,
                       fmt::format("\"{}\" has no \"{}\": it takes hosts with anything {} that",
                                   name.text, is_open_front ? "^" : "$",
                                   is_open_front ? "before" : "behind"));
        }
    }
}

void check_conflicts(const Place& /*all*/, Report& report) {
    for (const conf::Diagnostic& one : report.subject().generation.diagnostics().all()) {
        if (one.severity == conf::Severity::Warning &&
            one.message.starts_with("conflicting server name")) {
            report.add(one.at, one.message);
        }
    }
}

constexpr Rule kRules[] = {
    {.id = "no-default-server",
     .on = {},
     .harm = "Several servers share an address and none is its `default_server`: the first one "
             "answers unknown hosts, bare addresses and names that others point here.",
     .fix = "mark the one that is meant with `default_server`, or add one before it that says "
            "`return 444;`.",
     .bad = "server { listen 80; server_name a.example; return 200; }\n"
            "server { listen 80; server_name b.example; return 200; }",
     .good = "server { listen 80 default_server; server_name a.example; return 200; }\n"
             "server { listen 80; server_name b.example; return 200; }",
     .check = check_default_missing},
    {.id = "catch-all-not-default",
     .on = "server_name",
     .harm = "`server_name _` catches nothing by itself: only the default server of an address "
             "gets unknown hosts, and this one is not.",
     .fix = "write `listen … default_server;` in this server.",
     .bad = "server { listen 80 default_server; server_name a.example; return 200; }\n"
            "server { listen 80; server_name _; return 444; }",
     .good = "server { listen 80; server_name a.example; return 200; }\n"
             "server { listen 80 default_server; server_name _; return 444; }",
     .check = check_catch_all},
    {.id = "server-name-port",
     .on = "server_name",
     .harm = "A name with a port matches no request, because hosts are compared without theirs.",
     .fix = "leave the port to `listen`.",
     .bad = "server { listen 8080; server_name a.example:8080; return 200; }",
     .good = "server { listen 8080; server_name a.example; return 200; }",
     .check = check_name_port},
    {.id = "server-name-unanchored",
     .on = "server_name",
     .harm = "A regular expression without `^` or `$` takes foreign hosts that contain the name.",
     .fix = "anchor it: ~^…$",
     .bad = "server { listen 80; server_name ~^www\\d+\\.example\\.com; return 200; }",
     .good = "server { listen 80; server_name ~^www\\d+\\.example\\.com$; return 200; }",
     .check = check_name_open},
    {.id = "server-name-conflict",
     .on = {},
     .harm = "Two servers on one address have the same name: the later one never gets it.",
     .fix = "take the name out of one of them.",
     .bad = "server { listen 80 default_server; server_name a.example; return 200; }\n"
            "server { listen 80; server_name a.example; return 404; }",
     .good = "server { listen 80 default_server; server_name a.example; return 200; }\n"
             "server { listen 8080; server_name a.example; return 404; }",
     .check = check_conflicts},
};

}  // namespace

const Group kServerRules{"Servers", kRules};

}  // namespace sluice::lint
