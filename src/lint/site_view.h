// SPDX-License-Identifier: BSD-2-Clause
// SiteView: every server and location of a compiled configuration, and what a path would reach: the
// tables that requests are routed by, seen as lists.
// Runs in: any (the command line).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "conf/generation.h"
#include "proto/http/site.h"

namespace sluice::lint {

class SiteView {
  public:
    /// Lives: views the generation.
    explicit SiteView(const conf::Generation& generation);

    struct Listening {
        const http::Port* port = nullptr;
        std::vector<const http::Server*> servers;  ///< of this address, each once
    };

    [[nodiscard]] const std::vector<Listening>& ports() const { return ports_; }

    /// Each once.
    [[nodiscard]] const std::vector<const http::Server*>& servers() const { return servers_; }

    /// Of that server, nested ones too, without its own level.
    [[nodiscard]] const std::vector<const http::Location*>& locations(
        const http::Server& server) const;

    /// The location or server's own level that this block opened, or null.
    [[nodiscard]] const http::Location* location_of(const conf::Directive* block) const;

  private:
    std::vector<Listening> ports_;
    std::vector<const http::Server*> servers_;
    std::unordered_map<const http::Server*, std::vector<const http::Location*>> locations_;
    std::unordered_map<const conf::Directive*, const http::Location*> by_block_;
};

/// The directory that a location's files are in, absolute; empty where it has variables or the
/// compiled-in default stands.
[[nodiscard]] std::string_view constant_root(const http::Location& location);

/// Whether `uri` reaches the file `path` of this server with nothing in the way: no access rule, no
/// `internal`, no `return`.
[[nodiscard]] bool is_served(const http::Server& server,
                             std::string_view uri,
                             std::string_view path);

/// A uri by which the file `path` can be fetched from the server; empty: there is none.
[[nodiscard]] std::string uri_of_file(const SiteView& site,
                                      const http::Server& server,
                                      std::string_view path);

}  // namespace sluice::lint
