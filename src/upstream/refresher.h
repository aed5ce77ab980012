// SPDX-License-Identifier: BSD-2-Clause
// Refresher: asks again and again what the name of one server means, and puts the answer where the
// groups of all workers see it. Of the workers that share a zone only the one with the group's lease
// runs them.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/units.h"
#include "event/loop.h"
#include "upstream/group.h"
#include "upstream/resolver.h"

namespace sluice::upstream {

class Refresher {
  public:
    /// Asks at once. `group` and its resolver outlive it.
    Refresher(event::Loop& loop, Group& group, const Group::ResolvedServer& server);
    Refresher(const Refresher&) = delete;
    Refresher& operator=(const Refresher&) = delete;

  private:
    struct Due : event::Timer {
        Refresher* refresher = nullptr;
    };

    struct NameLookup : Lookup {
        Refresher* refresher = nullptr;
    };

    /// A target of an SRV record that is being looked up.
    struct TargetLookup : Lookup {
        Refresher* refresher = nullptr;
        ServiceRecord service;
        bool is_backup = false;
    };

    void ask();
    void on_name(const NameAnswer& answer);
    void ask_targets(const std::vector<ServiceRecord>& services);
    void on_target(const TargetLookup& target, const NameAnswer& answer);
    void finish_target();
    void give_up(NameOutcome outcome);
    void publish(std::vector<ResolvedAddress> found);
    void ask_again(Millis delay);

    event::Loop& loop_;
    Group& group_;
    const ServerSpec& spec_;
    ServerState& state_;
    Resolver& resolver_;
    Due due_;
    NameLookup name_;
    std::vector<std::unique_ptr<TargetLookup>> targets_;
    std::size_t targets_left_ = 0;
    bool has_failed_target_ = false;
    std::vector<ResolvedAddress> found_;  ///< of the targets so far
    Millis valid_until_{0};
    NameOutcome last_ = NameOutcome::Found;
};

/// The name to ask for SRV records of `service` at `host`: "http" means "_http._tcp.host".
[[nodiscard]] std::string service_name(std::string_view service, std::string_view host);

}  // namespace sluice::upstream
