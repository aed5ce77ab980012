// SPDX-License-Identifier: BSD-2-Clause
// Files, FIFOs and queues for log lines.
// Runs in: master.
#include "master/sink_files.h"

#include <array>
#include <fcntl.h>

#include "sys/file.h"
#include "sys/message_queue.h"

namespace sluice::master {

namespace {

constexpr int kLogFlags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY;
constexpr mode_t kLogMode = 0644;
/// Whoever reads a FIFO or queue takes the lines away, so only the owner may.
constexpr mode_t kStreamMode = 0600;
/// The second is what an unprivileged process may have on an untouched system (mq_overview(7)).
constexpr std::array<sys::QueueLimits, 2> kQueueSizes = {
    sys::QueueLimits{.messages = 64, .message_bytes = 8192},
    sys::QueueLimits{.messages = 10, .message_bytes = 8192}};

}  // namespace

Result<sys::UniqueFd> open_log_file(const char* path) {
    return sys::open(path, kLogFlags, kLogMode);
}

Result<sys::UniqueFd> open_log_fifo(const char* path) {
    Result<sys::FileInfo> info = sys::file_info_at(AT_FDCWD, path, true);
    if (!info && info.error().code == ENOENT) {
        TRY(sys::make_fifo(path, kStreamMode));
        info = sys::file_info_at(AT_FDCWD, path, true);
    }
    if (!info) {
        return std::unexpected(info.error());
    }
    if (!info->is_fifo()) {
        return fail("open() as named pipe", EINVAL);
    }
    // Writing alone cannot be opened before a reader is there (ENXIO). With a reader of our own for
    // a moment it can, and stays open when that goes.
    const sys::UniqueFd reader = TRY(sys::open(path, O_RDWR | O_NONBLOCK | O_NOCTTY));
    return sys::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
}

Result<sys::UniqueFd> open_log_queue(const char* name) {
    Result<sys::UniqueFd> queue = sys::queue_open(name, O_WRONLY);
    for (const sys::QueueLimits& size : kQueueSizes) {
        if (queue || queue.error().code == EACCES) {
            break;
        }
        queue = sys::queue_create(name, O_WRONLY, kStreamMode, size);
    }
    return queue;
}

}  // namespace sluice::master
