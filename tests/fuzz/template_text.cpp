// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: texts with variables. The text, a path, arguments, then header lines. A text that
// compiles gives what its pieces give one by one, twice the same, and no more where there is less
// room.
// Runs in: tests.
#include "script/template.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/ascii.h"
#include "base/bug.h"
#include "lines.h"
#include "support/no_wire.h"
#include "support/one_file.h"
#include "proto/http/site.h"

namespace {

using namespace sluice;  // NOLINT: a program of one file

constexpr std::size_t kRoom = 1 << 20;

script::VariableTable all_variables() {
    return script::VariableTable(registry::http_variables());
}

/// Clocks, counters and random numbers: two looks may differ.
bool is_steady(std::string_view name) {
    constexpr std::array<std::string_view, 6> kChanging{"time", "msec", "date", "request_id",
                                                        "connection", "stub"};
    for (const std::string_view part : kChanging) {
        for (std::size_t i = 0; i + part.size() <= name.size(); ++i) {
            if (equals_ignoring_case(name.substr(i, part.size()), part)) {
                return false;
            }
        }
    }
    return true;
}

/// A site that keeps nothing to itself: every variable finds the server and location it asks for.
const conf::GenerationRef& site() {
    static const conf::GenerationRef generation = [] {
        support::OneFile facts(
            "http { server { listen 127.0.0.1:80; location ~ ^(.)(.)?(?<rest>.*)$ { return 200 x; } } }");
        conf::Compiled compiled = support::compile(facts);
        BUG_UNLESS(compiled.generation != nullptr, "the site does not compile");
        return conf::GenerationRef(std::move(compiled.generation));
    }();
    return generation;
}

/// An exchange whose reply is decided.
struct Asked {
    Arena arena{4096, kRoom};
    support::NoWire wire;
    http::Exchange exchange{wire, arena};
    std::vector<http::Header> headers;

    Asked(std::string_view path, std::string_view args, std::string_view lines) {
        exchange.generation = site();
        exchange.port = http::find_port(*exchange.generation, ListenerId{1});
        exchange.server = exchange.port->default_server;
        http::Request& request = exchange.request;
        request.method_text = "GET";
        request.uri = request.target = path.empty() ? "/" : path;
        request.args = args;
        while (!lines.empty()) {
            const std::string_view line = fuzz::take_line(lines);
            const std::size_t colon = line.find(':');
            if (colon != line.npos && colon > 0) {
                headers.push_back({.name = line.substr(0, colon), .value = line.substr(colon + 1)});
            }
        }
        request.headers = headers;
        BUG_UNLESS(http::run_phases(exchange), "a constant reply waits");
    }

    ~Asked() { exchange.end(); }

    Asked(const Asked&) = delete;
    Asked& operator=(const Asked&) = delete;

    /// Nothing where the arena is full.
    std::optional<std::string> render(const script::Template& text) {
        const std::string_view out = exchange.render(text);
        return out.data() == nullptr ? std::nullopt : std::optional<std::string>(out);
    }

    std::optional<std::string> value_of(std::string_view name) {
        auto one = script::Template::compile("${" + std::string(name) + "}", all_variables(), arena);
        return one ? render(*one) : std::nullopt;
    }

    /// What capture `digit` holds.
    std::string capture(char digit) const {
        const auto number = static_cast<std::size_t>(digit - '0');
        const auto& groups = exchange.captures.groups;
        return number < groups.size() ? std::string(groups[number]) : std::string();
    }
};

struct Expected {
    std::string text;
    bool is_steady = true;
};

/// What `text`, which compiles, must give: read again in the plainest way.
std::optional<Expected> expected(Asked& asked, std::string_view text) {
    Expected out;
    while (!text.empty()) {
        const char c = text.front();
        text.remove_prefix(1);
        if (c != '$') {
            out.text += c;
            continue;
        }
        BUG_UNLESS(!text.empty(), "a lone $ was taken");
        if (text.front() >= '1' && text.front() <= '9') {
            out.text += asked.capture(text.front());
            text.remove_prefix(1);
            continue;
        }
        const bool is_braced = text.front() == '{';
        text.remove_prefix(is_braced ? 1 : 0);
        std::string name;
        while (!text.empty() && (is_alpha(text.front()) || is_digit(text.front()) || text.front() == '_')) {
            name += text.front();
            text.remove_prefix(1);
        }
        BUG_UNLESS(!name.empty(), "a variable without a name was taken");
        BUG_UNLESS(!is_braced || text.starts_with('}'), "a bracket that stays open was taken");
        text.remove_prefix(is_braced ? 1 : 0);
        out.is_steady = out.is_steady && is_steady(name);
        if (is_braced && name.size() == 1 && name[0] >= '1' && name[0] <= '9') {
            out.text += asked.capture(name[0]);
            continue;
        }
        const auto value = asked.value_of(name);
        if (!value) {
            return std::nullopt;  // no room
        }
        out.text += *value;
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(static_cast<const char*>(static_cast<const void*>(data)), size);
    const std::string_view text = fuzz::take_line(rest);
    const std::string_view path = fuzz::take_line(rest);
    const std::string_view args = fuzz::take_line(rest);
    Arena kept;
    const auto compiled = script::Template::compile(text, all_variables(), kept);
    if (!compiled) {
        BUG_UNLESS(text.find('$') != text.npos, "a text without variables was refused");
        return 0;
    }
    BUG_UNLESS(compiled->source() == text, "another source");
    Asked asked(path, args, rest);
    const auto first = asked.render(*compiled);
    const auto again = asked.render(*compiled);
    const auto wanted = expected(asked, text);
    if (!first || !again || !wanted) {
        return 0;
    }
    BUG_UNLESS(!wanted->is_steady || (*first == wanted->text && *again == *first),
               "not the sum of its pieces");
    Arena narrow(64, 256);
    const std::string_view part =
        compiled->render(&asked.exchange, narrow, asked.exchange.captures);
    // A variable that finds no room has no value.
    BUG_UNLESS(part.data() == nullptr || !wanted->is_steady || part.size() <= first->size(),
               "more where there is less room");
    return 0;
}
