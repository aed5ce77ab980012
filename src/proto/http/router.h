// SPDX-License-Identifier: BSD-2-Clause
// Router: the tables behind Site, and the two look-ups made for every request: which server a host
// means, and which location a uri means. Built when the configuration is loaded; no look-up
// allocates.
// Runs in: any (build), worker (lookup).
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "proto/http/site.h"
#include "script/pattern.h"

namespace sluice::http {

class Trace;

/// The names of the servers on one port. Precedence: exact, longest "*.suffix", longest "prefix.*",
/// first regular expression, then the port's default server.
struct ServerNames {
    struct Named {
        std::string_view name;  ///< lower case; of a wildcard the constant part, dot included
        const Server* server = nullptr;
        bool has_more = true;  ///< wildcard: whether the star must stand for something
    };

    struct Pattern {
        const script::Pattern* pattern = nullptr;
        const Server* server = nullptr;
    };

    std::span<const Named> exact;     ///< closed hash; size 0 or a power of two; empty name: free
    std::span<const Named> suffixes;  ///< the same, for "*.example.com" (".example.com")
    std::span<const Named> prefixes;  ///< sorted, longest first, for "www.*" ("www.")
    std::span<const Pattern> patterns;
    const Server* nameless = nullptr;  ///< server_name "": for requests without Host
};

/// Collects the names of one port. Lives: only while the configuration is built.
class ServerNamesBuilder {
  public:
    /// `name` as written, lower case; `pattern` for one that starts with '~'. False where another
    /// server has it already (the new one is ignored).
    bool add(std::string_view name, const Server& server, const script::Pattern* pattern);
    /// nullptr: the arena is full.
    [[nodiscard]] const ServerNames* build(Arena& arena) const;

  private:
    std::vector<ServerNames::Named> exact_;
    std::vector<ServerNames::Named> suffixes_;
    std::vector<ServerNames::Named> prefixes_;
    std::vector<ServerNames::Pattern> patterns_;
    const Server* nameless_ = nullptr;
};

/// The locations of one level in the order of the search.
struct LocationTree {
    std::span<const Location* const> exact;     ///< closed hash; size 0 or a power of two
    std::span<const Location* const> prefixes;  ///< sorted by name
    /// parents[i]: index in `prefixes` of the longest other prefix of prefixes[i], or -1.
    std::span<const std::int32_t> parents;
    std::span<const Location* const> patterns;
    std::span<const Location* const> named;
};

/// Collects the locations of one level. Lives: only while the configuration is built.
class LocationTreeBuilder {
  public:
    /// False where the same location exists already.
    bool add(const Location& location);

    [[nodiscard]] bool empty() const {
        return prefixes_.empty() && patterns_.empty() && named_.empty() && exact_.empty();
    }

    /// nullptr: the arena is full.
    [[nodiscard]] const LocationTree* build(Arena& arena) const;

  private:
    std::vector<const Location*> exact_;
    std::vector<const Location*> prefixes_;
    std::vector<const Location*> patterns_;
    std::vector<const Location*> named_;
};

/// The location for `uri` below `root`, by nginx's rules: exact; longest prefix (and on into its
/// nested locations); the first regular expression in order unless that prefix forbids it. Gives
/// `root` where nothing matches. The patterns on the way to it remember their groups until they are
/// matched again.
[[nodiscard]] const Location& find_location(const Location& root, std::string_view uri);

/// The same two look-ups, which tell `trace` of every candidate and why it was taken or not.
[[nodiscard]] const Location& find_location(const Location& root,
                                            std::string_view uri,
                                            Trace& trace);
[[nodiscard]] const Server& find_server(const Port& port,
                                        std::string_view host,
                                        const script::Pattern*& pattern,
                                        Trace& trace);

/// The named location of a server, or null.
[[nodiscard]] const Location* find_named(const Location& root, std::string_view name);

}  // namespace sluice::http
