// SPDX-License-Identifier: BSD-2-Clause
// SiteBuilder: what the parsers of http, server and location have read so far, and the one step
// that turns it into ports, servers and locations when every level has inherited.
// Runs in: any. Lives: as long as the generation, used only while it is built.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "conf/build.h"
#include "conf/level.h"
#include "proto/http/module.h"
#include "proto/http/port_protocols.h"
#include "proto/http/router.h"
#include "proto/http/site.h"
#include "proto/http/variable_slots.h"
#include "script/server_name.h"

namespace sluice::http {

/// One location, or a server's own level (Match::Root).
struct LocationDraft {
    Location* location = nullptr;
    std::vector<LocationDraft*> children;
    std::vector<LocationDraft*> nameless;  ///< `if` and limit_except: settings, not part of the search
};

struct AddressDraft {
    std::string_view key;
    conf::Position at;
    bool is_default = false;
    bool has_options = false;  ///< of the socket
    ProtocolBits protocols = kNoProtocols;
};

struct ServerDraft {
    Server* server = nullptr;
    LocationDraft root;
    std::vector<script::ServerName> names;
    std::vector<AddressDraft> addresses;
};

class SiteBuilder {
  public:
    SiteBuilder(std::span<const Module* const> modules, Arena& arena)
        : variables(arena, kExchangeAccess), modules_(modules) {}

    /// A new server whose own settings are in `level`; null: the arena is full.
    [[nodiscard]] ServerDraft* add_server(conf::Build& build, conf::Level& level);
    /// A new location below `parent`.
    [[nodiscard]] LocationDraft* add_location(conf::Build& build,
                                              const Location& location,
                                              LocationDraft& parent);
    /// A place that has settings of its own but no name: `if` and limit_except inside `outer`.
    [[nodiscard]] Location* add_nameless(conf::Build& build,
                                         conf::Level& level,
                                         LocationDraft& outer);
    /// Builds everything. Errors are reported to `build`.
    void freeze(conf::Build& build);

    script::DeclaredVariables variables;  ///< of the configuration's own making

  private:
    void freeze_location(conf::Build& build, LocationDraft& draft);
    void bind_rules(conf::Build& build, Location& location);
    void freeze_server(ServerDraft& draft, conf::Build& build);
    static void name_series(conf::Build& build, ServerDraft& draft);
    static void name_series(conf::Build& build,
                            LocationDraft& draft,
                            std::string_view server,
                            const std::string& outer);
    static void share_series(LocationDraft& draft);
    void freeze_port(conf::Build& build, std::string_view key);

    std::span<const Module* const> modules_;
    std::deque<ServerDraft> servers_;
    std::deque<LocationDraft> locations_;
};

/// The site that is being read; null outside of `http`.
[[nodiscard]] SiteBuilder* site_of(conf::Build& build);

/// Opens the settings of an `if` or limit_except block. Where the block is inside a location,
/// `location` becomes the place that has them; at server level it stays null.
/// Null: an error was reported.
[[nodiscard]] conf::Level* open_nameless(conf::Build& build,
                                         const conf::Directive& block,
                                         conf::Context context,
                                         const Location*& location);

}  // namespace sluice::http
