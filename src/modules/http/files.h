// SPDX-License-Identifier: BSD-2-Clause
// Files: what the handlers that look at files share: the directives that say how files are opened,
// and the worker's one open-file cache.
// Runs in: any (settings), worker (look_up).
#pragma once

#include <cerrno>
#include <expected>
#include <string_view>

#include "conf/level.h"
#include "event/loop.h"
#include "event/pool.h"
#include "modules/http/open_file_cache.h"
#include "proto/http/exchange.h"

namespace sluice::modules {

/// How files are opened in `level`. Lives: as long as the generation. Only after inheritance.
[[nodiscard]] const FilePolicy& file_policy(conf::Level& level);

/// A path as `disable_symlinks` has it opened for one request.
struct ConfinedPath {
    FilePath path;
    Links links = Links::Follow;
};

/// What `policy` means for `path` (NUL-terminated) in this exchange.
[[nodiscard]] ConfinedPath confine(http::Exchange& exchange,
                                   std::string_view path,
                                   const FilePolicy& policy);

/// What a rule answers to look_up()'s EINPROGRESS.
inline constexpr http::Verdict kIsLoading = http::Verdict::Waiting;

/// The file at `path` (NUL-terminated), pinned, from the worker's cache.
/// Fails: errno; see status_of(). EINPROGRESS: it comes from disk, or the disk hangs. The rule gives
/// back the pins of its own, changes nothing of the exchange and answers kIsLoading; it is run again
/// from its start when the file is there, and the same look_up then succeeds or fails for good.
[[nodiscard]] std::expected<OpenFile*, int> look_up(http::Exchange& exchange,
                                                    std::string_view path,
                                                    Want want,
                                                    const FilePolicy& policy);

/// The worker's loop, for rules of this room that set timers.
[[nodiscard]] event::Loop& worker_loop();
/// The worker's threads; null in a process that has none.
[[nodiscard]] event::Pool* file_pool();

/// What reads large files in before they are sent; null in a process that has no pool.
[[nodiscard]] ChunkLoader* chunk_loader();

/// The status that answers a file which cannot be opened: 404, 403 or 500.
[[nodiscard]] int status_of(int error);

/// Whether trouble of our own with files (EMFILE, EIO) may be logged now: once a second at most,
/// because requests repeat it.
[[nodiscard]] bool may_log_trouble();

/// Whether any segment of `path` is "..": such a path could leave its root.
[[nodiscard]] bool climbs(std::string_view path);

}  // namespace sluice::modules
