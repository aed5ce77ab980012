// SPDX-License-Identifier: BSD-2-Clause
// Parsing `server`, and what its name means at the start.
// Runs in: any.
#include "upstream/server_line.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "conf/parse_as.h"
#include "upstream/endpoint.h"

namespace sluice::upstream {

namespace {

constexpr std::uint16_t kHttpPort = 80;

/// A parameter of the line: flags have no "=", the others do.
struct Parameter {
    std::string_view name;
    bool (*set)(std::string_view value, ServerSpec& out);
    std::string_view expectation;
};

bool set_number(std::string_view value, std::uint32_t least, std::uint32_t& out) {
    const std::optional<std::uint64_t> number = parse_decimal(value);
    if (!number || *number < least || *number > INT32_MAX) {
        return false;
    }
    out = static_cast<std::uint32_t>(*number);
    return true;
}

bool set_time(std::string_view value, Millis& out) {
    const std::optional<Millis> time = conf::parse_time(value);
    out = time.value_or(out);
    return time.has_value();
}

constexpr Parameter kParameters[] = {
    {"weight=",
     [](std::string_view value, ServerSpec& out) { return set_number(value, 1, out.weight); },
     "weight=NUMBER, 1 or more"},
    {"max_conns=",
     [](std::string_view value, ServerSpec& out) { return set_number(value, 0, out.max_conns); },
     "max_conns=NUMBER; 0 is no limit"},
    {"max_fails=",
     [](std::string_view value, ServerSpec& out) { return set_number(value, 0, out.max_fails); },
     "max_fails=NUMBER; 0 counts no failures"},
    {"fail_timeout=",
     [](std::string_view value, ServerSpec& out) { return set_time(value, out.fail_timeout); },
     "fail_timeout=TIME, such as 10s"},
    {"slow_start=",
     [](std::string_view value, ServerSpec& out) { return set_time(value, out.slow_start); },
     "slow_start=TIME, such as 30s"},
    {"service=",
     [](std::string_view value, ServerSpec& out) {
         out.service = value;
         return !value.empty();
     },
     "service=NAME, such as http or _http._tcp"},
    {"route=", [](std::string_view, ServerSpec&) { return false; },
     "another way than sticky routes"},
};

bool set_flag(std::string_view text, ServerSpec& out) {
    bool* const flag = text == "backup"    ? &out.is_backup
                       : text == "down"    ? &out.is_down
                       : text == "resolve" ? &out.is_resolved
                                           : nullptr;
    if (flag != nullptr) {
        *flag = true;
    }
    return flag != nullptr;
}

bool set_parameter(conf::Build& build, const conf::Argument& argument, ServerSpec& out) {
    if (set_flag(argument.text, out)) {
        return true;
    }
    std::string expectation =
        "weight=, max_conns=, max_fails=, fail_timeout=, slow_start=, "
        "service=, backup, down or resolve";
    for (const Parameter& parameter : kParameters) {
        if (!argument.text.starts_with(parameter.name)) {
            continue;
        }
        if (parameter.set(argument.text.substr(parameter.name.size()), out)) {
            return true;
        }
        expectation = parameter.expectation;
    }
    return build.error(argument, "invalid parameter \"" + std::string(argument.text) + "\"",
                       std::move(expectation));
}

/// What the balancer cannot do, in nginx's words.
bool check_balancer(conf::Build& build,
                    const conf::Directive& directive,
                    const GroupSpec& group,
                    const ServerSpec& server) {
    const auto refuse = [&](std::string_view parameter) {
        for (const conf::Argument& argument : directive.args) {
            if (argument.text.starts_with(parameter)) {
                return build.error(argument,
                                   "balancing method does not support parameter \"" +
                                       std::string(argument.text) + "\"",
                                   "a server without it, or another method than " +
                                       std::string(group.balancer->name));
            }
        }
        return false;
    };
    if (group.balancer == nullptr) {
        return true;
    }
    if (server.is_backup && !group.balancer->takes_backup) {
        return refuse("backup");
    }
    if (server.slow_start.count() != 0 && !group.balancer->takes_slow_start) {
        return refuse("slow_start=");
    }
    return true;
}

bool check_service(conf::Build& build,
                   const conf::Argument& name,
                   const ServerSpec& server,
                   const Endpoint& endpoint) {
    if (server.service.empty()) {
        return true;
    }
    const std::string text(name.text);
    if (endpoint.is_literal) {
        return build.error(name, "service upstream \"" + text + "\" requires domain name",
                           "a name that has SRV records");
    }
    if (endpoint.port) {
        return build.error(name, "service upstream \"" + text + "\" may not have port",
                           "the name alone: SRV records tell the ports");
    }
    if (!server.is_resolved) {
        return build.error(name, "service upstream \"" + text + "\" requires \"resolve\" parameter",
                           "resolve beside service=");
    }
    return true;
}

void keep_addresses(conf::Build& build,
                    const std::vector<net::Address>& found,
                    ServerSpec& server) {
    const std::span<net::Address> kept = build.arena().make_span<net::Address>(found.size());
    std::ranges::copy(found, kept.begin());
    server.addresses = kept;
}

}  // namespace

bool parse_server_line(conf::Build& build,
                       const conf::Directive& directive,
                       const GroupSpec& group,
                       ServerSpec& out) {
    const conf::Argument& name = directive.args[0];
    out.name = name.text;
    out.at = name.at;
    for (const conf::Argument& argument : directive.args.subspan(1)) {
        if (!set_parameter(build, argument, out)) {
            return false;
        }
    }
    const auto endpoint = parse_endpoint(name.text);
    if (!endpoint) {
        return build.error(
            name, std::string(endpoint.error()) + " in upstream \"" + std::string(name.text) + "\"",
            "HOST:PORT or unix:PATH");
    }
    if (!check_service(build, name, out, *endpoint) ||
        !check_balancer(build, directive, group, out)) {
        return false;
    }
    out.host = endpoint->host;
    const bool has_port = endpoint->port || endpoint->is_unix || !out.service.empty();
    if (!has_port && group.scope == conf::kStream) {
        return build.error(name, "no port in upstream \"" + std::string(name.text) + "\"",
                           "HOST:PORT");
    }
    out.port = endpoint->port.value_or(kHttpPort);
    if (endpoint->is_literal) {
        keep_addresses(build, {*endpoint->address(out.port)}, out);
        out.is_resolved = false;
    }
    return true;
}

bool find_addresses(conf::Build& build, const GroupSpec& group, ServerSpec& server) {
    // Where a resolver is configured for it, that one knows the name, perhaps alone.
    const bool is_for_worker =
        server.is_resolved && (!server.service.empty() || group.resolver != nullptr);
    if (!server.addresses.empty() || is_for_worker) {
        return true;
    }
    std::vector<net::Address> found;
    if (const auto addresses = build.facts().resolve(server.host)) {
        for (const std::string& ip : *addresses) {
            if (const auto address = address_of(ip, server.port)) {
                found.push_back(*address);
            }
        }
    }
    keep_addresses(build, found, server);
    if (!found.empty() || server.is_resolved) {
        return true;
    }
    std::string message = "host not found in upstream \"" + std::string(server.name) + "\"";
    if (build.is_compat()) {
        return build.error(server.at, std::move(message),
                           "a name that the machine's resolver knows");
    }
    build.warn(server.at, std::move(message) + ": it is down until the name is known");
    server.is_retried = true;
    return true;
}

}  // namespace sluice::upstream
