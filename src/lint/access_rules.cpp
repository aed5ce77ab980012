// SPDX-License-Identifier: BSD-2-Clause
// Rules about who may, and how often; and about logs of it.
// Runs in: any (the command line).
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "lint/reading.h"
#include "lint/rules.h"

namespace sluice::lint {

namespace {

bool is_verdict(const conf::Directive& directive) {
    return directive.name == "allow" || directive.name == "deny";
}

void check_allow(const Place& place, Report& report) {
    const Directives block = place.outer->block;
    const auto index = static_cast<std::size_t>(place.directive - block.data());
    const bool is_denied_later =
        std::ranges::any_of(block.subspan(index + 1), [](const conf::Directive& one) {
            return one.name == "deny";
        });
    const bool is_first = std::ranges::none_of(block.subspan(0, index), [](const auto& one) {
        return one.name == "allow";
    });
    const bool was_decided = std::ranges::any_of(block.subspan(0, index), [](const auto& one) {
        return is_verdict(one) && argument(one) == "all";
    });
    const bool allows_all = std::ranges::any_of(block, [](const conf::Directive& one) {
        return one.name == "allow" && argument(one) == "all";
    });
    if (is_first && !is_denied_later && !was_decided && !allows_all) {
        report.add(*place.directive,
                   fmt::format("\"{}\" is allowed and so is everybody else: nothing is denied "
                               "behind it",
                               argument(*place.directive)));
    }
}

void check_unreachable(const Place& place, Report& report) {
    if (argument(*place.directive) != "all") {
        return;
    }
    const Directives block = place.outer->block;
    const auto index = static_cast<std::size_t>(place.directive - block.data());
    for (const conf::Directive& later : block.subspan(index + 1)) {
        if (is_verdict(later)) {
            return report.add(later, fmt::format("\"{} all\" of line {} has decided before this "
                                                 "line is looked at",
                                                 place.directive->name, place.directive->at.line));
        }
    }
}

void check_auth_file(const Place& place, Report& report) {
    if (argument(*place.directive) == "off" || effective(*place.outer, "auth_basic_user_file")) {
        return;
    }
    // One further in may be what is meant.
    bool has_inner = false;
    each(place.outer->block, [&](const conf::Directive& one) {
        has_inner = has_inner || one.name == "auth_basic_user_file";
    });
    if (!has_inner) {
        report.add(*place.directive, "no auth_basic_user_file holds here, so nobody is asked for a "
                                     "password");
    }
}

void check_verdict(const Place& place, Report& report) {
    const bool is_referer = place.directive->name == "valid_referers";
    const std::string_view variable = is_referer ? "invalid_referer" : "secure_link";
    if (!uses_anywhere(report.tree(), variable)) {
        report.add(*place.directive,
                   fmt::format("only sets ${}, and nothing asks for that", variable),
                   is_referer ? "if ($invalid_referer) { return 403; }"
                              : "if ($secure_link = \"\") { return 403; }");
    }
}

void check_trusts_all(const Place& place, Report& report) {
    const std::string_view from = argument(*place.directive);
    if (from == "0.0.0.0/0" || from == "::/0") {
        report.add(*place.directive, "every client is believed what address it has");
    }
}

void check_client_words(const Place& place, Report& report) {
    static constexpr std::array<std::string_view, 3> kClaims{
        "http_x_forwarded_for", "http_x_real_ip", "http_forwarded"};
    const bool is_geo = place.directive->name == "geo";
    if (is_geo && (place.directive->args.size() < 2 || find(place.block, "proxy") != nullptr)) {
        return;
    }
    for (const std::string_view name : kClaims) {
        const std::string_view key = argument(*place.directive);
        if (uses(key, name) && !uses(key, "remote_addr") && !uses(key, "binary_remote_addr")) {
            report.add(*place.directive,
                       fmt::format("${} is what the client says of itself: {}", name,
                                   is_geo ? "it chooses the answer"
                                          : "with another value in each request, or none, it has "
                                            "no limit"));
        }
    }
}

/// The NAME of "zone=NAME:10m".
std::string_view zone_name(const conf::Directive& directive) {
    for (const conf::Argument& one : directive.args) {
        if (one.text.starts_with("zone=")) {
            const std::string_view rest = one.text.substr(5);
            return rest.substr(0, rest.find(':'));
        }
    }
    return {};
}

void check_zone_unused(const Place& place, Report& report) {
    const bool is_rate = place.directive->name == "limit_req_zone";
    const std::string_view name = zone_name(*place.directive);
    bool is_used = name.empty();
    each(report.tree().directives, [&](const conf::Directive& one) {
        is_used = is_used || (is_rate ? one.name == "limit_req" && zone_name(one) == name
                                      : one.name == "limit_conn" && argument(one) == name);
    });
    if (!is_used) {
        report.add(*place.directive, fmt::format("no {} names the zone \"{}\"",
                                                 is_rate ? "limit_req" : "limit_conn", name),
                   is_rate ? fmt::format("limit_req zone={};", name)
                           : fmt::format("limit_conn {} N;", name));
    }
}

void check_error_log_off(const Place& place, Report& report) {
    if (argument(*place.directive) == "off") {
        report.add(*place.directive, fmt::format("errors go to the file \"{}\"",
                                                 absolute(report.subject(), "off")));
    }
}

constexpr Rule kRules[] = {
    {.id = "allow-without-deny",
     .on = "allow",
     .harm = "Who is not denied may enter: an `allow` with no `deny` behind it changes nothing.",
     .fix = "write `deny all;` behind it.",
     .bad = "server { listen 80; root /srv/www; location /in/ { allow 10.0.0.0/8; } }",
     .good = "server { listen 80; root /srv/www; location /in/ { allow 10.0.0.0/8; deny all; } }",
     .check = check_allow},
    {.id = "access-unreachable",
     .on = "allow deny",
     .harm = "The first allow or deny that fits decides: what stands behind `all` never does.",
     .fix = "put `all` last.",
     .bad = "server { listen 80; root /srv/www; location /in/ { deny all; allow 10.0.0.0/8; } }",
     .good = "server { listen 80; root /srv/www; location /in/ { allow 10.0.0.0/8; deny all; } }",
     .check = check_unreachable},
    {.id = "auth-without-file",
     .on = "auth_basic",
     .harm = "Without auth_basic_user_file auth_basic lets everybody in.",
     .fix = "name the file with auth_basic_user_file.",
     .bad = "server { listen 80; root /srv/www; location /in/ { auth_basic Staff; } }",
     .good = "server { listen 80; root /srv/www; auth_basic_user_file users;\n"
             "         location /in/ { auth_basic Staff; } }",
     .check = check_auth_file},
    {.id = "verdict-unused",
     .on = "valid_referers secure_link",
     .harm = "`valid_referers` and `secure_link` refuse nobody: they set a variable, which has to "
             "be asked for.",
     .fix = "test the variable.",
     .bad = "server { listen 80; root /srv/www; valid_referers none a.example; }",
     .good = "server { listen 80; root /srv/www; valid_referers none a.example;\n"
             "         if ($invalid_referer) { return 403; } }",
     .check = check_verdict},
    {.id = "realip-trusts-all",
     .on = "set_real_ip_from",
     .harm = "Where everybody is trusted to name the client's address, everybody chooses it: allow, "
             "deny, limits and logs see what the client wrote.",
     .fix = "name the addresses of your proxies.",
     .bad = "server { listen 80; root /srv/www; set_real_ip_from 0.0.0.0/0; }",
     .good = "server { listen 80; root /srv/www; set_real_ip_from 10.0.0.0/8; }",
     .check = check_trusts_all},
    {.id = "client-address-claimed",
     .on = "limit_req_zone limit_conn_zone geo",
     .harm = "A limit or table keyed by a header that says who the client is: clients write it "
             "themselves.",
     .fix = "use $binary_remote_addr ($remote_addr in geo), with set_real_ip_from where a proxy "
            "is before this server.",
     .bad = "geo $http_x_real_ip $inside { default 0; 10.0.0.0/8 1; }",
     .good = "geo $remote_addr $inside { default 0; 10.0.0.0/8 1; }",
     .check = check_client_words},
    {.id = "zone-unused",
     .on = "limit_req_zone limit_conn_zone",
     .harm = "A zone alone limits nothing.",
     .fix = "name it with limit_req or limit_conn.",
     .bad = "limit_req_zone $binary_remote_addr zone=each:1m rate=5r/s;",
     .good = "limit_req_zone $binary_remote_addr zone=each:1m rate=5r/s;\n"
             "limit_req zone=each;",
     .check = check_zone_unused},
    {.id = "error-log-off",
     .on = "error_log",
     .harm = "`error_log` cannot be turned off: the word makes a file of that name.",
     .fix = "error_log /dev/null emerg;",
     .bad = "error_log off;",
     .good = "access_log off;",
     .check = check_error_log_off},
};

}  // namespace

const Group kAccessRules{"Access and limits", kRules};

}  // namespace sluice::lint
