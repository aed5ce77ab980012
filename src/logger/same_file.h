// SPDX-License-Identifier: BSD-2-Clause
// Whether a descriptor that comes in place of another leads elsewhere: what was begun in a file that
// is opened again under its name is completed there, not begun anew.
// Runs in: logger.
#pragma once

#include "sys/file.h"

namespace sluice::logger {

/// False also where either cannot be asked.
[[nodiscard]] inline bool is_same_file(int one, int other) {
    const auto first = sys::file_info(one);
    const auto second = sys::file_info(other);
    return first && second && first->inode == second->inode && first->device == second->device;
}

}  // namespace sluice::logger
