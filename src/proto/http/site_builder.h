// SPDX-License-Identifier: BSD-2-Clause
// SiteBuilder: what the parsers of http, server and location have read so far, and the one step
// that turns it into ports, servers and locations when every level has inherited.
// Runs in: any. Lives: as long as the generation, used only while it is built.
#pragma once

#include <deque>
#include <string_view>
#include <vector>

#include "conf/build.h"
#include "conf/level.h"
#include "proto/http/module.h"
#include "proto/http/router.h"
#include "proto/http/site.h"
#include "script/regex.h"

namespace sluice::http {

/// One location, or a server's own level (Match::Root).
struct LocationDraft {
    Location* location = nullptr;
    const script::Regex* regex = nullptr;
    std::vector<LocationDraft*> children;
};

struct NameDraft {
    std::string_view name;
    const script::Regex* regex = nullptr;
    conf::Position at;
};

struct AddressDraft {
    std::string_view key;
    conf::Position at;
    bool is_default = false;
};

struct ServerDraft {
    Server* server = nullptr;
    LocationDraft root;
    std::vector<NameDraft> names;
    std::vector<AddressDraft> addresses;
};

class SiteBuilder {
  public:
    explicit SiteBuilder(std::span<const Module* const> modules) : modules_(modules) {}

    /// A new server whose own settings are in `level`; null: the arena is full.
    [[nodiscard]] ServerDraft* add_server(conf::Build& build, conf::Level& level);
    /// A new location below `parent`.
    [[nodiscard]] LocationDraft* add_location(conf::Build& build,
                                              const Location& location,
                                              LocationDraft& parent);
    /// Compiles a pattern that lives as long as the generation; null: an error was reported.
    [[nodiscard]] static const script::Regex* compile_regex(conf::Build& build,
                                                            const conf::Argument& at,
                                                            std::string_view pattern,
                                                            bool is_caseless);
    /// Builds everything. Errors are reported to `build`.
    void freeze(conf::Build& build);

  private:
    void freeze_location(conf::Build& build, LocationDraft& draft);
    void bind_rules(conf::Build& build, Location& location);
    void freeze_server(ServerDraft& draft, conf::Build& build);
    void freeze_port(conf::Build& build, std::string_view key);

    std::span<const Module* const> modules_;
    std::deque<ServerDraft> servers_;
    std::deque<LocationDraft> locations_;
};

}  // namespace sluice::http
