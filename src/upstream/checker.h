// SPDX-License-Identifier: BSD-2-Clause
// Checker: checks the peers of one group again and again and tells their shared state what came of
// it. Of the workers that share a zone only the one with the group's lease runs one.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "event/loop.h"
#include "log/rate_limit.h"
#include "upstream/group.h"
#include "upstream/probe.h"

namespace sluice::upstream {

class Checker {
  public:
    /// Begins with the first checks. `group` outlives it and has a CheckSpec.
    Checker(event::Loop& loop, Group& group);
    ~Checker();
    Checker(const Checker&) = delete;
    Checker& operator=(const Checker&) = delete;

    /// Takes over the group's peers where they have changed; call now and then.
    void follow(Millis now);

  private:
    struct Checked : event::Timer {
        Checked(Checker& checker, PeerRef checked);

        Checker& checker;
        PeerRef peer;
        net::Address address;  ///< with the check's port
        Probe probe;
    };

    void start(Checked& checked);
    void on_verdict(Checked& checked, std::string_view why);
    [[nodiscard]] bool note(PeerState& state, bool has_passed, Millis now) const;
    void tell(const Checked& checked, std::string_view why) const;
    [[nodiscard]] Millis pause();

    event::Loop& loop_;
    Group& group_;
    const CheckSpec& spec_;
    PeerSetRef set_;
    std::vector<std::unique_ptr<Checked>> checked_;
    std::uint64_t random_ = 0;
    log::RateLimit troubles_{Millis(10'000)};
};

}  // namespace sluice::upstream
