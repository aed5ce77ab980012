// SPDX-License-Identifier: BSD-2-Clause
// Zones: the shared zones that the master gave this worker. Each generation maps its own, so that a
// zone goes away with the last exchange that could ask for it.
// Runs in: worker.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <vector>

#include "base/units.h"
#include "conf/generation.h"
#include "ipc/message.h"
#include "sys/futex.h"
#include "sys/unique_fd.h"

namespace sluice::worker {

class Zones {
  public:
    /// Keeps descriptors until the generation that they are for is compiled.
    void take(const ipc::Zones& zones, std::vector<sys::UniqueFd>& fds);
    /// Maps every zone that `generation` names and drops what was taken.
    /// Fails: a sentence; the generation cannot be used.
    [[nodiscard]] std::expected<void, std::string> attach(conf::Generation& generation);

  private:
    std::map<ZoneId, sys::UniqueFd> taken_;
    sys::RobustOwner owner_;
};

}  // namespace sluice::worker
