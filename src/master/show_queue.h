// SPDX-License-Identifier: BSD-2-Clause
// `sluice logs --queue NAME`: the reading end of `error_log mq:NAME`.
// Runs in: any (the command line).
#pragma once

#include "master/log_filter.h"

namespace sluice::master {

/// Takes the messages of the POSIX queue LogWishes::queue, the gravest first, and prints them. Without
/// `follows` until it is empty. Gives the exit code.
[[nodiscard]] int show_queue(const LogWishes& wishes);

}  // namespace sluice::master
