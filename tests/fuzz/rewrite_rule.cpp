// SPDX-License-Identifier: BSD-2-Clause
// Fuzzes a `rewrite`: pattern, replacement, path and arguments, one a line. Whatever they are, the
// result is built in one pass and a redirect never grows where escapes are taken back.
// Runs in: tests.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "modules/http/replacement_text.h"
#include "support/no_wire.h"
#include "proto/http/variable_slots.h"
#include "proto/http/variables.h"

namespace {

using namespace sluice;  // NOLINT: a program of one file
using support::NoWire;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

std::string_view take_line(std::string_view& rest) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(static_cast<const char*>(static_cast<const void*>(data)), size);
    const std::string_view expression = take_line(rest);
    const std::string_view text = take_line(rest);
    const std::string_view path = take_line(rest);
    auto regex = script::Regex::compile(expression, false);
    const std::array lists{http::core_variables(), http::connection_variables()};
    const script::VariableTable table(lists);
    Arena arena(4096, 1 << 26);  // more than any result of such an input: 2,000 groups of 12,000 bytes
    const auto whole = script::Template::compile(text, table, arena);
    const std::size_t mark = text.find('?');
    const auto front = script::Template::compile(text.substr(0, mark), table, arena);
    const auto args = script::Template::compile(
        mark == text.npos ? "" : text.substr(mark + 1), table, arena);
    if (!regex || !whole || !front || !args) {
        return 0;
    }
    const script::Pattern pattern{std::move(*regex), {}};
    NoWire wire;
    http::Exchange exchange(wire, arena);
    exchange.request.uri = exchange.request.target = path;
    exchange.request.args = rest;
    // Variables that need a server or a location are left to the tests of the whole.
    for (const script::Part& part : whole->parts()) {
        if (part.row != nullptr && part.row->name != "args" && part.row->name != "uri") {
            return 0;
        }
    }
    if (!pattern.regex.match(path)) {
        return 0;
    }
    require(http::keep_captures(exchange, pattern, path));
    modules::Replacement rule{.pattern = &pattern, .path = *front, .args = *args};
    rule.has_args = mark != text.npos;
    const modules::RewrittenUri uri = modules::rewritten_uri(exchange, rule);
    require(uri.path.data() != nullptr && uri.args.data() != nullptr);
    require(uri.path == exchange.render(*front));
    rule.path = *whole;
    const std::string_view location = modules::redirect_text(exchange, rule);
    require(location.data() != nullptr);
    rule.keeps_args = false;
    require(modules::redirect_text(exchange, rule).size() <= location.size());
    return 0;
}
