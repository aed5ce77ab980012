// SPDX-License-Identifier: BSD-2-Clause
// Rules about header fields of answers.
// Runs in: any (the command line).
#include <algorithm>

#include <fmt/format.h>

#include "base/ascii.h"
#include "lint/reading.h"
#include "lint/rules.h"

namespace sluice::lint {

namespace {

/// The outer block whose fields a block with fields of its own loses, or null.
const Place* outer_fields(const Place& block, std::string_view name) {
    for (const Place* at = block.outer; at != nullptr; at = at->outer) {
        if (find(at->block, name) != nullptr) {
            return at;
        }
    }
    return nullptr;
}

bool has_field(Directives block, std::string_view name, std::string_view field) {
    return std::ranges::any_of(block, [&](const conf::Directive& one) {
        return one.name == name && equals_ignoring_case(argument(one), field);
    });
}

void check_lost(const Place& place, Report& report) {
    const std::string_view name = place.directive->name;
    const Place& block = *place.outer;
    if (find(block.block, name) != place.directive) {
        return;  // one message for a block
    }
    const conf::Directive* const inherit =
        effective(block, std::string(name) + "_inherit");
    const Place* const outer = outer_fields(block, name);
    if (outer == nullptr || (inherit != nullptr && argument(*inherit) == "merge")) {
        return;
    }
    std::string lost;
    for (const conf::Directive& one : outer->block) {
        if (one.name == name && !has_field(block.block, name, argument(one)) &&
            lost.find(argument(one)) == std::string::npos) {
            lost += fmt::format("{}{}", lost.empty() ? "" : ", ", argument(one));
        }
    }
    if (!lost.empty()) {
        report.add(*place.directive, fmt::format("answers of this block lose {}, set further out",
                                                 lost),
                   fmt::format("repeat them here, or say `{}_inherit merge;`.", name));
    }
}

void check_cors_errors(const Place& place, Report& report) {
    if (equals_ignoring_case(argument(*place.directive), "Access-Control-Allow-Origin") &&
        !has_argument(*place.directive, "always")) {
        report.add(*place.directive, "answers with an error do not get it");
    }
}

constexpr Rule kRules[] = {
    {.id = "add-header-lost",
     .on = "add_header add_trailer",
     .harm = "A block with one `add_header` of its own inherits none: fields that were set further "
             "out, often those for security, are missing from its answers.",
     .fix = "repeat them, or say `add_header_inherit merge;`.",
     .bad = "server { listen 80; root /srv/www; add_header X-Frame-Options DENY;\n"
            "         location /img/ { add_header Cache-Control public; } }",
     .good = "server { listen 80; root /srv/www; add_header X-Frame-Options DENY;\n"
             "         location /img/ { add_header Cache-Control public; add_header_inherit merge; } }",
     .check = check_lost},
    {.id = "cors-errors",
     .on = "add_header",
     .harm = "Without `always` errors have no Access-Control-Allow-Origin: scripts of other origins "
             "cannot read the status, browsers show a CORS failure in its place.",
     .fix = "write `always` behind the value.",
     .bad = "server { listen 80; root /srv/www; add_header Access-Control-Allow-Origin *; }",
     .good = "server { listen 80; root /srv/www; add_header Access-Control-Allow-Origin * always; }",
     .check = check_cors_errors},
};

}  // namespace

const Group kHeaderRules{"Headers", kRules};

}  // namespace sluice::lint
