// SPDX-License-Identifier: BSD-2-Clause
// Server names and locations.
// Runs in: any (build), worker (lookup).
#include "proto/http/router.h"

#include <algorithm>
#include <bit>

#include "proto/http/route_search.h"

namespace sluice::http {

namespace {

using route::key_of;
using route::slot_of;

// A closed hash of `entries`, half empty, or nothing where there are none. False: arena full.
template <class Slot>
bool build_hash(const std::vector<Slot>& entries, Arena& arena, std::span<const Slot>& out) {
    if (entries.empty()) {
        return true;
    }
    const std::span<Slot> slots = arena.make_span<Slot>(std::bit_ceil(entries.size() * 2));
    if (slots.empty()) {
        return false;
    }
    for (const Slot& entry : entries) {
        slots[slot_of<Slot>(slots, key_of(entry))] = entry;
    }
    out = slots;
    return true;
}

template <class T>
bool copy_all(const std::vector<T>& from, Arena& arena, std::span<const T>& out) {
    const std::span<T> copy = arena.make_span<T>(from.size());
    std::copy_n(from.begin(), copy.size(), copy.begin());
    out = copy;
    return copy.size() == from.size();
}

}  // namespace

bool ServerNamesBuilder::add(std::string_view name,
                             const Server& server,
                             const script::Pattern* pattern) {
    if (pattern != nullptr) {
        patterns_.push_back({pattern, &server});
        return true;
    }
    if (name.empty()) {  // cannot be a key of the hash
        const bool is_new = nameless_ == nullptr;
        nameless_ = is_new ? &server : nameless_;
        return is_new;
    }
    const auto insert = [&server](std::vector<ServerNames::Named>& into, std::string_view key) {
        const bool is_known = std::any_of(into.begin(), into.end(),
                                          [key](const auto& named) { return named.name == key; });
        if (!is_known) {
            into.push_back({key, &server});
        }
        return !is_known;
    };
    if (name.starts_with("*.")) {
        return insert(suffixes_, name.substr(1));
    }
    if (name.ends_with(".*")) {
        return insert(prefixes_, name.substr(0, name.size() - 1));
    }
    if (name.starts_with('.')) {
        const bool is_new = insert(exact_, name.substr(1));
        return insert(suffixes_, name) && is_new;
    }
    return insert(exact_, name);
}

const ServerNames* ServerNamesBuilder::build(Arena& arena) const {
    ServerNames* const names = arena.make<ServerNames>();
    std::vector<ServerNames::Named> prefixes = prefixes_;
    std::sort(prefixes.begin(), prefixes.end(),
              [](const auto& a, const auto& b) { return a.name.size() > b.name.size(); });
    if (names == nullptr || !build_hash(exact_, arena, names->exact) ||
        !build_hash(suffixes_, arena, names->suffixes) ||
        !copy_all(prefixes, arena, names->prefixes) ||
        !copy_all(patterns_, arena, names->patterns)) {
        return nullptr;
    }
    names->nameless = nameless_;
    return names;
}

const Server& find_server(const Port& port,
                          std::string_view host,
                          const script::Pattern*& matched) {
    if (port.names == nullptr) {
        return *port.default_server;
    }
    const ServerNames& names = *port.names;
    if (host.empty()) {
        return names.nameless != nullptr ? *names.nameless : *port.default_server;
    }
    const Server* chosen = port.default_server;
    route::search_names(names, host, [&](const route::NameCandidate& one) {
        if (one.fits) {
            chosen = one.server;
            matched = one.pattern;
        }
        return one.fits;
    });
    return *chosen;
}

const Server& find_server(const Port& port, std::string_view host) {
    const script::Pattern* pattern = nullptr;
    return find_server(port, host, pattern);
}

bool LocationTreeBuilder::add(const Location& location) {
    const auto insert = [&location](std::vector<const Location*>& into) {
        const bool is_known = std::any_of(into.begin(), into.end(), [&](const Location* other) {
            return other->name == location.name;
        });
        if (!is_known) {
            into.push_back(&location);
        }
        return !is_known;
    };
    switch (location.match) {
        case Match::Exact:
            return insert(exact_);
        case Match::Named:
            return insert(named_);
        case Match::Regex:
        case Match::RegexNoCase:
            patterns_.push_back(&location);
            return true;
        case Match::Root:
        case Match::Prefix:
        case Match::PrefixNoRegex:
            break;
    }
    return insert(prefixes_);
}

const LocationTree* LocationTreeBuilder::build(Arena& arena) const {
    LocationTree* const tree = arena.make<LocationTree>();
    std::vector<const Location*> sorted = prefixes_;
    std::sort(sorted.begin(), sorted.end(),
              [](const Location* a, const Location* b) { return a->name < b->name; });
    std::vector<std::int32_t> parents;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        // In sorted order the longest proper prefix is the element before, or one of its parents.
        auto parent = static_cast<std::int32_t>(i) - 1;
        while (parent >= 0 &&
               !sorted[i]->name.starts_with(sorted[static_cast<std::size_t>(parent)]->name)) {
            parent = parents[static_cast<std::size_t>(parent)];
        }
        parents.push_back(parent);
    }
    if (tree == nullptr || !build_hash(exact_, arena, tree->exact) ||
        !copy_all(sorted, arena, tree->prefixes) || !copy_all(parents, arena, tree->parents) ||
        !copy_all(patterns_, arena, tree->patterns) || !copy_all(named_, arena, tree->named)) {
        return nullptr;
    }
    return tree;
}

const Location& find_location(const Location& root, std::string_view uri) {
    const Location* best = &root;
    route::NoWitness nobody;
    static_cast<void>(route::search_level(root.children, uri, best, nobody));
    return *best;
}

const Location* find_named(const Location& root, std::string_view name) {
    if (root.children == nullptr) {
        return nullptr;
    }
    for (const Location* const location : root.children->named) {
        if (location->name == name) {
            return location;
        }
    }
    return nullptr;
}

}  // namespace sluice::http
