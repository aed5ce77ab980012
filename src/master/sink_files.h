// SPDX-License-Identifier: BSD-2-Clause
// Opening of what a log target names in the file system: files, named pipes and message queues.
// Runs in: master.
#pragma once

#include "base/error.h"
#include "sys/unique_fd.h"

namespace sluice::master {

/// A log file, made where it is missing; a device or terminal is opened without waiting.
[[nodiscard]] Result<sys::UniqueFd> open_log_file(const char* path);

/// The writing end of a named pipe, made (mode 0600) where it is missing. It opens without a reader,
/// too; writing fails with EPIPE while there is none, and works as soon as one comes.
/// Fails: EINVAL where the path is something else.
[[nodiscard]] Result<sys::UniqueFd> open_log_fifo(const char* path);

/// A POSIX message queue, made (mode 0600, as large as the system lets it be up to 64 messages of
/// 8 KiB) where it is missing.
[[nodiscard]] Result<sys::UniqueFd> open_log_queue(const char* name);

}  // namespace sluice::master
