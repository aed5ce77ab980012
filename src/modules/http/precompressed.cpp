// SPDX-License-Identifier: BSD-2-Clause
// gzip_static, brotli_static, zstd_static: a file that lies compressed beside the one asked for
// ("a.css.br" beside "a.css") answers instead of it where the client accepts that.
// Runs in: any (settings), worker (rule).
#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "log/log.h"
#include "modules/http/features.h"
#include "modules/http/file_reply.h"
#include "modules/http/files.h"
#include "proto/http/accept_encoding.h"
#include "proto/http/core_conf.h"
#include "proto/http/error_line.h"
#include "proto/http/site.h"
#include "proto/http/trace.h"
#include "script/regex.h"

namespace sluice::modules {

namespace {

enum class Precompressed : std::uint8_t { Off, On, Always };

enum class ProxyRule : std::uint8_t { Off, Any, Other };

}  // namespace

}  // namespace sluice::modules

namespace sluice::conf {

template <>
struct EnumNames<modules::Precompressed> {
    static constexpr std::pair<std::string_view, modules::Precompressed> kTable[] = {
        {"off", modules::Precompressed::Off},
        {"on", modules::Precompressed::On},
        {"always", modules::Precompressed::Always},
    };
};

template <>
struct EnumNames<http::Version> {
    static constexpr std::pair<std::string_view, http::Version> kTable[] = {
        {"1.0", http::Version::Http10},
        {"1.1", http::Version::Http11},
    };
};

}  // namespace sluice::conf

namespace sluice::modules {

namespace {

using http::Coding;
using http::Exchange;
using http::Verdict;

struct Variant {
    Coding coding;
    std::string_view name;    ///< in Content-Encoding
    std::string_view suffix;  ///< of the file
};

// In the order in which equal weights are decided: the smaller files first.
constexpr std::array<Variant, 3> kVariants{{{Coding::Brotli, "br", ".br"},
                                            {Coding::Zstd, "zstd", ".zst"},
                                            {Coding::Gzip, "gzip", ".gz"}}};

struct PrecompressedConf {
    conf::Setting<Precompressed> gzip;
    conf::Setting<Precompressed> brotli;
    conf::Setting<Precompressed> zstd;
    conf::Setting<bool> has_vary;
    conf::Setting<http::Version> least_version{.value = http::Version::Http11};
    conf::Setting<ProxyRule> proxied;
    conf::Setting<std::span<const script::Regex* const>> disabled;
    const FilePolicy* policy = nullptr;
    std::array<char, kVariants.size()> heads{};  ///< their addresses name prepared head lines

    [[nodiscard]] Precompressed of(Coding coding) const {
        return coding == Coding::Gzip ? *gzip : coding == Coding::Brotli ? *brotli : *zstd;
    }
};

// ---- directives ----

bool set_proxied(conf::Build& build, const conf::Directive& directive, PrecompressedConf& conf) {
    constexpr std::array<std::string_view, 6> kOthers{"expired",          "no-cache",        "no-store",
                                                      "private", "no_last_modified", "no_etag"};
    ProxyRule& rule = conf.proxied.value;
    rule = ProxyRule::Off;
    for (const conf::Argument& argument : directive.args) {
        if (argument.text == "off") {
            rule = ProxyRule::Off;
        } else if (argument.text == "any") {
            rule = ProxyRule::Any;
        } else if (argument.text == "auth" || std::ranges::find(kOthers, argument.text) != kOthers.end()) {
            // Of a file none of these fields is known yet: as in nginx that is no reason against it.
            rule = rule == ProxyRule::Any ? rule : ProxyRule::Other;
        } else {
            return build.invalid(directive, argument,
                                 "off, expired, no-cache, no-store, private, no_last_modified, "
                                 "no_etag, auth or any");
        }
    }
    return true;
}

bool set_disabled(conf::Build& build, const conf::Directive& directive, PrecompressedConf& conf) {
    std::vector<const script::Regex*> agents;
    if (conf.disabled.is_set) {
        agents.assign(conf.disabled->begin(), conf.disabled->end());
    }
    for (const conf::Argument& argument : directive.args) {
        const std::string_view text =
            argument.text == "msie6" ? "MSIE [4-6]\\.(?!.*SV1)" : argument.text;
        auto compiled = script::Regex::compile(text, true);
        if (!compiled) {
            return build.error(argument, std::move(compiled.error()));
        }
        agents.push_back(
            &build.generation().keep(std::make_unique<script::Regex>(std::move(*compiled))));
    }
    const auto kept = build.arena().make_span<const script::Regex*>(agents.size());
    std::copy_n(agents.begin(), kept.size(), kept.begin());
    conf.disabled.value = kept;
    return true;
}

// clang-format off
constexpr conf::Row kRows[] = {
    conf::row<&PrecompressedConf::gzip>("gzip_static", conf::kAnyHttp, conf::take(1),
        "Answer with file.gz instead of file: on for clients that accept it, always for all.").defaults("off"),
    conf::row<&PrecompressedConf::brotli>("brotli_static", conf::kAnyHttp, conf::take(1),
        "Answer with file.br instead of file: on for clients that accept it, always for all.").defaults("off"),
    conf::row<&PrecompressedConf::zstd>("zstd_static", conf::kAnyHttp, conf::take(1),
        "Answer with file.zst instead of file: on for clients that accept it, always for all.").defaults("off"),
    conf::row<&PrecompressedConf::has_vary>("gzip_vary", conf::kAnyHttp, conf::flag(),
        "Send Vary: Accept-Encoding with replies that depend on it.").defaults("off"),
    conf::row<&PrecompressedConf::least_version>("gzip_http_version", conf::kAnyHttp, conf::take(1),
        "Oldest HTTP version whose requests get compressed replies: 1.0 or 1.1.").defaults("1.1"),
    conf::row_fn<&PrecompressedConf::proxied, &set_proxied>("gzip_proxied", conf::kAnyHttp, conf::take_at_least(1),
        "Whether requests that came through a proxy (with a Via field) get compressed replies.").defaults("off"),
    conf::row_fn<&PrecompressedConf::disabled, &set_disabled>("gzip_disable", conf::kAnyHttp, conf::take_at_least(1),
        "Patterns of User-Agent that get no compressed replies; msie6 stands for old Internet Explorers.").repeats(),
};
// clang-format on

constexpr conf::ConfKind kKind = conf::kind<PrecompressedConf>("precompressed", kRows);
constexpr conf::Module kConf{"precompressed", &kKind};

// ---- rule ----

/// Whether this client may have compressed replies at all.
bool may_compress(const http::Request& request, const PrecompressedConf& conf) {
    if (request.version < *conf.least_version) {
        return false;
    }
    if (request.find("Via") != nullptr && *conf.proxied == ProxyRule::Off) {
        return false;
    }
    const std::string_view agent = request.get(http::Field::UserAgent);
    return agent.empty() || std::ranges::none_of(*conf.disabled, [agent](const script::Regex* regex) {
               return regex->match(agent);
           });
}

/// A variant and how much it is wanted. `always` is wanted a little by everybody.
struct Candidate {
    const Variant* variant = nullptr;
    std::uint16_t weight = 0;
};

struct Candidates {
    std::array<Candidate, kVariants.size()> sorted;
    std::size_t count = 0;
    std::uint16_t identity = 0;  ///< weight of the file as it is
};

Candidates rank(const http::Request& request, const PrecompressedConf& conf) {
    Candidates out;
    const http::CodingWeights weights = http::accepted_codings(request);
    const bool may = may_compress(request, conf);
    out.identity = weights.of(Coding::Identity);
    for (const Variant& variant : kVariants) {
        const Precompressed setting = conf.of(variant.coding);
        if (setting == Precompressed::Off) {
            continue;
        }
        std::uint16_t weight = may ? weights.of(variant.coding) : std::uint16_t{0};
        if (setting == Precompressed::Always) {
            weight = std::max<std::uint16_t>({weight, out.identity, 1});
        }
        out.sorted[out.count++] = {&variant, weight};
    }
    std::stable_sort(out.sorted.begin(), out.sorted.begin() + static_cast<std::ptrdiff_t>(out.count),
                     [](const Candidate& a, const Candidate& b) { return a.weight > b.weight; });
    return out;
}

/// "path.gz", NUL-terminated, in the arena.
std::string_view with_suffix(Exchange& exchange, std::string_view path, std::string_view suffix) {
    const std::span<char> out = exchange.arena.make_span<char>(path.size() + suffix.size() + 1);
    if (out.empty()) {
        return {};
    }
    std::copy(suffix.begin(), suffix.end(), std::copy(path.begin(), path.end(), out.begin()));
    return {out.data(), path.size() + suffix.size()};
}

void log_trouble(const Exchange& exchange, std::string_view path, int error) {
    const int status = status_of(error);
    const log::Level level = status == 500 ? log::Level::Crit
                                           : http::client_level(exchange, log::Level::Error);
    if (status != 404 && http::logs(exchange, level) && (status != 500 || may_log_trouble())) {
        http::write_error(exchange, level, "open() \"{}\" failed ({}: {})", log::Escaped{path},
                          error, log::error_text(error));
    }
}

Verdict reply_with(Exchange& exchange, OpenFile& file, const PrecompressedConf& conf,
                   const Variant& variant) {
    const auto index = static_cast<std::size_t>(&variant - kVariants.data());
    const Verdict verdict = reply_with_file(exchange, file, *conf.policy, &conf.heads[index]);
    http::Reply& reply = exchange.reply;
    if (verdict == Verdict::Decided && (reply.status == 200 || reply.status == 206)) {
        static_cast<void>(reply.add(exchange.arena, "Content-Encoding", variant.name));
    }
    return verdict;
}

void add_vary(Exchange& exchange) {
    static_cast<void>(exchange.reply.add(exchange.arena, "Vary", "Accept-Encoding"));
}

Verdict serve(Exchange& exchange, const void* settings) {
    const PrecompressedConf& conf = *static_cast<const PrecompressedConf*>(settings);
    const http::Request& request = exchange.request;
    const bool is_read =
        request.method == http::Method::Get || request.method == http::Method::Head;
    if (!is_read || request.uri.ends_with('/')) {
        return Verdict::Declined;
    }
    const Candidates candidates = rank(request, conf);
    const std::string_view path = http::file_path(exchange);
    if (path.data() == nullptr) {
        return exchange.finish(500);
    }
    bool varies = false;
    for (std::size_t i = 0; i < candidates.count; ++i) {
        const Candidate& candidate = candidates.sorted[i];
        const Variant& variant = *candidate.variant;
        // Equal wishes: compressed is what they were made for.
        const bool is_wanted = candidate.weight > 0 && candidate.weight >= candidates.identity;
        const bool is_on = conf.of(variant.coding) == Precompressed::On;
        if (!is_wanted && !(*conf.has_vary && is_on)) {
            continue;
        }
        const std::string_view name = with_suffix(exchange, path, variant.suffix);
        if (name.data() == nullptr) {
            return exchange.finish(500);
        }
        const auto found =
            look_up(exchange, name, is_wanted ? Want::Content : Want::Facts, *conf.policy);
        if (!found) {
            if (found.error() == EINPROGRESS) {
                return kIsLoading;
            }
            log_trouble(exchange, name, found.error());
            continue;
        }
        OpenFile& file = **found;
        varies = varies || (*conf.has_vary && is_on && file.info.is_regular());
        if (!is_wanted || !file.info.is_regular()) {
            unpin(&file);
            continue;
        }
        if (varies) {
            add_vary(exchange);
        }
        http::tell(exchange, http::Topic::File, conf::Position{}, "{}: found, precompressed", name);
        return reply_with(exchange, file, conf, variant);
    }
    if (varies) {
        add_vary(exchange);
    }
    return Verdict::Declined;
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    PrecompressedConf& conf = level.conf<PrecompressedConf>();
    const bool is_on = std::ranges::any_of(kVariants, [&conf](const Variant& variant) {
        return conf.of(variant.coding) != Precompressed::Off;
    });
    if (phase != http::Phase::Content || !is_on) {
        return {};
    }
    conf.policy = &file_policy(level);
    return {.run = &serve, .settings = &conf};
}

}  // namespace

constexpr http::Module kPrecompressed{
    .name = "precompressed",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
