// SPDX-License-Identifier: BSD-2-Clause
// The routing tables as lists.
// Runs in: any (the command line).
#include "lint/site_view.h"

#include <algorithm>
#include <unordered_set>

#include "conf/level.h"
#include "lint/reading.h"
#include "proto/http/core_conf.h"
#include "proto/http/router.h"

namespace sluice::lint {

namespace {

using Servers = std::vector<const http::Server*>;

Servers servers_of(const http::Port& port) {
    Servers out;
    std::unordered_set<const http::Server*> known;
    const auto add = [&](const http::Server* server) {
        if (server != nullptr && known.insert(server).second) {  // null: a free slot of the hash
            out.push_back(server);
        }
    };
    add(port.default_server);
    if (port.names == nullptr) {
        return out;
    }
    for (const auto& table : {port.names->exact, port.names->suffixes, port.names->prefixes}) {
        for (const http::ServerNames::Named& named : table) {
            add(named.server);
        }
    }
    for (const http::ServerNames::Pattern& pattern : port.names->patterns) {
        add(pattern.server);
    }
    add(port.names->nameless);
    return out;
}

void collect(const http::LocationTree* tree, std::vector<const http::Location*>& out) {
    if (tree == nullptr) {
        return;
    }
    for (const auto& list : {tree->exact, tree->prefixes, tree->patterns, tree->named}) {
        for (const http::Location* const location : list) {
            if (location != nullptr) {  // a free slot of the hash
                out.push_back(location);
                collect(location->children, out);
            }
        }
    }
}

bool is_open(const http::Location& location) {
    const bool has_rule =
        !location.rules[static_cast<std::size_t>(http::Phase::Access)].empty();
    if (has_rule || *location.core->internal) {
        return false;
    }
    const bool has_return = location.level->block != nullptr &&
                            find(location.level->block->children, "return") != nullptr;
    return !has_return && find(location.server->root->level->block->children, "return") == nullptr;
}

}  // namespace

SiteView::SiteView(const conf::Generation& generation) {
    for (const conf::ListenSpec* const listen : generation.listens()) {
        const http::Port* const port = http::find_port(generation, listen->id);
        if (port == nullptr) {
            continue;
        }
        ports_.push_back({.port = port, .servers = servers_of(*port)});
        for (const http::Server* const server : ports_.back().servers) {
            const auto [at, is_new] = locations_.try_emplace(server);
            if (!is_new) {
                continue;
            }
            servers_.push_back(server);
            collect(server->root->children, at->second);
            by_block_.emplace(server->root->level->block, server->root);
            for (const http::Location* const location : at->second) {
                by_block_.emplace(location->level->block, location);
            }
        }
    }
}

const std::vector<const http::Location*>& SiteView::locations(const http::Server& server) const {
    return locations_.at(&server);
}

const http::Location* SiteView::location_of(const conf::Directive* block) const {
    const auto found = by_block_.find(block);
    return found == by_block_.end() ? nullptr : found->second;
}

std::string_view constant_root(const http::Location& location) {
    const auto& base = location.core->file_base;
    if (base.at.line == 0 || !base.value.path.is_constant()) {
        return {};
    }
    return base.value.path.constant();
}

bool is_served(const http::Server& server, std::string_view uri, std::string_view path) {
    const http::Location& location = http::find_location(*server.root, uri);
    const std::string_view root = constant_root(location);
    if (root.empty() || !is_open(location)) {
        return false;
    }
    const http::FileBase& base = location.core->file_base.value;
    if (!base.is_alias) {
        return without_end_slash(root) + std::string(uri) == path;
    }
    return !base.replaces_all && base.stripped <= uri.size() &&
           std::string(root).append(uri.substr(base.stripped)) == path;
}

std::string uri_of_file(const SiteView& site, const http::Server& server, std::string_view path) {
    const auto uri_in = [&](const http::Location* location) -> std::string {
        const std::string_view root = constant_root(*location);
        if (!is_below(path, root)) {
            return {};
        }
        const http::FileBase& base = location->core->file_base.value;
        std::string uri(path.substr(without_end_slash(root).size()));
        if (base.is_alias) {
            uri = std::string(location->name).append(
                path.substr(std::min(root.size(), path.size())));
        }
        return is_served(server, uri, path) ? uri : std::string();
    };
    if (std::string uri = uri_in(server.root); !uri.empty()) {
        return uri;
    }
    for (const http::Location* const location : site.locations(server)) {
        if (std::string uri = uri_in(location); !uri.empty()) {
            return uri;
        }
    }
    return {};
}

}  // namespace sluice::lint
