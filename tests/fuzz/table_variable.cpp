// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: map and geo. A kind ("map", "hostnames", "geo", "ranges"), a key, then the lines of
// the table. Whatever is accepted gives the same value twice, and a geo of plain networks gives
// what a search through all of them gives. Runs in: tests.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/ascii.h"
#include "base/bug.h"
#include "lines.h"
#include "net/network.h"
#include "support/no_wire.h"
#include "support/one_file.h"
#include "proto/http/site.h"

namespace {

using namespace sluice;  // NOLINT: a program of one file

std::string head_of(std::string_view kind) {
    if (kind == "geo" || kind == "ranges") {
        return std::string("geo $args $x {") + (kind == "ranges" ? " ranges;\n" : "\n");
    }
    return std::string("map $args $x {") + (kind == "hostnames" ? " hostnames;\n" : "\n");
}

std::string value_for(const conf::GenerationRef& generation, std::string_view key) {
    Arena arena;
    support::NoWire wire;
    http::Exchange exchange(wire, arena);
    exchange.generation = generation;
    exchange.port = http::find_port(*generation, ListenerId{1});
    exchange.server = exchange.port->default_server;
    exchange.request.method_text = "GET";
    exchange.request.uri = exchange.request.target = "/";
    exchange.request.args = key;
    BUG_UNLESS(http::run_phases(exchange), "a table made a request wait");
    std::string body(exchange.reply.memory_body);
    exchange.end();
    return body;
}

/// One line "network value;"; false: something else.
bool read_row(std::string_view line,
              std::optional<net::Network>& network,
              std::string_view& value) {
    const std::size_t space = line.find(' ');
    if (space == line.npos || !line.ends_with(';')) {
        return false;
    }
    value = line.substr(space + 1, line.size() - space - 2);
    network = net::Network::parse(line.substr(0, space));
    return network && !value.empty() &&
           std::ranges::all_of(value, [](char c) { return is_alpha(c) || is_digit(c); });
}

/// What a search through all networks finds: the smallest, of equal ones the last.
std::optional<std::string> search(std::string_view lines, std::string_view key) {
    const auto ip = net::parse_ip(key);
    if (!ip || net::unmapped(*ip).size != ip->size) {
        return std::nullopt;
    }
    std::optional<net::Network> best;
    std::string out;
    while (!lines.empty()) {
        std::optional<net::Network> network;
        std::string_view value;
        if (!read_row(fuzz::take_line(lines), network, value)) {
            return std::nullopt;
        }
        // Where the two families meet the table may differ from the search.
        if (network->first().size != ip->size) {
            return std::nullopt;
        }
        const bool is_smaller =
            !best || (best->contains(network->first()) && best->contains(network->last()));
        if (network->contains(*ip) && is_smaller) {
            best = network;
            out = value;
        }
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(static_cast<const char*>(static_cast<const void*>(data)), size);
    const std::string_view kind = fuzz::take_line(rest);
    const std::string_view key = fuzz::take_line(rest);
    if (rest.find_first_of("{}") != rest.npos) {
        return 0;  // would end the table
    }
    const std::string text = "http { " + head_of(kind) + std::string(rest) +
                             "\n} server { listen 127.0.0.1:80; return 200 \"[$x]\"; } }";
    support::OneFile facts(text);
    conf::Compiled compiled = support::compile(facts);
    if (compiled.generation == nullptr) {
        return 0;
    }
    const conf::GenerationRef generation(std::move(compiled.generation));
    const std::string value = value_for(generation, key);
    BUG_UNLESS(value.starts_with('[') && value.ends_with(']'), "not the reply");
    BUG_UNLESS(value == value_for(generation, key), "two values for one key");
    if (kind == "geo") {
        const auto searched = search(rest, key);
        BUG_UNLESS(!searched || value == "[" + *searched + "]", "not the smallest network");
    }
    return 0;
}
