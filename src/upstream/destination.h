// SPDX-License-Identifier: BSD-2-Clause
// Destination: the group of a name that is known only at run time (`proxy_pass $host`): an
// `upstream` block, an address, or a host name that has to be looked up first. Groups that are made
// so are kept for those who come after, within a bound.
//
//     // settings: destination_use_ lives as long as the generation
//     upstream::use_destination(build, std::nullopt, conf.destination);
//     // session:
//     switch (destination_.find(conf.destination, text, &on_found)) {
//         case Ready:   begin(destination_.group()); break;
//         case Waiting: break;                        // on_found(destination_) will be called
//         case Failed:  log(destination_.problem());  // "x could not be resolved (3: …)"
//     }
//
// Runs in: any (settings), worker.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf/build.h"
#include "upstream/block.h"
#include "upstream/peer.h"
#include "upstream/resolver.h"
#include "upstream/transient_group.h"

namespace sluice::upstream {

/// Where names of a proxy_pass with variables are looked for.
struct DestinationUse {
    std::optional<std::uint16_t> default_port;  ///< nothing: the port has to be in the text
    conf::Level* level = nullptr;
    const UpstreamConf* main = nullptr;  ///< of the generation
    /// Known when the configuration is frozen; null: `compat nginx` and no resolver.
    const ResolverSpec* resolver = nullptr;
    Millis timeout{30'000};
};

/// Prepares `use`, which lives as long as the generation, for the level that is being read.
void use_destination(conf::Build& build,
                     std::optional<std::uint16_t> default_port,
                     DestinationUse& use);

/// It keeps its group: attempts that began there end before it is reset or destroyed.
class Destination {
  public:
    enum class State : std::uint8_t { Idle, Ready, Waiting, Failed };

    /// Called once after Waiting, never from inside find(); state() is Ready or Failed then. The
    /// Destination may be destroyed or used again there.
    using Found = void (*)(Destination& destination);

    Destination();
    /// Takes a question back.
    ~Destination() = default;
    Destination(const Destination&) = delete;
    Destination& operator=(const Destination&) = delete;

    /// `use` outlives it; `text` is "name", "name:port", an address or "unix:/path".
    [[nodiscard]] State find(const DestinationUse& use, std::string_view text, Found found);
    /// Takes a question back and forgets the group.
    void reset();

    [[nodiscard]] State state() const { return state_; }

    /// Needs: Ready. Lives: until reset() or the next find().
    [[nodiscard]] Group& group() const { return *group_; }

    /// What to log where it Failed. Lives: as long as the Destination, until the next find().
    [[nodiscard]] std::string_view problem() const { return {problem_.data(), problem_size_}; }

    void* owner = nullptr;  ///< for Found

  private:
    struct NameLookup : Lookup {
        Destination* destination = nullptr;
    };

    State look_up(Resolver& resolver, TransientGroup& group, Millis timeout);
    State use_answer(const NameAnswer& answer);
    State take(TransientGroup& group);
    State fail(const std::string& problem);

    State state_ = State::Idle;
    Group* group_ = nullptr;
    Counted<TransientGroup> transient_;
    NameLookup lookup_;
    Found found_ = nullptr;
    std::size_t problem_size_ = 0;
    std::array<char, 320> problem_;  ///< filled as far as problem_size_
};

}  // namespace sluice::upstream
