// SPDX-License-Identifier: BSD-2-Clause
// index: which file answers for a directory. The request goes on as one for that file, so that the
// file's own location decides how it is served.
// Runs in: any (settings), worker (rule).
#include <algorithm>
#include <array>
#include <vector>

#include "log/log.h"
#include "modules/http/features.h"
#include "modules/http/files.h"
#include "proto/http/core_conf.h"
#include "proto/http/error_line.h"
#include "proto/http/site.h"
#include "proto/http/trace.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

struct IndexConf {
    conf::Setting<std::span<const script::Template>> names;
    const FilePolicy* policy = nullptr;
};

bool set_index(conf::Build& build, const conf::Directive& directive, IndexConf& index) {
    std::vector<script::Template> names;
    if (index.names.is_set) {
        names.assign(index.names->begin(), index.names->end());
    }
    for (const conf::Argument& argument : directive.args) {
        if (argument.text.starts_with('/') && &argument != &directive.args.back()) {
            build.warn(argument.at, "only the last index in \"index\" directive should be absolute");
        }
        if (argument.text.empty()) {
            return build.error(argument, "index \"\" in \"index\" directive is invalid");
        }
        // The default is set outside of http, where there are no variables yet.
        const bool has_variables = argument.text.find('$') != std::string_view::npos;
        const script::VariableTable variables =
            has_variables ? script::variables_of(build) : script::VariableTable{};
        if (!script::compile_argument(build, argument, variables, names.emplace_back())) {
            return false;
        }
    }
    const auto kept = build.arena().make_span<script::Template>(names.size());
    std::copy_n(names.begin(), kept.size(), kept.begin());
    index.names.value = kept;
    return true;
}

constexpr conf::Row kRows[] = {
    conf::row_fn<&IndexConf::names, &set_index>(
        "index", conf::kAnyHttp, conf::take_at_least(1),
        "Files that answer for a directory, tried in order; an absolute path is taken unseen.")
        .defaults("index.html")
        .repeats(),
};
constexpr conf::ConfKind kKind = conf::kind<IndexConf>("index", kRows);
constexpr conf::Module kConf{"index", &kKind};

/// uri + name in the arena; data() == nullptr where it is full.
std::string_view below(Exchange& exchange, std::string_view name) {
    const std::string_view uri = exchange.request.uri;
    char* const out = static_cast<char*>(exchange.arena.allocate(uri.size() + name.size() + 1, 1));
    if (out == nullptr) {
        return {};
    }
    char* const end = std::copy(name.begin(), name.end(), std::copy(uri.begin(), uri.end(), out));
    *end = '\0';
    return {out, uri.size() + name.size()};
}

/// What to do about a name that cannot be opened: 0 where the next name is tried, EINPROGRESS where
/// that is not known yet.
int status_without(Exchange& exchange, int error, const FilePolicy& policy) {
    const int status = status_of(error);
    if (status != 404) {
        return status;
    }
    // Without the directory itself there is nothing to list either: 404, not 403.
    const std::string_view directory = http::file_path(exchange);
    if (directory.data() == nullptr) {
        return 500;
    }
    const auto found = look_up(exchange, directory, Want::Facts, policy);
    if (!found) {
        return found.error() == EINPROGRESS ? EINPROGRESS : status_of(found.error());
    }
    const bool is_directory = (*found)->info.is_directory();
    unpin(*found);
    return is_directory ? 0 : 404;
}

Verdict give_up(Exchange& exchange, int status) {
    if (*exchange.location->core->log_not_found) {
        http::write_error(exchange, http::client_level(exchange, log::Level::Error),
                          "\"{}\" is not found", log::Escaped{exchange.request.uri});
    }
    return exchange.finish(status);
}

Verdict find_index(Exchange& exchange, const void* settings) {
    const IndexConf& index = *static_cast<const IndexConf*>(settings);
    const http::Request& request = exchange.request;
    if (!request.uri.ends_with('/') ||
        (request.method != http::Method::Get && request.method != http::Method::Head &&
         request.method != http::Method::Post)) {
        return Verdict::Declined;
    }
    bool is_directory_known = false;
    for (const script::Template& text : *index.names) {
        const std::string_view name = exchange.render(text);
        if (name.data() == nullptr) {
            return exchange.finish(500);
        }
        if (name.starts_with('/')) {
            http::tell(exchange, http::Topic::Redirect, "index", "{} is taken unseen", name);
            return exchange.redirect_to(name, request.args);
        }
        if (name.empty() || climbs(name)) {
            continue;
        }
        const std::string_view uri = below(exchange, name);
        const std::string_view path = http::file_path(exchange, uri);
        if (uri.data() == nullptr || path.data() == nullptr) {
            return exchange.finish(500);
        }
        const auto found = look_up(exchange, path, Want::Content, *index.policy);
        if (found) {
            const bool is_directory = (*found)->info.is_directory();
            unpin(*found);
            http::tell(exchange, http::Topic::Redirect, "index", "{} is {}", path,
                       is_directory ? "a directory" : "there");
            if (!is_directory) {
                return exchange.redirect_to(uri, request.args);
            }
        } else if (found.error() == EINPROGRESS) {
            return kIsLoading;
        } else {
            http::tell(exchange, http::Topic::Redirect, "index", "{} is not there", path);
        }
        if (!found && !is_directory_known) {
            const int status = status_without(exchange, found.error(), *index.policy);
            if (status == EINPROGRESS) {
                return kIsLoading;
            }
            if (status != 0) {
                return give_up(exchange, status);
            }
            is_directory_known = true;
        }
    }
    return Verdict::Declined;
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    IndexConf& index = level.conf<IndexConf>();
    if (phase != http::Phase::Content || index.names->empty()) {
        return {};
    }
    index.policy = &file_policy(level);
    return {.run = &find_index, .settings = &index};
}

}  // namespace

constexpr http::Module kIndex{
    .name = "index",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
