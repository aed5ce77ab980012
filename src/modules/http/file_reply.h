// SPDX-License-Identifier: BSD-2-Clause
// The reply that a file is: conditions, ranges, head lines, body. A remembered small file is answered
// from memory with head lines rendered before: no system call, no allocation.
// Runs in: worker.
#pragma once

#include "modules/http/open_file_cache.h"
#include "proto/http/exchange.h"

namespace sluice::modules {

/// Decides the reply with a regular file; its pin, and with it the content, is the reply's from now
/// on; `policy` says how a large one is read. `settings` stands for what the head lines depend on besides the file: they are rendered once
/// for it. Gives Decided, or Redirected where error_page answers a 412 or 416.
[[nodiscard]] http::Verdict reply_with_file(http::Exchange& exchange,
                                            OpenFile& file,
                                            const FilePolicy& policy,
                                            const void* settings);

}  // namespace sluice::modules
