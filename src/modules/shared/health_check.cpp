// SPDX-License-Identifier: BSD-2-Clause
// The directives of active checks. What is sent and what is expected is put together here, as
// upstream, which checks, knows no protocol.
// Runs in: any.
#include "modules/shared/health_check.h"

#include <optional>
#include <string>
#include <utility>

#include "base/ascii.h"
#include "conf/level.h"
#include "conf/parse_as.h"
#include "modules/shared/match_block.h"
#include "upstream/block.h"

namespace sluice::modules {

namespace {

using upstream::CheckSpec;

struct HealthConf {
    MatchBlock* matches = nullptr;  ///< of the http or stream block
    conf::Setting<Millis> timeout;
};

/// A health_check while it is read.
struct Reading {
    CheckSpec spec;
    std::string_view uri = "/";
    bool has_uri = false;
    conf::Argument match;  ///< empty: none
    bool is_stream = false;
    conf::Level* level = nullptr;
};

bool is_stream_level(const conf::Level& level) {
    return (level.context & (conf::kStream | conf::kStreamServer | conf::kStreamUpstream)) != 0;
}

MatchBlock* find_match(const conf::Level& level, std::string_view name) {
    for (const conf::Level* at = &level; at != nullptr; at = at->parent) {
        for (MatchBlock* one = at->conf<HealthConf>().matches; one != nullptr; one = one->next) {
            if (one->name == name) {
                return one;
            }
        }
    }
    return nullptr;
}

std::string_view http_request(conf::Build& build, const Reading& reading) {
    const upstream::UpstreamConf& conf = reading.level->conf<upstream::UpstreamConf>();
    const std::string_view host = conf.group != nullptr    ? conf.group->name
                                  : conf.target != nullptr ? conf.target->text
                                                           : "localhost";
    return build.arena().copy("GET " + std::string(reading.uri) + " HTTP/1.1\r\nHost: " +
                              std::string(host.starts_with("unix:") ? "localhost" : host) +
                              "\r\nConnection: close\r\n\r\n");
}

/// When all has been read: the match block, which may stand further down, and what is sent.
void complete(conf::Build& build, void* object) {
    Reading& reading = *static_cast<Reading*>(object);
    CheckSpec& spec = reading.spec;
    spec.timeout = *reading.level->conf<HealthConf>().timeout;
    const MatchBlock* match = nullptr;
    if (!reading.match.text.empty()) {
        match = find_match(*reading.level, reading.match.text);
        if (match == nullptr) {
            build.error(reading.match,
                        "match \"" + std::string(reading.match.text) + "\" not found",
                        "a match block of that name");
            return;
        }
    }
    spec.expected = match;
    spec.name = reading.match.text;
    if (!reading.is_stream) {
        spec.send = http_request(build, reading);
        spec.judge = &judge_http;
        return;
    }
    if (match != nullptr) {
        spec.send = match->send;
        spec.judge = match->expect != nullptr ? &judge_bytes : nullptr;
    }
    if (spec.is_udp && spec.send.empty()) {
        spec.send = "sluice health check";
    }
}

bool set_count(std::string_view text, std::uint32_t& out) {
    const std::optional<std::uint64_t> number = parse_decimal(text);
    if (!number || *number < 1 || *number > 1000) {
        return false;
    }
    out = static_cast<std::uint32_t>(*number);
    return true;
}

bool set_pause(std::string_view text, Millis least, Millis& out) {
    const std::optional<Millis> time = conf::parse_time(text);
    out = time.value_or(out);
    return time && *time >= least;
}

bool set_port(std::string_view text, Reading& out) {
    std::uint32_t port = 0;
    const std::optional<std::uint64_t> number = parse_decimal(text);
    if (number && *number >= 1 && *number <= 65535) {
        port = static_cast<std::uint32_t>(*number);
    }
    out.spec.port = static_cast<std::uint16_t>(port);
    return port != 0;
}

struct Parameter {
    std::string_view name;
    bool (*set)(std::string_view value, Reading& out);
    std::string_view expectation;
};

// clang-format off
constexpr Parameter kParameters[] = {
    {"interval=", [](std::string_view value, Reading& out) { return set_pause(value, Millis(100), out.spec.interval); },
     "interval=TIME, at least 100ms"},
    {"jitter=", [](std::string_view value, Reading& out) { return set_pause(value, Millis(0), out.spec.jitter); }, "jitter=TIME"},
    {"fails=", [](std::string_view value, Reading& out) { return set_count(value, out.spec.fails); }, "fails=NUMBER, 1 to 1000"},
    {"passes=", [](std::string_view value, Reading& out) { return set_count(value, out.spec.passes); }, "passes=NUMBER, 1 to 1000"},
    {"port=", [](std::string_view value, Reading& out) { return set_port(value, out); }, "port=NUMBER, 1 to 65535"},
    {"match=", [](std::string_view value, Reading& out) { out.match.text = value; return !value.empty(); }, "match=NAME"},
    {"uri=", [](std::string_view value, Reading& out) { out.uri = value; out.has_uri = true; return value.starts_with('/'); },
     "uri=/PATH"},
};
// clang-format on

bool set_parameter(conf::Build& build, const conf::Argument& argument, Reading& out) {
    if (argument.text == "mandatory") {
        return out.spec.is_mandatory = true;
    }
    if (argument.text == "persistent") {
        return true;  // what is known of a peer always outlives a reload
    }
    if (argument.text == "udp" && out.is_stream) {
        return out.spec.is_udp = true;
    }
    std::string expectation =
        out.is_stream ? "interval=, jitter=, fails=, passes=, port=, match=, mandatory or udp"
                      : "interval=, jitter=, fails=, passes=, port=, match=, uri= or mandatory";
    for (const Parameter& parameter : kParameters) {
        if (!argument.text.starts_with(parameter.name)) {
            continue;
        }
        if (parameter.set(argument.text.substr(parameter.name.size()), out)) {
            out.match.at = parameter.name == "match=" ? argument.at : out.match.at;
            return true;
        }
        expectation = parameter.expectation;
    }
    return build.error(argument, "invalid parameter \"" + std::string(argument.text) + "\"",
                       std::move(expectation));
}

bool has_bad_bytes(std::string_view uri) {
    for (const char c : uri) {
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) {
            return true;
        }
    }
    return false;
}

bool set_health_check(conf::Build& build, const conf::Directive& directive, HealthConf&) {
    Reading& reading = *build.arena().make<Reading>();
    reading.level = &build.level();
    reading.is_stream = is_stream_level(build.level());
    reading.spec.at = directive.at;
    for (const conf::Argument& argument : directive.args) {
        if (!set_parameter(build, argument, reading)) {
            return false;
        }
    }
    if ((reading.is_stream && reading.has_uri) || has_bad_bytes(reading.uri)) {
        return build.error(directive, "invalid uri in \"health_check\" directive",
                           reading.is_stream ? "match=NAME with send and expect: stream has no uri"
                                             : "a uri without spaces and control characters");
    }
    build.on_frozen(&complete, &reading);
    upstream::use_check(build, directive, reading.spec);
    return true;
}

bool set_match(conf::Build& build, const conf::Directive& directive, HealthConf& conf) {
    if (find_match(build.level(), directive.args[0].text) != nullptr) {
        return build.error(directive.args[0],
                           "duplicate match \"" + std::string(directive.args[0].text) + "\"",
                           "another name");
    }
    MatchBlock* const match = parse_match(build, directive);
    if (match == nullptr) {
        return false;
    }
    match->next = std::exchange(conf.matches, match);
    return true;
}

constexpr conf::Arity kNamedBlock{.least = 1, .most = 1, .is_flag = false, .has_block = true};

constexpr conf::Row kRows[] = {
    conf::row_fn<HealthConf, &set_health_check>(
        "health_check",
        conf::kStreamServer | conf::kLocation | upstream::kAnyUpstream,
        conf::take_range(0, conf::kNoLimit),
        "Checks the servers of the group again and again: interval=, jitter=, fails=, passes=, "
        "port=, "
        "match=, mandatory; in stream udp, in http uri=."),
    conf::row<&HealthConf::timeout>(
        "health_check_timeout",
        conf::kStream | conf::kStreamServer | conf::kAnyHttp | upstream::kAnyUpstream,
        conf::take(1),
        "How long one check of a server may take.")
        .defaults("5s"),
    conf::row_fn<HealthConf, &set_match>("match",
                                         conf::kHttp | conf::kStream,
                                         kNamedBlock,
                                         "What a server has to answer to a check: send and expect "
                                         "in stream; status, header and body in "
                                         "http.")
        .repeats(),
};
constexpr conf::ConfKind kKind = conf::kind<HealthConf>("health_check", kRows);

}  // namespace

constexpr conf::Module kHealthCheck{"health_check", &kKind};

}  // namespace sluice::modules
