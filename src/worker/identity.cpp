// SPDX-License-Identifier: BSD-2-Clause
// Limits and CPU first, because they may need root; the user last.
// Runs in: worker.
#include "worker/identity.h"

#include <array>
#include <vector>

#include "log/log.h"
#include "sys/process.h"

namespace sluice::worker {

namespace {

/// Pinning is a wish: a CPU that went offline must not keep the worker from serving.
void pin(const ipc::Hello& hello) {
    std::vector<int> cpus(hello.cpus.begin(), hello.cpus.end());
    if (cpus.empty() && hello.cpu >= 0) {
        cpus.push_back(hello.cpu);
    }
    if (cpus.empty()) {
        return;
    }
    if (const Result<> pinned = sys::pin_to_cpus(cpus); !pinned) {
        log::write(log::Level::Alert, "{}", log::Failure{pinned.error()});
    }
}

Result<> raise_limits(const ipc::Hello& hello) {
    if (hello.fd_limit > 0) {
        if (const Result<> set = sys::set_fd_limit(hello.fd_limit); !set) {
            log::write(log::Level::Alert, "setrlimit(RLIMIT_NOFILE, {}) failed ({}: {})",
                       hello.fd_limit, set.error().code, log::error_text(set.error().code));
        }
    }
    if (hello.has_core_limit) {
        TRY(sys::set_core_limit(hello.core_limit));
    }
    if (hello.priority != 0) {
        TRY(sys::set_priority(hello.priority));
    }
    return {};
}

}  // namespace

Result<> assume_identity(const ipc::Hello& hello) {
    TRY(raise_limits(hello));
    pin(hello);
    if (hello.drops_user) {
        TRY(sys::set_user(hello.uid, hello.gid, hello.user_name.c_str()));
        if (hello.has_core_limit) {
            TRY(sys::set_dumpable(true));
        }
    }
    if (!hello.working_directory.empty()) {
        TRY(sys::change_directory(hello.working_directory.c_str()));
    }
    return {};
}

}  // namespace sluice::worker
