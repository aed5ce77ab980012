// SPDX-License-Identifier: BSD-2-Clause
// secure_link: links that only the site itself can make: a hash of the link and a secret, and a time
// at which it ends. $secure_link tells whether a request's is right; rules decide what follows.
// Runs in: any (settings), worker (variables).
#include <charconv>
#include <optional>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/md5.h"
#include "conf/level.h"
#include "modules/http/features.h"
#include "proto/http/exchange.h"
#include "proto/http/site.h"
#include "script/dialect.h"
#include "script/template_argument.h"
#include "script/value_text.h"

namespace sluice::modules {

namespace {

using http::Exchange;

struct SecureLinkConf {
    conf::Setting<script::Template> link;
    conf::Setting<script::Template> md5;
    conf::Setting<std::string_view> secret;
};

// ---- settings ----

template <conf::Setting<script::Template> SecureLinkConf::* Member>
bool set_text(conf::Build& build, const conf::Directive& directive, SecureLinkConf& conf) {
    if (conf.secret.is_set) {
        return build.error(directive, "\"" + std::string(directive.name) +
                                          "\" directive is incompatible with "
                                          "\"secure_link_secret\" directive");
    }
    return script::compile_argument(build, directive.args[0], script::variables_of(build),
                                    (conf.*Member).value);
}

bool set_secret(conf::Build& build, const conf::Directive& directive, SecureLinkConf& conf) {
    if (conf.link.is_set || conf.md5.is_set) {
        return build.error(directive,
                           "\"secure_link_secret\" directive is incompatible with "
                           "\"secure_link\" and \"secure_link_md5\" directives");
    }
    return conf::ParseAs<std::string_view>::parse(build, directive, conf.secret.value);
}

/// As nginx: links of the new kind, a block's own or an outer one's, end the old kind.
void inherit_secret(void* child, const void* parent) {
    auto& own = *static_cast<SecureLinkConf*>(child);
    if (own.link->source().data() == nullptr && own.md5->source().data() == nullptr) {
        own.secret.value = *static_cast<const SecureLinkConf*>(parent)->secret;
    }
}

consteval conf::Row with_secret(conf::Row row) {
    row.inherit = &inherit_secret;
    return row;
}

constexpr conf::Row kRows[] = {
    conf::row_fn<&SecureLinkConf::link, &set_text<&SecureLinkConf::link>>(
        "secure_link", conf::kAnyHttp, conf::take(1),
        "Where a request has the hash of its link, in base64url, and behind a comma the time at "
        "which it ends; $secure_link tells what comes of it."),
    conf::row_fn<&SecureLinkConf::md5, &set_text<&SecureLinkConf::md5>>(
        "secure_link_md5", conf::kAnyHttp, conf::take(1),
        "The text whose MD5 the hash must be: the link, its end and a secret."),
    // Behind the two above, whose inheritance decides about it.
    with_secret(conf::row_fn<&SecureLinkConf::secret, &set_secret>(
        "secure_link_secret", conf::kLocation, conf::take(1),
        "The secret of links /prefix/hash/link, whose hash is the MD5 of link and secret; "
        "$secure_link is the link where it is right.")),
};
constexpr conf::ConfKind kKind = conf::kind<SecureLinkConf>("secure_link", kRows);
constexpr conf::Module kConf{"secure_link", &kKind};

// ---- variables ----

const SecureLinkConf* settings_of(const Exchange& exchange) {
    return exchange.location == nullptr ? nullptr
                                        : &exchange.location->level->conf<SecureLinkConf>();
}

/// What `secure_link` gives for a request.
struct Given {
    std::string_view hash;
    std::string_view end;  ///< the time as it was sent; data() == nullptr: none
};

std::optional<Given> read_given(const Exchange& exchange, const SecureLinkConf& conf, Arena& arena) {
    if (!conf.link.value.source().data() || !conf.md5.value.source().data()) {
        return std::nullopt;
    }
    const std::string_view text = conf.link->render(&exchange, arena, exchange.captures);
    const std::size_t comma = text.find(',');
    if (text.data() == nullptr) {
        return std::nullopt;
    }
    return Given{.hash = text.substr(0, comma),
                 .end = comma == text.npos ? std::string_view{} : text.substr(comma + 1)};
}

/// A time after the epoch, or nothing.
std::optional<std::uint64_t> read_end(std::string_view text) {
    const auto end = parse_decimal(text);
    return end && *end > 0 && *end <= INT64_MAX ? end : std::nullopt;
}

bool is_hash_of(std::string_view hash, std::string_view text) {
    std::array<char, 24> bytes{};
    constexpr std::size_t kSize = std::tuple_size_v<Md5Digest>;
    if (hash.size() > bytes.size() || decode_base64(hash, bytes, Base64::Url) != kSize) {
        return false;
    }
    const Md5Digest digest = md5(text);
    unsigned difference = 0;
    for (std::size_t i = 0; i < kSize; ++i) {
        difference |= static_cast<unsigned>(digest[i] ^ static_cast<unsigned char>(bytes[i]));
    }
    return difference == 0;
}

/// "/prefix/hash/link": the link where the hash is right.
script::Value judge_secret(const Exchange& exchange, std::string_view secret, Arena& arena) {
    constexpr std::size_t kDigits = 2 * std::tuple_size_v<Md5Digest>;
    const std::string_view target = exchange.request.target;
    const std::size_t hash = target.find('/', 1);
    const std::size_t link = hash == target.npos ? hash : target.find('/', hash + 1);
    if (link == target.npos || link - hash != kDigits + 1) {
        return script::Value::none();
    }
    const std::string_view rest = target.substr(link + 1);
    Md5 sum;
    sum.add(rest);
    sum.add(secret);
    const Md5Digest digest = sum.digest();
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const int high = hex_value(target[hash + 1 + 2 * i]);
        const int low = hex_value(target[hash + 2 + 2 * i]);
        if (high < 0 || low < 0 || high * 16 + low != digest[i]) {
            return script::Value::none();
        }
    }
    return script::kept_text(arena, rest);
}

script::Value get_secure_link(const void* subject, Arena& arena, std::string_view) {
    const auto& exchange = *static_cast<const Exchange*>(subject);
    const SecureLinkConf* const conf = settings_of(exchange);
    if (conf == nullptr) {
        return script::Value::none();
    }
    if (!conf->secret->empty()) {
        return judge_secret(exchange, *conf->secret, arena);
    }
    const auto given = read_given(exchange, *conf, arena);
    const auto end = given && given->end.data() != nullptr ? read_end(given->end) : std::nullopt;
    if (!given || (given->end.data() != nullptr && !end)) {
        return script::Value::none();
    }
    const std::string_view text = conf->md5->render(subject, arena, exchange.captures);
    if (text.data() == nullptr || !is_hash_of(given->hash, text)) {
        return script::Value::none();
    }
    const auto now = static_cast<std::uint64_t>(exchange.timings.started_wall.count());
    return {end && *end < now ? "0" : "1"};
}

script::Value get_secure_link_expires(const void* subject, Arena& arena, std::string_view) {
    const auto& exchange = *static_cast<const Exchange*>(subject);
    const SecureLinkConf* const conf = settings_of(exchange);
    const auto given = conf == nullptr ? std::nullopt : read_given(exchange, *conf, arena);
    return given && given->end.data() != nullptr && read_end(given->end)
               ? script::Value{given->end}
               : script::Value::none();
}

constexpr script::VariableRow kVariables[] = {
    {.name = "secure_link",
     .get = &get_secure_link,
     .sentence = "\"1\" where the link is right, \"0\" where it has ended, else empty; with "
                 "secure_link_secret the link itself."},
    {.name = "secure_link_expires",
     .get = &get_secure_link_expires,
     .sentence = "The time at which the link ends, as it was sent."},
};

}  // namespace

constexpr http::Module kSecureLink{
    .name = "secure_link",
    .conf = &kConf,
    .bind = nullptr,
    .variables = kVariables,
};

}  // namespace sluice::modules
