// SPDX-License-Identifier: BSD-2-Clause
// The router's searches with somebody who watches.
// Runs in: any (explain, on the command line).
#include <string>

#include <fmt/format.h>

#include "conf/level.h"
#include "conf/places.h"
#include "proto/http/route_search.h"
#include "proto/http/router.h"
#include "proto/http/trace.h"

namespace sluice::http {

namespace {

using route::NameCandidate;
using route::NameKind;

/// As it stands behind server_name; `server`'s directive says which of two spellings it was.
std::string name_of(const NameCandidate& candidate) {
    switch (candidate.kind) {
        case NameKind::Exact:
            return std::string(candidate.name);
        case NameKind::Suffix:
            return "*" + std::string(candidate.name);
        case NameKind::Prefix:
            return std::string(candidate.name) + "*";
        case NameKind::Pattern:
            return "~" + std::string(candidate.pattern->regex.pattern());
    }
    return {};
}

std::string_view kind_of(NameKind kind) {
    switch (kind) {
        case NameKind::Exact:
            return "exact name";
        case NameKind::Suffix:
            return "longest wildcard at the start";
        case NameKind::Prefix:
            return "longest wildcard at the end";
        case NameKind::Pattern:
            return "first regular expression that matches";
    }
    return {};
}

std::string_view called(const Server& server) {
    return server.name.empty() ? std::string_view("\"\"") : server.name;
}

/// The server_name that has the name, else the server.
conf::Position place_of(const Server& server, const std::string& name) {
    for (const conf::Directive& directive : server.root->level->block->children) {
        if (directive.name != "server_name") {
            continue;
        }
        for (const conf::Argument& argument : directive.args) {
            const std::string_view text = argument.text;
            if (text == name || (text.starts_with('.') && name == "*" + std::string(text)) ||
                (text.starts_with('.') && name == text.substr(1))) {
                return directive.at;
            }
        }
    }
    return server.at;
}

/// Tells what the location search sees.
class LocationWitness {
  public:
    explicit LocationWitness(Trace& trace) : trace_(trace) {}

    /// Why the location that was taken last was.
    [[nodiscard]] const std::string& reason() const { return reason_; }

    void takes_exact(const LocationTree& tree, const Location& location, std::string_view uri) {
        reason_ = "exact, nothing else is asked";
        note(location, reason_);
        note_shorter(tree, route::longest_prefix(tree, uri), "prefix, but an exact one is there");
        note_unasked(tree, 0, "not asked: an exact one is there");
    }

    void takes_prefix(const LocationTree& tree, std::int32_t at, bool may_use_patterns) {
        const Location& location = *tree.prefixes[static_cast<std::size_t>(at)];
        reason_ = may_use_patterns ? "longest prefix"
                                   : "longest prefix, ^~ asks no regular expression";
        note(location, reason_);
        note_shorter(tree, tree.parents[static_cast<std::size_t>(at)], "prefix, but not the longest");
    }

    void skips_patterns(const LocationTree& tree) {
        note_unasked(tree, 0, "not asked: the longest prefix has ^~");
    }

    void asks_pattern(const LocationTree& tree, std::size_t at, bool fits) {
        note(*tree.patterns[at], fits ? "matches, the first in order that does" : "does not match");
        if (fits) {
            reason_ = "first regular expression that matches";
            note_unasked(tree, at + 1, "not asked: an earlier one matches");
        }
    }

    void enters() { ++depth_; }

    void leaves() { --depth_; }

  private:
    void note(const Location& location, std::string_view why) {
        trace_.add({.topic = Topic::Location,
                    .is_detail = true,
                    .at = location.at,
                    .text = fmt::format("{}{}{}: {}", std::string(depth_ * 2, ' '),
                                        depth_ == 0 ? "" : "nested ", text_of(location), why)});
    }

    void note_shorter(const LocationTree& tree, std::int32_t at, std::string_view why) {
        for (; at >= 0; at = tree.parents[static_cast<std::size_t>(at)]) {
            note(*tree.prefixes[static_cast<std::size_t>(at)], why);
        }
    }

    void note_unasked(const LocationTree& tree, std::size_t first, std::string_view why) {
        for (std::size_t i = first; i < tree.patterns.size(); ++i) {
            note(*tree.patterns[i], why);
        }
    }

    Trace& trace_;
    std::string reason_;
    std::size_t depth_ = 0;
};

}  // namespace

const Server& find_server(const Port& port,
                          std::string_view host,
                          const script::Pattern*& matched,
                          Trace& trace) {
    const std::size_t heading = trace.reserve(Topic::Server);
    const Server* chosen = port.default_server;
    const auto conclude = [&](const std::string& why) -> const Server& {
        trace.fill(heading, chosen->at, fmt::format("{}: {}", called(*chosen), why));
        return *chosen;
    };
    if (port.names == nullptr) {
        return conclude(fmt::format("the only server of {}", port.key));
    }
    if (host.empty()) {
        const bool is_named = port.names->nameless != nullptr;
        chosen = is_named ? port.names->nameless : chosen;
        return conclude(is_named ? "no host, and server_name \"\"" : "no host: the default server");
    }
    std::string reason;
    route::search_names(*port.names, host, [&](const NameCandidate& one) {
        const std::string name = name_of(one);
        const bool wins = one.fits && reason.empty();
        trace.add({.topic = Topic::Server,
                   .is_detail = true,
                   .at = place_of(*one.server, name),
                   .text = fmt::format("{}: {}", name,
                                       wins       ? "fits"
                                       : one.fits ? "fits, but a better name does too"
                                                  : "does not match")});
        if (wins) {
            chosen = one.server;
            matched = one.pattern;
            reason = one.kind == NameKind::Exact
                         ? std::string(kind_of(one.kind))
                         : fmt::format("{}, {}", name, kind_of(one.kind));
        }
        return false;  // the serving search ends at the first that fits; here all are told
    });
    trace.add({.topic = Topic::Server,
               .is_detail = true,
               .at = port.default_server->at,
               .text = fmt::format("default server of {}: {}", port.key,
                                   reason.empty() ? "no name fits" : "not needed")});
    return conclude(reason.empty() ? "the default server, no name fits" : reason);
}

const Location& find_location(const Location& root, std::string_view uri, Trace& trace) {
    const std::size_t heading = trace.reserve(Topic::Location);
    LocationWitness witness(trace);
    const Location* best = &root;
    static_cast<void>(route::search_level(root.children, uri, best, witness));
    trace.fill(heading, best->at,
               best == &root
                   ? fmt::format("{}: no location matches \"{}\"", text_of(root), uri)
                   : fmt::format("{}: {}, for \"{}\"", text_of(*best), witness.reason(), uri));
    return *best;
}

}  // namespace sluice::http
