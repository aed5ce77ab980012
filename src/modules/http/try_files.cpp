// SPDX-License-Identifier: BSD-2-Clause
// try_files: the first of several paths that exists answers; where none does, the last argument
// says where the request goes.
// Runs in: any (settings), worker (rule).
#include <algorithm>
#include <optional>
#include <vector>

#include "base/ascii.h"
#include "modules/http/features.h"
#include "modules/http/files.h"
#include "proto/http/core_conf.h"
#include "proto/http/site.h"
#include "proto/http/trace.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

struct Candidate {
    script::Template path;      ///< without the slash that asks for a directory
    bool is_directory = false;
};

struct TryFiles {
    std::span<const Candidate> candidates;
    script::Template last;      ///< uri, or the name of a location
    int status = 0;             ///< `=code`: then no `last`
};

struct TryFilesConf {
    std::optional<TryFiles> files;  ///< not inherited, as in nginx
    const FilePolicy* policy = nullptr;
};

// ---- directive ----

bool set_last(conf::Build& build, const conf::Directive& directive, TryFiles& out) {
    const conf::Argument& argument = directive.args.back();
    if (!argument.text.starts_with('=')) {
        return script::compile_argument(build, argument, script::variables_of(build), out.last);
    }
    const auto code = parse_decimal(argument.text.substr(1));
    if (!code || *code < 100 || *code > 999) {
        return build.error(argument, "invalid code \"" + std::string(argument.text.substr(1)) + "\"",
                           "a status such as =404");
    }
    out.status = static_cast<int>(*code);
    return true;
}

bool set_try_files(conf::Build& build, const conf::Directive& directive, TryFilesConf& conf) {
    TryFiles out;
    const auto candidates = build.arena().make_span<Candidate>(directive.args.size() - 1);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        conf::Argument argument = directive.args[i];
        candidates[i].is_directory = argument.text.ends_with('/');
        if (candidates[i].is_directory) {
            argument.text.remove_suffix(1);
        }
        if (!script::compile_argument(build, argument, script::variables_of(build),
                                      candidates[i].path)) {
            return false;
        }
    }
    out.candidates = candidates;
    if (!set_last(build, directive, out)) {
        return false;
    }
    conf.files = out;
    return true;
}

constexpr conf::Row kRows[] = {
    conf::row_fn<TryFilesConf, &set_try_files>(
        "try_files", conf::kServer | conf::kLocation, conf::take_at_least(2),
        "Serve the first of these paths that exists (a directory where it ends in /), else go to "
        "the last: a uri, @name or =status."),
};
constexpr conf::ConfKind kKind = conf::kind<TryFilesConf>("try_files", kRows);
constexpr conf::Module kConf{"try_files", &kKind};

// ---- rule ----

/// The uri that `name` stands for in this location: an alias' own prefix may be left out of it.
std::string_view whole_uri(Exchange& exchange, std::string_view name) {
    const http::FileBase& base = *exchange.location->core->file_base;
    const std::string_view uri = exchange.request.uri;
    if (!base.is_alias || base.replaces_all) {
        return name;
    }
    const std::string_view prefix = uri.substr(0, std::min(base.stripped, uri.size()));
    if (name.starts_with(prefix)) {
        return name;
    }
    char* const out = static_cast<char*>(exchange.arena.allocate(prefix.size() + name.size(), 1));
    if (out == nullptr) {
        return {};
    }
    std::copy(name.begin(), name.end(), std::copy(prefix.begin(), prefix.end(), out));
    return {out, prefix.size() + name.size()};
}

enum class Outcome : std::uint8_t { Missing, Found, Loading, NoMemory };

Outcome try_one(Exchange& exchange, const Candidate& candidate, const FilePolicy& policy) {
    const std::string_view name = exchange.render(candidate.path);
    if (name.data() == nullptr) {
        return Outcome::NoMemory;
    }
    // A path made of arguments could climb out of the root.
    if (climbs(name) || name.find('\0') != std::string_view::npos) {
        return Outcome::Missing;
    }
    const std::string_view uri = whole_uri(exchange, name);
    const std::string_view path = http::file_path(exchange, uri);
    if (uri.data() == nullptr || path.data() == nullptr) {
        return Outcome::NoMemory;
    }
    const auto found = look_up(exchange, path.empty() ? "/" : path, Want::Facts, policy);
    if (!found) {
        const bool is_loading = found.error() == EINPROGRESS;
        if (!is_loading) {
            http::tell(exchange, http::Topic::Redirect, "try_files", "\"{}\", {} is not there", name,
                       path);
        }
        return is_loading ? Outcome::Loading : Outcome::Missing;
    }
    const bool is_match = candidate.is_directory == (*found)->info.is_directory();
    http::tell(exchange, http::Topic::Redirect, "try_files", "\"{}\", {} is {}{}", name, path,
               (*found)->info.is_directory() ? "a directory" : "a file",
               is_match ? ": taken" : ", which is not what was asked for");
    unpin(*found);
    if (!is_match) {
        return Outcome::Missing;
    }
    if (!exchange.location->core->file_base->replaces_all) {
        exchange.request.uri = uri;
    }
    return Outcome::Found;
}

Verdict go_to_last(Exchange& exchange, const TryFiles& files) {
    if (files.status != 0) {
        http::tell(exchange, http::Topic::Redirect, "try_files", "none is there: {}", files.status);
        return exchange.finish(files.status);
    }
    const std::string_view last = exchange.render(files.last);
    if (last.data() == nullptr) {
        return exchange.finish(500);
    }
    if (last.starts_with('@')) {
        return exchange.redirect_to_named(last);
    }
    const std::size_t mark = last.find('?');
    if (mark == std::string_view::npos) {
        return exchange.redirect_to(last, {});
    }
    return exchange.redirect_to(last.substr(0, mark), last.substr(mark + 1));
}

Verdict try_all(Exchange& exchange, const void* settings) {
    const TryFilesConf& conf = *static_cast<const TryFilesConf*>(settings);
    for (const Candidate& candidate : conf.files->candidates) {
        switch (try_one(exchange, candidate, *conf.policy)) {
            case Outcome::Missing:
                continue;
            case Outcome::Loading:
                return kIsLoading;
            case Outcome::NoMemory:
                return exchange.finish(500);
            case Outcome::Found:
                break;
        }
        // A directory's uri stays without slash, as in nginx: the file handler then redirects to it.
        return Verdict::Declined;
    }
    return go_to_last(exchange, *conf.files);
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    TryFilesConf& conf = level.conf<TryFilesConf>();
    if (phase != http::Phase::Precontent || !conf.files) {
        return {};
    }
    conf.policy = &file_policy(level);
    return {.run = &try_all, .settings = &conf};
}

}  // namespace

constexpr http::Module kTryFiles{
    .name = "try_files",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
