// SPDX-License-Identifier: BSD-2-Clause
// userid: gives browsers a cookie by which they are known again. $uid_got is the id that came,
// $uid_set the one that is sent; where $uid_reset, a variable of the configuration's own, is
// neither empty nor 0, an id that came is replaced by a new one.
// Runs in: any (settings), worker (rule, variables).
#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/bug.h"
#include "conf/level.h"
#include "log/log.h"
#include "modules/http/features.h"
#include "modules/http/user_id.h"
#include "proto/http/error_line.h"
#include "proto/http/exchange.h"
#include "proto/http/prefix_variables.h"
#include "proto/http/site.h"
#include "script/declared.h"
#include "script/dialect.h"
#include "script/value_text.h"
#include "sys/process.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

/// In the order of what they do.
enum class UserIdMode : std::uint8_t {
    Off,
    Log,  ///< ids that come are read
    V1,   ///< and new ones are given, in the first format
    On,
};

struct UserIdUse {
    UserIdMode mode = UserIdMode::Off;
    const script::VariableRow* reset = nullptr;  ///< $uid_reset
};

struct Lifetime {
    UnixSeconds seconds{};  ///< 0: until the browser ends
    bool is_longest = false;
};

struct Service {
    std::uint32_t number = 0;
    bool is_given = false;
};

struct UserIdConf {
    conf::Setting<UserIdUse> use;
    conf::Setting<std::string_view> name;
    conf::Setting<std::string_view> domain;
    conf::Setting<std::string_view> path;
    conf::Setting<std::string_view> p3p;
    conf::Setting<std::string_view> flags;  ///< as they are written into the cookie
    conf::Setting<Lifetime> lifetime;
    conf::Setting<Service> service;
    conf::Setting<char> mark;  ///< in place of the padding; NUL: none
};

constexpr std::string_view kReset = "uid_reset";

// ---- settings ----

bool set_mode(conf::Build& build, const conf::Directive& directive, UserIdConf& conf) {
    constexpr std::pair<std::string_view, UserIdMode> kModes[] = {{"off", UserIdMode::Off},
                                                                  {"log", UserIdMode::Log},
                                                                  {"v1", UserIdMode::V1},
                                                                  {"on", UserIdMode::On}};
    const conf::Argument& argument = directive.args[0];
    const auto* const found =
        std::ranges::find_if(kModes, [&](const auto& mode) { return mode.first == argument.text; });
    if (found == std::end(kModes)) {
        return build.invalid(directive, argument, "on, v1, log or off");
    }
    conf.use.value = {.mode = found->second, .reset = nullptr};
    if (found->second >= UserIdMode::V1) {
        conf.use.value.reset = script::variables_of(build).declared()->want(kReset);
        if (conf.use.value.reset == nullptr) {
            return build.error(directive, "too many variables");
        }
    }
    return true;
}

/// A text that stands in a header field.
template <conf::Setting<std::string_view> UserIdConf::* Member>
bool set_text(conf::Build& build, const conf::Directive& directive, UserIdConf& conf) {
    const conf::Argument& argument = directive.args[0];
    if (std::ranges::any_of(argument.text,
                            [](char c) { return c == '\r' || c == '\n' || c == 0; })) {
        return build.invalid(directive, argument, "a text of one line");
    }
    (conf.*Member).value = argument.text;
    return true;
}

/// The same where "none" is no text.
template <conf::Setting<std::string_view> UserIdConf::* Member>
bool set_text_or_none(conf::Build& build, const conf::Directive& directive, UserIdConf& conf) {
    if (directive.args[0].text == "none") {
        (conf.*Member).value = {};
        return true;
    }
    return set_text<Member>(build, directive, conf);
}

bool set_lifetime(conf::Build& build, const conf::Directive& directive, UserIdConf& conf) {
    const conf::Argument& argument = directive.args[0];
    conf.lifetime.value = {.seconds = {}, .is_longest = argument.text == "max"};
    if (argument.text == "max" || argument.text == "off") {
        return true;
    }
    const std::optional<Millis> time = conf::parse_time(argument.text);
    if (!time || *time % 1000 != Millis(0)) {
        return build.invalid(directive, argument, "a time in seconds or longer units, max or off");
    }
    conf.lifetime.value.seconds = std::chrono::floor<UnixSeconds>(*time);
    return true;
}

bool set_service(conf::Build& build, const conf::Directive& directive, UserIdConf& conf) {
    conf.service.value.is_given = true;
    return conf::ParseAs<std::uint32_t>::parse(build, directive, conf.service.value.number);
}

bool set_mark(conf::Build& build, const conf::Directive& directive, UserIdConf& conf) {
    const conf::Argument& argument = directive.args[0];
    if (argument.text == "off") {
        conf.mark.value = '\0';
        return true;
    }
    const char mark = argument.text.size() == 1 ? argument.text[0] : '\0';
    if (!is_alpha(mark) && !is_digit(mark) && mark != '=') {
        return build.invalid(directive, argument, "\"off\" or a single letter, digit or \"=\"");
    }
    conf.mark.value = mark;
    return true;
}

bool set_flags(conf::Build& build, const conf::Directive& directive, UserIdConf& conf) {
    constexpr std::string_view kSameSite = "samesite=";
    constexpr std::string_view kFlags[] = {"secure", "httponly", "samesite=strict", "samesite=lax",
                                           "samesite=none"};
    if (directive.args[0].text == "off" && directive.args.size() == 1) {
        conf.flags.value = {};
        return true;
    }
    // Written in nginx's order; of several samesite the last holds.
    std::array<bool, std::size(kFlags)> has{};
    for (const conf::Argument& argument : directive.args) {
        const auto* const found = std::ranges::find(kFlags, argument.text);
        if (found == std::end(kFlags)) {
            return build.invalid(directive, argument,
                                 "secure, httponly, samesite=strict, samesite=lax, samesite=none, "
                                 "or off alone");
        }
        if (found->starts_with(kSameSite)) {
            std::fill(has.begin() + 2, has.end(), false);
        }
        has[static_cast<std::size_t>(found - std::begin(kFlags))] = true;
    }
    std::string text;
    for (std::size_t i = 0; i < has.size(); ++i) {
        text += has[i] ? "; " + std::string(kFlags[i]) : std::string();
    }
    conf.flags.value = build.arena().copy(text);
    return true;
}

constexpr conf::Row kRows[] = {
    conf::row_fn<&UserIdConf::use, &set_mode>(
        "userid",
        conf::kAnyHttp,
        conf::take(1),
        "Know browsers again by a cookie: on, v1 (the first format), log (read them only) or off. "
        "One that came is replaced where $uid_reset, set by the configuration, is neither empty "
        "nor 0, and logged where it is \"log\".")
        .defaults("off"),
    conf::row_fn<&UserIdConf::name, &set_text<&UserIdConf::name>>(
        "userid_name", conf::kAnyHttp, conf::take(1), "The name of the cookie.")
        .defaults("uid"),
    conf::row_fn<&UserIdConf::domain, &set_text_or_none<&UserIdConf::domain>>(
        "userid_domain", conf::kAnyHttp, conf::take(1), "The domain of the cookie, or none.")
        .defaults("none"),
    conf::row_fn<&UserIdConf::path, &set_text<&UserIdConf::path>>(
        "userid_path", conf::kAnyHttp, conf::take(1), "The path of the cookie.")
        .defaults("/"),
    conf::row_fn<&UserIdConf::p3p, &set_text_or_none<&UserIdConf::p3p>>(
        "userid_p3p",
        conf::kAnyHttp,
        conf::take(1),
        "A P3P field to be sent beside the cookie, or none.")
        .defaults("none"),
    conf::row_fn<&UserIdConf::flags, &set_flags>(
        "userid_flags",
        conf::kAnyHttp,
        conf::take_range(1, 3),
        "Attributes of the cookie: secure, httponly, samesite=strict, samesite=lax, samesite=none; "
        "or off.")
        .defaults("off"),
    conf::row_fn<&UserIdConf::lifetime, &set_lifetime>(
        "userid_expires",
        conf::kAnyHttp,
        conf::take(1),
        "How long a browser keeps the cookie: a time, max (the end of 2037) or off (until it "
        "ends).")
        .defaults("off"),
    conf::row_fn<&UserIdConf::service, &set_service>(
        "userid_service",
        conf::kAnyHttp,
        conf::take(1),
        "The number of this service in ids; without one the address that the request came to, or 0 "
        "in the first format. Servers that share it should each have their own."),
    conf::row_fn<&UserIdConf::mark, &set_mark>(
        "userid_mark",
        conf::kAnyHttp,
        conf::take(1),
        "A letter, digit or = in cookies; those without it are sent again. Change it with their "
        "other attributes.")
        .defaults("off"),
};
constexpr conf::ConfKind kKind = conf::kind<UserIdConf>("userid", kRows);
constexpr conf::Module kConf{"userid", &kKind};

/// $uid_reset is there wherever userid is, whether anything sets it or not.
void settle_reset(conf::Build& build, conf::Level& http) {
    script::DeclaredVariables& declared = *script::variables_of(build, http).declared();
    if (script::Declared* const reset = declared.find(kReset); reset != nullptr) {
        reset->is_declared = true;
        reset->warns = false;
    }
}

// ---- the id of a request ----

constinit UserIdSource* source = nullptr;

struct Identity : http::Holding {
    std::string_view cookie;
    UserId got{};  ///< the last word is 0: none
    UserId set{};  ///< likewise
};

/// Marks identities among an exchange's holdings; they have nothing to give back.
void release_identity(http::Holding&) noexcept {}

void read_cookie(const Exchange& exchange, const UserIdConf& conf, Identity& identity) {
    const script::Value cookie = http::get_cookie(&exchange, exchange.arena, *conf.name);
    if (!cookie.is_found) {
        return;
    }
    constexpr std::size_t kShortest = 22;
    const auto id = decode_user_id(cookie.text);
    if (!id) {
        http::write_error(exchange, http::client_level(exchange, log::Level::Error),
                          "client sent {} userid cookie \"{}={}\"",
                          cookie.text.size() < kShortest ? "too short" : "invalid", *conf.name,
                          log::Escaped{cookie.text});
        return;
    }
    identity.cookie = cookie.text;
    identity.got = *id;
}

/// What is known of the exchange's id, read at the first use. Null: the arena is full.
Identity* identify(const Exchange& exchange, const UserIdConf& conf) {
    for (http::Holding* held = exchange.holdings; held != nullptr; held = held->next) {
        if (held->release == &release_identity) {
            return static_cast<Identity*>(held);
        }
    }
    auto* const identity = exchange.arena.make<Identity>();
    if (identity != nullptr) {
        identity->release = &release_identity;
        read_cookie(exchange, conf, *identity);
        // What a variable has found is all that reading it may change of an exchange.
        const_cast<Exchange&>(exchange).hold(*identity);
    }
    return identity;
}

UserId make_id(const Exchange& exchange, const UserIdConf& conf) {
    BUG_UNLESS(source != nullptr, "an id is made in a worker that was not started");
    const Service& service = *conf.service;
    const UnixSeconds now = exchange.timings.started_wall;
    if (conf.use->mode == UserIdMode::V1) {
        return source->next_v1(service.number, now);
    }
    if (service.is_given) {
        return source->next(htonl(service.number), now);
    }
    // IPv4, or the end of an IPv6 address; 0 for a Unix socket.
    const net::IpBytes ip = exchange.wire.local().ip();
    std::uint32_t address = 0;
    if (ip.size >= sizeof address) {
        std::memcpy(&address, ip.bytes.data() + ip.size - sizeof address, sizeof address);
    }
    return source->next(address, now);
}

/// Whether the id that came is to be replaced.
bool is_reset(const Exchange& exchange, const UserIdConf& conf, const Identity& identity) {
    const std::string_view reset = conf.use->reset->value(&exchange, exchange.arena, {}).text;
    if (reset.empty() || reset == "0") {
        return false;
    }
    if (reset == "log") {
        std::array<char, kUserIdDigits> digits{};
        print_user_id(identity.got, digits);
        http::write_error(exchange, http::client_level(exchange, log::Level::Notice),
                          "userid cookie \"{}={}\" was reset", *conf.name,
                          std::string_view(digits.data(), digits.size()));
    }
    return true;
}

bool has_mark(std::string_view cookie, char mark) {
    return mark == '\0' || (cookie.size() > 23 && cookie[22] == mark && cookie[23] == '=');
}

/// Decides once what is sent. False: nothing is.
bool choose_id(const Exchange& exchange, const UserIdConf& conf, Identity& identity) {
    if (identity.set[3] != 0) {
        return true;
    }
    if (identity.got[3] != 0 && !is_reset(exchange, conf, identity)) {
        if (has_mark(identity.cookie, *conf.mark)) {
            return false;
        }
        identity.set = identity.got;
        return true;
    }
    identity.set = make_id(exchange, conf);
    return true;
}

// ---- the rule ----

std::string_view cookie_text(const Exchange& exchange, const UserIdConf& conf, const UserId& id) {
    std::array<char, kUserIdChars> digits{};
    encode_user_id(id, digits);
    if (*conf.mark != '\0') {
        digits[22] = *conf.mark;
    }
    fmt::memory_buffer text;
    const auto append = [&text](std::string_view name, std::string_view value) {
        text.append(name);
        text.append(value);
    };
    append(*conf.name, "=");
    append({digits.data(), digits.size()}, "");
    std::array<char, kMostCookieDate> date{};
    const Lifetime& lifetime = *conf.lifetime;
    if (lifetime.is_longest) {
        append("; expires=", "Thu, 31-Dec-37 23:55:55 GMT");
    } else if (lifetime.seconds.count() != 0) {
        append("; expires=",
               print_cookie_date(exchange.timings.started_wall + lifetime.seconds, date));
    }
    if (!conf.domain->empty()) {
        append("; domain=", *conf.domain);
    }
    append("; path=", *conf.path);
    append(*conf.flags, "");
    return exchange.arena.copy({text.data(), text.size()});
}

// Without room for it the reply goes out without a cookie.
Verdict send_id(Exchange& exchange, const void* settings) {
    const UserIdConf& conf = *static_cast<const UserIdConf*>(settings);
    Identity* const identity = identify(exchange, conf);
    if (identity == nullptr || !choose_id(exchange, conf, *identity)) {
        return Verdict::Declined;
    }
    const std::string_view cookie = cookie_text(exchange, conf, identity->set);
    if (cookie.data() == nullptr || !exchange.reply.add(exchange.arena, "Set-Cookie", cookie)) {
        return Verdict::Declined;
    }
    if (!conf.p3p->empty()) {
        static_cast<void>(exchange.reply.add(exchange.arena, "P3P", *conf.p3p));
    }
    return Verdict::Declined;
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    const UserIdConf& conf = level.conf<UserIdConf>();
    if (phase != http::Phase::Head || conf.use->mode < UserIdMode::V1) {
        return {};
    }
    return {.run = &send_id, .settings = &conf};
}

void start_worker(net::WorkerContext&) {
    auto made = UserIdSource::make();
    if (!made) {
        // The clock and the process id still tell workers apart.
        log::write(log::Level::Warn, "{}", log::Failure{made.error()});
        made = UserIdSource(static_cast<std::uint32_t>(sys::own_pid()), 0);
    }
    source = std::make_unique<UserIdSource>(*made).release();
}

void stop_worker() {
    const std::unique_ptr<UserIdSource> dead(std::exchange(source, nullptr));
}

// ---- variables ----

const UserIdConf* settings_of(const Exchange& exchange, UserIdMode least) {
    if (exchange.location == nullptr) {
        return nullptr;
    }
    const auto& conf = exchange.location->level->conf<UserIdConf>();
    return conf.use->mode >= least ? &conf : nullptr;
}

script::Value shown(Arena& arena, const UserIdConf& conf, const UserId& id) {
    std::array<char, kUserIdDigits> digits{};
    print_user_id(id, digits);
    return script::kept_text(
        arena, fmt::format("{}={}", *conf.name, std::string_view(digits.data(), digits.size())));
}

script::Value get_got(const void* subject, Arena& arena, std::string_view) {
    const auto& exchange = *static_cast<const Exchange*>(subject);
    const UserIdConf* const conf = settings_of(exchange, UserIdMode::Log);
    const Identity* const identity = conf == nullptr ? nullptr : identify(exchange, *conf);
    return identity == nullptr || identity->got[3] == 0 ? script::Value::none()
                                                        : shown(arena, *conf, identity->got);
}

script::Value get_set(const void* subject, Arena& arena, std::string_view) {
    const auto& exchange = *static_cast<const Exchange*>(subject);
    const UserIdConf* const conf = settings_of(exchange, UserIdMode::V1);
    Identity* const identity = conf == nullptr ? nullptr : identify(exchange, *conf);
    return identity == nullptr || !choose_id(exchange, *conf, *identity)
               ? script::Value::none()
               : shown(arena, *conf, identity->set);
}

constexpr script::VariableRow kVariables[] = {
    {.name = "uid_got",
     .get = &get_got,
     .sentence = "The id that the client's cookie has: its name, =, and 32 hexadecimal digits."},
    {.name = "uid_set",
     .get = &get_set,
     .sentence = "The id that the client is sent, written likewise."},
};

}  // namespace

constexpr http::Module kUserId{
    .name = "userid",
    .conf = &kConf,
    .bind = &bind,
    .variables = kVariables,
    .start_worker = &start_worker,
    .stop_worker = &stop_worker,
    .complete = &settle_reset,
};

}  // namespace sluice::modules
