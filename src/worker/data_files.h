// SPDX-License-Identifier: BSD-2-Clause
// DataFiles: the copies of files of data that the master gave this worker. Each generation opens its
// own.
// Runs in: worker.
#pragma once

#include <expected>
#include <map>
#include <string>

#include "conf/generation.h"
#include "ipc/message.h"
#include "sys/unique_fd.h"

namespace sluice::worker {

class DataFiles {
  public:
    /// Opens a copy for `generation`, or, where that is null because it is still to be compiled, keeps
    /// the copy until then.
    void take(const ipc::DataFile& file, sys::UniqueFd copy, const conf::Generation* generation);
    /// Opens every file that `generation` names and drops what was taken.
    /// Fails: a sentence; the generation cannot be used.
    [[nodiscard]] std::expected<void, std::string> attach(const conf::Generation& generation);

  private:
    struct Taken {
        ipc::DataFile told;
        sys::UniqueFd copy;
    };

    std::map<std::uint32_t, Taken> taken_;  ///< by index
};

}  // namespace sluice::worker
