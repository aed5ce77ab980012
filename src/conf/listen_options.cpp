// SPDX-License-Identifier: BSD-2-Clause
// Addresses and options of listen.
// Runs in: any.
#include "conf/listen_options.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "base/ascii.h"
#include "conf/listen_address.h"
#include "conf/parse_as.h"

namespace sluice::conf {

namespace {

// "name=number" with the number in 1..limit.
bool read_number(Build& build,
                 const Argument& argument,
                 std::uint64_t limit,
                 int& out) {
    const std::string_view text = argument.text.substr(argument.text.find('=') + 1);
    const auto number = parse_decimal(text);
    if (!number || *number == 0 || *number > limit) {
        return build.error(argument, fmt::format("invalid parameter \"{}\"", argument.text),
                           fmt::format("a number from 1 to {}", limit));
    }
    out = static_cast<int>(*number);
    return true;
}

bool read_size(Build& build, const Argument& argument, int& out) {
    const auto size = parse_size(argument.text.substr(argument.text.find('=') + 1));
    if (!size || size->count == 0 || size->count > (1U << 30)) {
        return build.error(argument, fmt::format("invalid parameter \"{}\"", argument.text),
                           "a size");
    }
    out = static_cast<int>(size->count);
    return true;
}

bool read_on_off(Build& build, const Argument& argument, bool& out) {
    const std::string_view text = argument.text.substr(argument.text.find('=') + 1);
    if (text != "on" && text != "off") {
        return build.error(argument, fmt::format("invalid parameter \"{}\"", argument.text),
                           "on or off");
    }
    out = text == "on";
    return true;
}

struct NumberOption {
    std::string_view prefix;
    int ListenOptions::* member;
};

constexpr std::uint64_t kMostQueue = 1U << 20;
constexpr NumberOption kQueues[] = {{"backlog=", &ListenOptions::backlog},
                                    {"fastopen=", &ListenOptions::fastopen}};
constexpr NumberOption kSizes[] = {{"rcvbuf=", &ListenOptions::rcvbuf},
                                   {"sndbuf=", &ListenOptions::sndbuf}};

struct SwitchOption {
    std::string_view prefix;
    bool ListenOptions::* member;
};

constexpr SwitchOption kSwitches[] = {{"ipv6only=", &ListenOptions::ipv6only}};
constexpr SwitchOption kFlags[] = {{"reuseport", &ListenOptions::reuseport},
                                   {"deferred", &ListenOptions::deferred}};

// on, off, or idle:interval:count, each of which may be empty.
bool read_keepalive(Build& build, const Argument& argument, ListenOptions& out) {
    const std::string_view text = argument.text.substr(argument.text.find('=') + 1);
    if (text == "on" || text == "off") {
        out.so_keepalive = text == "on";
        return true;
    }
    const std::size_t first = text.find(':');
    const std::size_t second = first == text.npos ? text.npos : text.find(':', first + 1);
    const bool has_three = second != text.npos && text.find(':', second + 1) == text.npos;
    const std::string_view idle = has_three ? text.substr(0, first) : std::string_view{};
    const std::string_view gap =
        has_three ? text.substr(first + 1, second - first - 1) : std::string_view{};
    const std::string_view count = has_three ? text.substr(second + 1) : std::string_view{};
    const auto seconds = [](std::string_view from, int& into) {
        const auto time = parse_time(from);
        const bool is_good = from.empty() || (time && *time >= Millis(1000) &&
                                              *time <= Millis(32'767'000));
        into = from.empty() || !is_good ? 0 : static_cast<int>(time->count() / 1000);
        return is_good;
    };
    const auto probes = parse_decimal(count);
    const bool is_good = has_three && text.size() > 2 && seconds(idle, out.keepalive_idle) &&
                         seconds(gap, out.keepalive_interval) &&
                         (count.empty() || (probes && *probes > 0 && *probes <= 127));
    if (!is_good) {
        return build.error(argument, fmt::format("invalid so_keepalive value: \"{}\"", text),
                           "on, off or idle:interval:count, such as 30m::10");
    }
    out.keepalive_count = count.empty() ? 0 : static_cast<int>(*probes);
    out.so_keepalive = true;
    return true;
}

ListenOption taken(bool is_good) {
    return is_good ? ListenOption::Taken : ListenOption::Wrong;
}

ListenOption read_socket_option(Build& build, const Argument& argument, ListenOptions& out) {
    const std::string_view text = argument.text;
    for (const SwitchOption& one : kFlags) {
        if (text == one.prefix) {
            out.*one.member = true;
            return ListenOption::Taken;
        }
    }
    for (const SwitchOption& one : kSwitches) {
        if (text.starts_with(one.prefix)) {
            return taken(read_on_off(build, argument, out.*one.member));
        }
    }
    for (const NumberOption& one : kQueues) {
        if (text.starts_with(one.prefix)) {
            return taken(read_number(build, argument, kMostQueue, out.*one.member));
        }
    }
    for (const NumberOption& one : kSizes) {
        if (text.starts_with(one.prefix)) {
            return taken(read_size(build, argument, out.*one.member));
        }
    }
    if (text.starts_with("so_keepalive=")) {
        return taken(read_keepalive(build, argument, out));
    }
    return ListenOption::Unknown;
}

}  // namespace

ListenOption read_listen_option(Build& build, const Argument& argument, ListenReading& out) {
    if (argument.text == "default_server") {
        out.is_default = true;
        return ListenOption::Taken;
    }
    if (argument.text == "bind") {
        return ListenOption::Taken;
    }
    const ListenOption read = read_socket_option(build, argument, out.options);
    out.has_options = out.has_options || read == ListenOption::Taken;
    return read;
}

bool refuse_listen_option(Build& build,
                          const Argument& argument,
                          std::span<const std::string_view> later,
                          std::string_view expected) {
    const std::string_view name = argument.text.substr(0, argument.text.find('='));
    if (std::ranges::find(later, name) != later.end()) {
        return build.error(argument, fmt::format("the \"{}\" parameter of \"listen\" is not "
                                                 "supported by this version",
                                                 name));
    }
    return build.error(argument, fmt::format("invalid parameter \"{}\"", argument.text),
                       std::string(expected));
}

ListenSpec* claim_listen(Build& build,
                         const Directive& directive,
                         const ListenClaim& claim,
                         const ListenReading& reading) {
    ListenSpec& spec = build.declare_listen(claim.key);
    if (spec.protocol.empty()) {
        spec.at = directive.at;
    } else if (spec.protocol != claim.protocol) {
        build.error(directive, fmt::format("{} is listened on by \"{}\" already", claim.key,
                                           claim.rival));
        return nullptr;
    }
    spec.protocol = claim.protocol;
    if (reading.has_options) {
        if (spec.options != ListenOptions{}) {
            build.error(directive, fmt::format("duplicate listen options for {}", claim.key));
            return nullptr;
        }
        spec.options = reading.options;
    }
    return &spec;
}

std::vector<std::string> read_listen_address(Build& build,
                                             const Argument& argument,
                                             int default_port) {
    std::string text(argument.text);
    if (text.starts_with("unix:") && text.size() > 5) {
        text = "unix:" + std::string(build.absolute_path(argument.text.substr(5)));
    }
    auto keys = listen_keys(text, default_port, build.facts());
    if (!keys) {
        build.error(argument, keys.error() + " of the \"listen\" directive",
                    "an address, a port from 1 to 65535 or a range of them, or unix:path");
        return {};
    }
    const bool has_port = keys->front().starts_with("unix:") || port_of_key(keys->front()) != 0;
    if (!has_port) {
        build.error(argument,
                    fmt::format("no port in \"{}\" of the \"listen\" directive", argument.text),
                    "address:port, a port from 1 to 65535, or unix:path");
        return {};
    }
    return std::move(*keys);
}

}  // namespace sluice::conf
