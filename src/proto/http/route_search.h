// SPDX-License-Identifier: BSD-2-Clause
// The two searches of the router, written once for two readers: the one that serves looks at
// nothing but the outcome, the one that explains sees every candidate. Only router.cpp and
// router_trace.cpp include this.
// Runs in: worker, the command line (explain).
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "proto/http/router.h"

namespace sluice::http::route {

inline std::size_t hash_of(std::string_view text) {
    std::size_t hash = 0xcbf29ce484222325;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return hash ^ (hash >> 29);
}

inline std::string_view key_of(const ServerNames::Named& named) {
    return named.name;
}

inline std::string_view key_of(const Location* location) {
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

inline const ServerNames::Named* look_up(std::span<const ServerNames::Named> slots,
                                         std::string_view key) {
    if (slots.empty()) {
        return nullptr;
    }
    const ServerNames::Named& found = slots[slot_of(slots, key)];
    return found.name.empty() ? nullptr : &found;
}

// ---- servers ----

enum class NameKind : std::uint8_t { Exact, Suffix, Prefix, Pattern };

/// A name that a host was compared with.
struct NameCandidate {
    NameKind kind = NameKind::Exact;
    bool fits = false;
    std::string_view name;  ///< of wildcards the constant part; of patterns none
    const Server* server = nullptr;
    const script::Pattern* pattern = nullptr;
};

// Gives `sees(candidate)` those that fit, and patterns that do not, in the order of their rank,
// until it says that it has seen enough.
template <class Sees>
void search_names(const ServerNames& names, std::string_view host, Sees sees) {
    if (const ServerNames::Named* const found = look_up(names.exact, host); found != nullptr) {
        if (sees(NameCandidate{NameKind::Exact, true, found->name, found->server, nullptr})) {
            return;
        }
    }
    // "*.example.com": the longest suffix that begins with a dot wins, so look left to right.
    if (!names.suffixes.empty()) {
        for (std::size_t dot = host.find('.'); dot != std::string_view::npos;
             dot = host.find('.', dot + 1)) {
            const ServerNames::Named* const found = look_up(names.suffixes, host.substr(dot));
            if (found != nullptr && dot > 0 &&
                sees(NameCandidate{NameKind::Suffix, true, found->name, found->server, nullptr})) {
                return;
            }
        }
    }
    for (const ServerNames::Named& named : names.prefixes) {
        if (host.size() > named.name.size() && host.starts_with(named.name) &&
            sees(NameCandidate{NameKind::Prefix, true, named.name, named.server, nullptr})) {
            return;
        }
    }
    for (const ServerNames::Pattern& pattern : names.patterns) {
        const bool fits = pattern.pattern->regex.match(host);
        if (sees(NameCandidate{NameKind::Pattern, fits, {}, pattern.server, pattern.pattern})) {
            return;
        }
    }
}

// ---- locations ----

/// Sees nothing; its calls leave no trace in the machine code either.
struct NoWitness {
    void takes_exact(const LocationTree&, const Location&, std::string_view) {}

    void takes_prefix(const LocationTree&, std::int32_t, bool) {}

    void skips_patterns(const LocationTree&) {}

    void asks_pattern(const LocationTree&, std::size_t, bool) {}

    void enters() {}

    void leaves() {}
};

// Index of the longest element of `prefixes` that `uri` starts with, or -1. The last element not
// greater than `uri` shares the longest start with it; its parents are the only other candidates.
inline std::int32_t longest_prefix(const LocationTree& tree, std::string_view uri) {
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
template <class Witness>
Certainty search_level(const LocationTree* tree,
                       std::string_view uri,
                       const Location*& best,
                       Witness& witness) {
    if (tree == nullptr) {
        return Certainty::None;
    }
    if (!tree->exact.empty()) {
        const Location* const exact = tree->exact[slot_of(tree->exact, uri)];
        if (exact != nullptr) {
            best = exact;
            witness.takes_exact(*tree, *exact, uri);
            return Certainty::Final;
        }
    }
    bool may_use_patterns = true;
    Certainty certainty = Certainty::None;
    if (const std::int32_t at = longest_prefix(*tree, uri); at >= 0) {
        best = tree->prefixes[static_cast<std::size_t>(at)];
        may_use_patterns = best->match != Match::PrefixNoRegex;
        certainty = Certainty::Prefix;
        witness.takes_prefix(*tree, at, may_use_patterns);
        // nginx looks into the nested locations first; their patterns come before ours.
        witness.enters();
        const Certainty inner = search_level(best->children, uri, best, witness);
        witness.leaves();
        if (inner == Certainty::Final) {
            return Certainty::Final;
        }
    }
    if (!may_use_patterns) {
        witness.skips_patterns(*tree);
        return certainty;
    }
    for (std::size_t i = 0; i < tree->patterns.size(); ++i) {
        const Location* const location = tree->patterns[i];
        const bool fits = location->pattern->regex.match(uri);
        witness.asks_pattern(*tree, i, fits);
        if (fits) {
            best = location;
            witness.enters();
            static_cast<void>(search_level(best->children, uri, best, witness));
            witness.leaves();
            return Certainty::Final;
        }
    }
    return certainty;
}

}  // namespace sluice::http::route
