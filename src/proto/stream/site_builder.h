// SPDX-License-Identifier: BSD-2-Clause
// SiteBuilder: what the parsers of `stream` and its servers have read so far, and the one step that
// turns it into ports and servers when every level has inherited.
// Runs in: any. Lives: as long as the generation, used only while it is built.
#pragma once

#include <deque>
#include <string_view>
#include <vector>

#include "conf/build.h"
#include "conf/level.h"
#include "proto/stream/module.h"
#include "proto/stream/site.h"
#include "proto/stream/variable_slots.h"
#include "script/declared.h"
#include "script/server_name.h"

namespace sluice::stream {

struct AddressDraft {
    std::string_view key;
    conf::Position at;
    bool is_default = false;
    bool has_proxy_header = false;
};

struct ServerDraft {
    Server* server = nullptr;
    std::vector<script::ServerName> names;
    std::vector<AddressDraft> addresses;
};

class SiteBuilder {
  public:
    SiteBuilder(std::span<const Module* const> modules, Arena& arena)
        : variables(arena, kSessionAccess), modules_(modules) {}

    /// A new server whose settings are in `level`; null: the arena is full.
    [[nodiscard]] ServerDraft* add_server(conf::Build& build, conf::Level& level);
    /// Builds everything. Errors are reported to `build`.
    void freeze(conf::Build& build);

    [[nodiscard]] std::span<const Module* const> modules() const { return modules_; }

    script::DeclaredVariables variables;  ///< of the configuration's own making

  private:
    void freeze_server(conf::Build& build, ServerDraft& draft);
    void bind_rules(conf::Build& build, Server& server);
    void freeze_port(conf::Build& build, std::string_view key);
    void check_servers(conf::Build& build, const Port& port, std::span<ServerDraft* const> drafts);
    void build_names(conf::Build& build, Port& port, std::span<ServerDraft* const> drafts);

    std::span<const Module* const> modules_;
    std::deque<ServerDraft> servers_;
};

}  // namespace sluice::stream
