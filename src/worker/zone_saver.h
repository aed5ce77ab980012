// SPDX-License-Identifier: BSD-2-Clause
// ZoneSaver: writes zones to files in the pool's threads. It works in a process that the master
// starts for that and that serves nobody: at the end every worker is gone, and while serving a slow
// disk must not use up a worker's threads.
// Runs in: worker (one that saves only).
#pragma once

#include <list>
#include <vector>

#include "event/pool.h"
#include "ipc/message.h"
#include "sys/unique_fd.h"

namespace sluice::worker {

class ZoneSaver {
  public:
    using Saved = void (*)(void* owner, const ipc::ZoneSaved& answer);

    /// `saved(owner, answer)` runs in the loop for each order.
    ZoneSaver(event::Pool& pool, void* owner, Saved saved)
        : pool_(pool), owner_(owner), saved_(saved) {}

    /// Begins; `fds`: the zone and the file.
    void save(const ipc::SaveZone& order, std::vector<sys::UniqueFd>& fds);

    [[nodiscard]] bool is_busy() const { return !jobs_.empty(); }

  private:
    struct Job : event::Work {
        ZoneSaver* saver = nullptr;
        ipc::SaveZone order;
        sys::UniqueFd zone;
        sys::UniqueFd file;
        ipc::ZoneSaved answer;
    };

    static void write(Job& job);
    void finish(Job& job);

    event::Pool& pool_;
    void* owner_;
    Saved saved_;
    bool has_dropped_user_ = false;
    std::list<Job> jobs_;  ///< a list: jobs stay where they are
};

}  // namespace sluice::worker
