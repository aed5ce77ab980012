// SPDX-License-Identifier: BSD-2-Clause
// From uris to file names: root, alias, types.
// Runs in: worker.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/concatenate.h"
#include "proto/http/complain.h"
#include "proto/http/core_conf.h"
#include "proto/http/exchange.h"
#include "proto/http/site.h"

namespace sluice::http {

namespace {

// No file can be below a device: what would lie outside of the root is looked for here.
constexpr std::string_view kNowhere = "/dev/null/outside-of-the-root";

// Whether `path`, made of `directory` and what a request adds to it, has a ".." that the request
// has a part in. A normalised uri has none; but `location /i { alias /d/; }` makes one of "/i../x",
// and variables in a path, or in an internal redirect, may hold anything.
bool climbs_out(const script::Template& base, std::string_view directory, std::string_view path) {
    constexpr std::string_view kUp = "/..";
    const bool is_own = base.is_constant() || base.source().find("..") != std::string_view::npos;
    const std::size_t own = is_own ? directory.size() : 0;
    const std::size_t slash = is_own ? directory.rfind('/') : 0;
    std::size_t at = path.find(kUp, slash == std::string_view::npos ? 0 : slash);
    while (at != std::string_view::npos) {
        const std::size_t end = at + kUp.size();
        if (end > own && (end == path.size() || path[end] == '/')) {
            return true;
        }
        at = path.find(kUp, at + 1);
    }
    return false;
}

bool has_double_dot(std::string_view text) {
    for (std::size_t at = text.find('.'); at < text.size(); at = text.find('.', at + 1)) {
        if (at + 1 < text.size() && text[at + 1] == '.') {
            return true;
        }
    }
    return false;
}

// What nearly every path is made of: a constant root, and a uri that begins with a slash and climbs
// nowhere.
bool is_plain(const FileBase& base, std::string_view uri) {
    return !base.is_alias && base.path.constant().starts_with('/') && uri.starts_with('/') &&
           !has_double_dot(uri);
}

std::string_view joined(Arena& arena, std::string_view root, std::string_view uri) {
    const std::size_t size = root.size() + uri.size();
    char* const out = static_cast<char*>(arena.allocate(size + 1, 1));
    if (out == nullptr) {
        return {};
    }
    std::memcpy(out, root.data(), root.size());
    std::memcpy(out + root.size(), uri.data(), uri.size());
    out[size] = '\0';
    return {out, size};
}

}  // namespace

std::string_view document_root(Exchange& exchange) {
    const FileBase& base = exchange.location->core->file_base.value;
    if (const std::string_view fixed = base.path.constant(); fixed.starts_with('/')) [[likely]] {
        return fixed;
    }
    const std::string_view path = exchange.render(base.path);
    if (path.data() == nullptr || path.starts_with('/')) {
        return path;
    }
    const std::array<std::string_view, 2> parts{base.prefix, path};
    return concatenate(exchange.arena, parts);
}

std::string_view file_path(Exchange& exchange, std::string_view uri) {
    const FileBase& base = exchange.location->core->file_base.value;
    if (is_plain(base, uri)) [[likely]] {
        return joined(exchange.arena, base.path.constant(), uri);
    }
    if (base.is_alias && exchange.is_uri_rewritten) [[unlikely]] {
        complain(exchange, log::Level::Error,
                 "\"alias\" cannot be used in location \"{}\" where URI was rewritten",
                 exchange.location->name);
        return {};
    }
    const std::string_view directory = document_root(exchange);
    if (directory.data() == nullptr) {
        return {};
    }
    if (!base.is_alias && !uri.starts_with('/')) [[unlikely]] {
        // A rewritten uri without its slash must not name a neighbour of the root.
        const std::array<std::string_view, 3> parts{directory, "/", uri};
        return concatenate(exchange.arena, parts);
    }
    if (base.replaces_all) {
        uri = {};
    } else if (base.is_alias) {
        uri.remove_prefix(std::min(base.stripped, uri.size()));
    }
    const std::array<std::string_view, 2> parts{directory, uri};
    const std::string_view path = concatenate(exchange.arena, parts);
    return climbs_out(base.path, directory, path) ? kNowhere : path;
}

std::string_view file_path(Exchange& exchange) {
    return file_path(exchange, exchange.request.uri);
}

std::string_view content_type_of(const CoreConf& core, std::string_view file_name) {
    const std::string_view type = core.types.value == nullptr
                                      ? std::string_view{}
                                      : core.types.value->find(extension_of(file_name));
    return type.empty() ? *core.default_type : type;
}

}  // namespace sluice::http
