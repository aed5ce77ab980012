// SPDX-License-Identifier: BSD-2-Clause
// auth_basic: user and password, RFC 7617, against a file. The file is read and the password hashed
// by a thread of the pool: a hash that is slow on purpose never holds up the loop.
// Runs in: any (settings), worker (rule), a thread of the pool (check).
#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "conf/generation.h"
#include "conf/level.h"
#include "event/pool.h"
#include "log/log.h"
#include "modules/http/basic_credentials.h"
#include "modules/http/features.h"
#include "modules/http/files.h"
#include "modules/http/password_file.h"
#include "proto/http/access_verdict.h"
#include "proto/http/error_line.h"
#include "proto/http/exchange.h"
#include "proto/http/trace.h"
#include "script/dialect.h"
#include "script/template_argument.h"
#include "sys/file.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

constexpr std::size_t kMostBytes = std::size_t{64} << 20;  ///< of a password file

struct AuthBasicConf {
    conf::Setting<script::Template> realm;
    conf::Setting<script::Template> file;
};

// ---- settings ----

bool set_realm(conf::Build& build, const conf::Directive& directive, AuthBasicConf& conf) {
    return script::compile_argument(build, directive.args[0], script::variables_of(build),
                                    conf.realm.value);
}

/// As nginx: relative to the main configuration file, not to the prefix.
std::string_view conf_folder(conf::Build& build) {
    for (const conf::SourceFile& file : build.generation().tree().files) {
        if (file.path.starts_with('/')) {
            return file.path.substr(0, file.path.rfind('/') + 1);
        }
    }
    return "/";
}

bool set_file(conf::Build& build, const conf::Directive& directive, AuthBasicConf& conf) {
    conf::Argument argument = directive.args[0];
    if (!argument.text.starts_with('/') && !argument.text.empty()) {
        const std::string whole = std::string(conf_folder(build)) + std::string(argument.text);
        argument.text = build.arena().copy(whole);
    }
    return script::compile_argument(build, argument, script::variables_of(build), conf.file.value);
}

constexpr conf::ContextMask kWhere = conf::kAnyHttp | conf::kLimitExcept;

constexpr conf::Row kRows[] = {
    conf::row_fn<&AuthBasicConf::realm, &set_realm>(
        "auth_basic", kWhere, conf::take(1),
        "Ask for user and password, naming this realm; off: ask for none.")
        .defaults("off"),
    conf::row_fn<&AuthBasicConf::file, &set_file>(
        "auth_basic_user_file", kWhere, conf::take(1),
        "Lines of user:hash, where the hash is of crypt(3), bcrypt included, $apr1$, {SHA}, {SSHA} "
        "or {PLAIN}; relative to the configuration file."),
};
constexpr conf::ConfKind kKind = conf::kind<AuthBasicConf>("auth_basic", kRows);
constexpr conf::Module kConf{"auth_basic", &kKind};

// ---- the check ----

enum class Outcome : std::uint8_t { Fits, NoUser, Mismatch, NoFile };

struct Judged;

/// Work for the pool. Owner: itself; the exchange may end before it.
struct Check : event::Work {
    std::string path;
    std::string user;
    std::string password;
    Outcome outcome = Outcome::NoFile;
    int error = 0;  ///< errno of NoFile
    Judged* judged = nullptr;  ///< null: the exchange has ended
};

/// What an exchange knows of its check. Lies in the exchange's arena.
struct Judged : http::Holding {
    Exchange* exchange = nullptr;
    Check* check = nullptr;  ///< null: it has ended
    const void* settings = nullptr;
    std::string_view file;
    Outcome outcome = Outcome::NoFile;
    int error = 0;
};

void check_password(event::Work& work) {
    Check& check = static_cast<Check&>(work);
    const Result<std::string> file = sys::read_file(check.path.c_str(), kMostBytes);
    if (!file) {
        check.error = file.error().code;
        return;
    }
    const auto hash = find_hash(*file, check.user);
    check.outcome = !hash                              ? Outcome::NoUser
                    : fits_hash(check.password, *hash) ? Outcome::Fits
                                                       : Outcome::Mismatch;
}

void end_check(event::Work& work) {
    const std::unique_ptr<Check> check(&static_cast<Check&>(work));
    std::ranges::fill(check->password, '\0');
    if (Judged* const judged = check->judged; judged != nullptr) {
        judged->check = nullptr;
        judged->outcome = check->outcome;
        judged->error = check->error;
        judged->exchange->retry_rule();
    }
}

void forget(http::Holding& held) noexcept {
    Judged& judged = static_cast<Judged&>(held);
    if (judged.check != nullptr) {
        judged.check->judged = nullptr;
        if (file_pool()->cancel(*judged.check)) {
            const std::unique_ptr<Check> dead(judged.check);
        }
    }
}

/// The check of this exchange that `settings` asked for, if there was one.
Judged* find_judged(const Exchange& exchange, const void* settings) {
    for (http::Holding* at = exchange.holdings; at != nullptr; at = at->next) {
        if (at->release == &forget && static_cast<Judged*>(at)->settings == settings) {
            return static_cast<Judged*>(at);
        }
    }
    return nullptr;
}

Verdict begin_check(Exchange& exchange,
                    const void* settings,
                    std::string_view file,
                    const BasicCredentials& given) {
    Judged* const judged = exchange.arena.make<Judged>();
    const std::string_view kept = exchange.arena.copy(file);
    if (judged == nullptr || kept.data() == nullptr || file_pool() == nullptr) {
        return exchange.finish(500);
    }
    auto check = std::make_unique<Check>();
    check->run = &check_password;
    check->done = &end_check;
    check->path = file;
    check->user = given.user;
    check->password = given.password;
    check->judged = judged;
    // Below files that are waited for: a flood of passwords must not hold them up.
    if (!file_pool()->submit(*check, event::Priority::Low)) {
        http::write_error(exchange, log::Level::Info, "too many passwords wait to be checked");
        return exchange.finish(503);
    }
    judged->release = &forget;
    judged->exchange = &exchange;
    judged->check = check.release();
    judged->settings = settings;
    judged->file = kept;
    exchange.hold(*judged);
    return Verdict::Waiting;
}

// ---- the rule ----

Verdict challenge(Exchange& exchange, std::string_view realm) {
    const std::size_t size = realm.size() + 32;
    char* const text = static_cast<char*>(exchange.arena.allocate(size, 1));
    if (text == nullptr) {
        return exchange.finish(500);
    }
    const auto end = fmt::format_to_n(text, size, "Basic realm=\"{}\"", realm);
    http::take_challenge_away(exchange.reply);  // of the request that this one's page is for
    if (!exchange.reply.add(exchange.arena, "WWW-Authenticate", {text, end.size})) {
        return exchange.finish(500);
    }
    return http::deny_access(exchange, 401);
}

Verdict refuse_file(Exchange& exchange, const Judged& judged) {
    const bool is_missing = judged.error == ENOENT;
    const log::Level level = may_log_trouble()
                                 ? (is_missing ? log::Level::Error : log::Level::Crit)
                                 : log::Level::Info;
    http::write_error(exchange, level, "{}",
                      log::Failure{Error{"open()", judged.error}, judged.file});
    return is_missing ? http::deny_access(exchange, 403) : exchange.finish(500);
}

Verdict use(Exchange& exchange, const Judged& judged, std::string_view realm,
            std::string_view user) {
    const log::Level level = http::client_level(exchange, log::Level::Error);
    switch (judged.outcome) {
        case Outcome::Fits:
            tell(exchange, http::Topic::Access, "auth_basic", "user \"{}\" and password fit {}", user,
                 judged.file);
            return http::allow_access(exchange);
        case Outcome::NoUser:
            tell(exchange, http::Topic::Access, "auth_basic", "user \"{}\" is not in {}: 401", user,
                 judged.file);
            http::write_error(exchange, level, "user \"{}\" was not found in \"{}\"",
                              log::Escaped{user}, judged.file);
            break;
        case Outcome::Mismatch:
            tell(exchange, http::Topic::Access, "auth_basic", "wrong password of \"{}\": 401", user);
            http::write_error(exchange, level, "user \"{}\": password mismatch",
                              log::Escaped{user});
            break;
        case Outcome::NoFile:
            tell(exchange, http::Topic::Access, "auth_basic_user_file", "{} cannot be read",
                 judged.file);
            return refuse_file(exchange, judged);
    }
    return challenge(exchange, realm);
}

Verdict authenticate(Exchange& exchange, const void* settings) {
    const AuthBasicConf& conf = *static_cast<const AuthBasicConf*>(settings);
    const std::string_view realm = exchange.render(*conf.realm);
    if (realm.data() == nullptr) {
        return exchange.finish(500);
    }
    if (realm == "off") {
        tell(exchange, http::Topic::Access, "auth_basic", "off");
        return Verdict::Declined;
    }
    const auto given = basic_credentials(exchange.request, exchange.arena);
    if (!given) {
        tell(exchange, http::Topic::Access, "auth_basic", "no user and password given: 401");
        http::write_error(exchange, log::Level::Info,
                          "no user/password was provided for basic authentication");
        return challenge(exchange, realm);
    }
    const std::string_view file = exchange.render(*conf.file);
    if (file.data() == nullptr) {
        return exchange.finish(500);
    }
    // Asked anew where an internal redirect has changed what the file is.
    const Judged* const judged = find_judged(exchange, settings);
    if (judged == nullptr || judged->file != file) {
        return begin_check(exchange, settings, file, *given);
    }
    return use(exchange, *judged, realm, given->user);
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    const AuthBasicConf& conf = level.conf<AuthBasicConf>();
    const bool is_off = conf.realm->is_constant() && conf.realm->constant() == "off";
    const bool has_file = !conf.file->is_constant() || !conf.file->constant().empty();
    if (phase != http::Phase::Access || is_off || !has_file) {
        return {};
    }
    return {.run = &authenticate, .settings = &conf};
}

}  // namespace

constexpr http::Module kAuthBasic{
    .name = "auth_basic",
    .conf = &kConf,
    .bind = &bind,
};

}  // namespace sluice::modules
