// SPDX-License-Identifier: BSD-2-Clause
// The worker role from first to last instruction.
// Runs in: worker.
#include "worker/run.h"

#include <utility>

#include "log/log.h"
#include "sys/process.h"
#include "worker/worker.h"

namespace sluice::worker {

int run(int channel) {
    sys::set_process_title("sluice: worker process");
    Result<std::unique_ptr<event::Loop>> loop = event::Loop::create();
    if (!loop) {
        log::write(log::Level::Emerg, "{}", log::Failure{loop.error()});
        return 2;
    }
    Worker worker(std::move(*loop), sys::UniqueFd(channel));
    return worker.run();
}

}  // namespace sluice::worker
