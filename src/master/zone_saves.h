// SPDX-License-Identifier: BSD-2-Clause
// ZoneSaves: the files of zones that are being written. The master opens a temporary file beside
// the real one and renames it when the process that writes has made it durable, so that at any
// moment the path names a whole file. Runs in: master.
#pragma once

#include <map>
#include <string>

#include "base/units.h"
#include "conf/generation.h"
#include "ipc/message.h"
#include "sys/unique_fd.h"

namespace sluice::master {

class ZoneSaves {
  public:
    /// Opens the temporary file of a zone; what is under way for the same zone goes on alone (then
    /// the descriptor is empty). Errors are logged.
    [[nodiscard]] sys::UniqueFd begin(const conf::ZoneSpec& spec);
    /// What the writing process says.
    void finish(const ipc::ZoneSaved& saved);
    /// The writing process is dead: all that it had begun is dropped.
    void fail_all();

    [[nodiscard]] bool is_idle() const { return pending_.empty(); }

  private:
    struct Pending {
        std::string name;
        std::string path;
        std::string temporary;
    };

    static void drop(const Pending& pending);

    std::map<ZoneId, Pending> pending_;
};

}  // namespace sluice::master
