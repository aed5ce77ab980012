// SPDX-License-Identifier: BSD-2-Clause
// Server names and locations.
// Runs in: any (build), worker (lookup).
#include "proto/http/router.h"

#include <algorithm>
#include <bit>

namespace sluice::http {

namespace {

std::size_t hash_of(std::string_view text) {
    std::size_t hash = 0xcbf29ce484222325;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return hash ^ (hash >> 29);
}

std::string_view key_of(const ServerNames::Named& named) {
    return named.name;
}

std::string_view key_of(const Location* location) {
    return location == nullptr ? std::string_view{} : location->name;
}

// The slot that holds `key`, or the free one (with an empty key) where it belongs.
template <class Slot>
std::size_t slot_of(std::span<const Slot> slots, std::string_view key) {
    const std::size_t mask = slots.size() - 1;
    std::size_t at = hash_of(key) & mask;
    while (!key_of(slots[at]).empty() && key_of(slots[at]) != key) {
        at = (at + 1) & mask;
    }
    return at;
}

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

const ServerNames::Named* look_up(std::span<const ServerNames::Named> slots, std::string_view key) {
    if (slots.empty()) {
        return nullptr;
    }
    const ServerNames::Named& found = slots[slot_of(slots, key)];
    return found.name.empty() ? nullptr : &found;
}

// "*.example.com": the longest suffix that begins with a dot wins, so look left to right.
const Server* find_by_suffix(std::span<const ServerNames::Named> suffixes, std::string_view host) {
    if (suffixes.empty()) {
        return nullptr;
    }
    for (std::size_t dot = host.find('.'); dot != std::string_view::npos;
         dot = host.find('.', dot + 1)) {
        const ServerNames::Named* const found = look_up(suffixes, host.substr(dot));
        if (found != nullptr && dot > 0) {
            return found->server;
        }
    }
    return nullptr;
}

const Server* find_by_prefix(std::span<const ServerNames::Named> prefixes, std::string_view host) {
    for (const ServerNames::Named& named : prefixes) {
        if (host.size() > named.name.size() && host.starts_with(named.name)) {
            return named.server;
        }
    }
    return nullptr;
}

// Index of the longest element of `prefixes` that `uri` starts with, or -1. The last element not
// greater than `uri` shares the longest start with it; its parents are the only other candidates.
std::int32_t longest_prefix(const LocationTree& tree, std::string_view uri) {
    const auto greater =
        std::upper_bound(tree.prefixes.begin(), tree.prefixes.end(), uri,
                         [](std::string_view a, const Location* b) { return a < b->name; });
    auto at = static_cast<std::int32_t>(greater - tree.prefixes.begin()) - 1;
    while (at >= 0 && !uri.starts_with(tree.prefixes[static_cast<std::size_t>(at)]->name)) {
        at = tree.parents[static_cast<std::size_t>(at)];
    }
    return at;
}

enum class Certainty : std::uint8_t { None, Prefix, Final };

// One level of the search. `best` becomes the match; Final: no other level may change it.
Certainty search_level(const LocationTree* tree, std::string_view uri, const Location*& best) {
    if (tree == nullptr) {
        return Certainty::None;
    }
    if (!tree->exact.empty()) {
        const Location* const exact = tree->exact[slot_of(tree->exact, uri)];
        if (exact != nullptr) {
            best = exact;
            return Certainty::Final;
        }
    }
    bool may_use_patterns = true;
    Certainty certainty = Certainty::None;
    if (const std::int32_t at = longest_prefix(*tree, uri); at >= 0) {
        best = tree->prefixes[static_cast<std::size_t>(at)];
        may_use_patterns = best->match != Match::PrefixNoRegex;
        certainty = Certainty::Prefix;
        // nginx looks into the nested locations first; their patterns come before ours.
        if (search_level(best->children, uri, best) == Certainty::Final) {
            return Certainty::Final;
        }
    }
    if (!may_use_patterns) {
        return certainty;
    }
    for (const Location* const location : tree->patterns) {
        if (location->pattern->regex.match(uri)) {
            best = location;
            static_cast<void>(search_level(best->children, uri, best));
            return Certainty::Final;
        }
    }
    return certainty;
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
    if (const ServerNames::Named* const found = look_up(names.exact, host); found != nullptr) {
        return *found->server;
    }
    if (const Server* const server = find_by_suffix(names.suffixes, host); server != nullptr) {
        return *server;
    }
    if (const Server* const server = find_by_prefix(names.prefixes, host); server != nullptr) {
        return *server;
    }
    for (const ServerNames::Pattern& pattern : names.patterns) {
        if (pattern.pattern->regex.match(host)) {
            matched = pattern.pattern;
            return *pattern.server;
        }
    }
    return *port.default_server;
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
    static_cast<void>(search_level(root.children, uri, best));
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
