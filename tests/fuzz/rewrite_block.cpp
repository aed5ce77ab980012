// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: the rules of a server and of its location: rewrite, set, if, return, break. A path
// with arguments, then the rules, a line each, and after a line "--" those of the location. What
// is accepted ends, twice in the same way, and no field of the reply has a line end in it.
// Runs in: tests.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/bug.h"
#include "lines.h"
#include "support/no_wire.h"
#include "support/one_file.h"
#include "proto/http/site.h"

namespace {

using namespace sluice;  // NOLINT: a program of one file

/// Rules that stay within their block: nothing but this script, so that no file is looked at.
bool add_rule(std::string_view line, std::string& out, std::size_t& depth) {
    constexpr std::array<std::string_view, 5> kRules{"rewrite ", "set ", "return ", "break;",
                                                     "rewrite_log "};
    const bool is_plain = line.find_first_of("{}#") == line.npos && line.ends_with(';') &&
                          std::count(line.begin(), line.end(), ';') == 1;
    if (line == "}" && depth > 0) {
        --depth;
    } else if (line.starts_with("if (") && line.ends_with(" {") && line.find("-f") == line.npos &&
               line.find("-d") == line.npos && line.find("-e") == line.npos &&
               line.find("-x") == line.npos &&
               line.substr(0, line.size() - 1).find_first_of("{}#;") == line.npos) {
        ++depth;
    } else if (!is_plain || std::ranges::none_of(kRules, [line](std::string_view rule) {
                   return line.starts_with(rule);
               })) {
        return false;
    }
    out.append(line).append("\n");
    return true;
}

/// Takes lines up to "--"; false: something that is no rule.
bool take_rules(std::string_view& rest, std::string& out) {
    std::size_t depth = 0;
    while (!rest.empty()) {
        const std::string_view line = fuzz::take_line(rest);
        if (line == "--") {
            break;
        }
        if (!add_rule(line, out, depth)) {
            return false;
        }
    }
    return depth == 0;
}

bool is_one_line(std::string_view value) {
    return value.find_first_of(std::string_view("\r\n\0", 3)) == value.npos;
}

/// The reply as one text: status, fields, body.
std::string answer_for(const conf::GenerationRef& generation, std::string_view target) {
    Arena arena(4096, 1 << 20);
    support::NoWire wire;
    http::Exchange exchange(wire, arena);
    exchange.generation = generation;
    exchange.port = http::find_port(*generation, ListenerId{1});
    exchange.server = exchange.port->default_server;
    const std::size_t mark = std::min(target.find('?'), target.size());
    exchange.request.method_text = "GET";
    exchange.request.target = target;
    exchange.request.uri = mark == 0 ? "/" : target.substr(0, mark);
    exchange.request.args = target.substr(std::min(mark + 1, target.size()));
    BUG_UNLESS(http::run_phases(exchange), "a rule made a request wait");
    const http::Reply& reply = exchange.reply;
    BUG_UNLESS(reply.status >= 100 && reply.status <= 999, "no status");
    BUG_UNLESS(exchange.redirects <= 11, "more than ten rounds");
    BUG_UNLESS(is_one_line(reply.location) && is_one_line(reply.content_type), "a line end in a field");
    std::string out = std::to_string(reply.status) + " " + std::string(reply.location) + "\n";
    for (const http::ReplyHeader* at = reply.headers; at != nullptr; at = at->next) {
        BUG_UNLESS(is_one_line(at->value) && is_one_line(at->name), "a line end in a field");
        out.append(at->name).append(":").append(at->value).append("\n");
    }
    out.append(reply.memory_body);
    exchange.end();
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(static_cast<const char*>(static_cast<const void*>(data)), size);
    const std::string_view target = fuzz::take_line(rest);
    std::string of_server;
    std::string of_location;
    if (!take_rules(rest, of_server) || !take_rules(rest, of_location)) {
        return 0;
    }
    const std::string text =
        "http { server { listen 127.0.0.1:80; add_header X-Uri $uri always; add_header X-Args $args always;\n" +
        // Behind `break` no file is looked at: nobody may.
        of_server + "deny all;\nlocation / {\n" + of_location + "return 200 \"$uri?$args $1\"; } } }";
    support::OneFile facts(text);
    conf::Compiled compiled = support::compile(facts);
    if (compiled.generation == nullptr) {
        return 0;
    }
    const conf::GenerationRef generation(std::move(compiled.generation));
    const std::string first = answer_for(generation, target);
    const bool has_clock = text.find("time") != text.npos || text.find("msec") != text.npos ||
                           text.find("date") != text.npos || text.find("request_id") != text.npos;
    BUG_UNLESS(has_clock || first == answer_for(generation, target), "two answers for one request");
    return 0;
}
