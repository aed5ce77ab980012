// SPDX-License-Identifier: BSD-2-Clause
// The routing tables as lists.
// Runs in: any (the command line).
#include "lint/site_view.h"

#include <algorithm>

#include "conf/level.h"
#include "lint/reading.h"
#include "proto/http/core_conf.h"
#include "proto/http/router.h"

namespace sluice::lint {

namespace {

template <class T>
void add_once(std::vector<const T*>& list, const T* one) {
    if (one != nullptr && std::find(list.begin(), list.end(), one) == list.end()) {
        list.push_back(one);
    }
}

std::vector<const http::Server*> servers_of(const http::Port& port) {
    std::vector<const http::Server*> out;
    add_once(out, port.default_server);
    if (port.names == nullptr) {
        return out;
    }
    for (const auto& table : {port.names->exact, port.names->suffixes, port.names->prefixes}) {
        for (const http::ServerNames::Named& named : table) {
            add_once(out, named.server);
        }
    }
    for (const http::ServerNames::Pattern& pattern : port.names->patterns) {
        add_once(out, pattern.server);
    }
    add_once(out, port.names->nameless);
    return out;
}

void collect(const http::LocationTree* tree, std::vector<const http::Location*>& out) {
    if (tree == nullptr) {
        return;
    }
    for (const auto& list : {tree->exact, tree->prefixes, tree->patterns, tree->named}) {
        for (const http::Location* const location : list) {
            if (location != nullptr) {  // a free slot of the hash
                add_once(out, location);
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
            add_once(servers_, server);
        }
    }
}

std::vector<const http::Location*> SiteView::locations(const http::Server& server) {
    std::vector<const http::Location*> out;
    collect(server.root->children, out);
    return out;
}

const http::Location* SiteView::location_of(const conf::Directive* block) const {
    for (const http::Server* const server : servers_) {
        if (server->root->level->block == block) {
            return server->root;
        }
        for (const http::Location* const location : locations(*server)) {
            if (location->level->block == block) {
                return location;
            }
        }
    }
    return nullptr;
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

std::string uri_of_file(const http::Server& server, std::string_view path) {
    std::vector<const http::Location*> all = SiteView::locations(server);
    all.push_back(server.root);
    for (const http::Location* const location : all) {
        const std::string_view root = constant_root(*location);
        if (!is_below(path, root)) {
            continue;
        }
        const http::FileBase& base = location->core->file_base.value;
        std::string uri(path.substr(without_end_slash(root).size()));
        if (base.is_alias) {
            uri = std::string(location->name) + std::string(path.substr(std::min(root.size(), path.size())));
        }
        if (is_served(server, uri, path)) {
            return uri;
        }
    }
    return {};
}

}  // namespace sluice::lint
