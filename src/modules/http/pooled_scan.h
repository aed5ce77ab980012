// SPDX-License-Identifier: BSD-2-Clause
// PooledScan: the entries of a directory, read by a thread of the pool while one exchange waits, so
// that neither a large directory nor a file system that hangs keeps the loop.
// Runs in: worker.
#pragma once

#include "modules/http/directory_scan.h"
#include "modules/http/path_opening.h"
#include "proto/http/exchange.h"

namespace sluice::modules {

struct ScanRequest {
    FilePath path;
    Links links = Links::Follow;
    bool has_entries = true;  ///< false: it is only opened
};

struct ScanWork;

/// Owner: the exchange, in whose arena it lies.
struct PooledScan : http::Holding {
    ScanWork* work = nullptr;

    /// The exchange's scan of that directory, begun where there is none yet; null: the pool or the
    /// arena is full. Where it is not complete the rule answers kIsLoading and is run again.
    [[nodiscard]] static PooledScan* of(http::Exchange& exchange, const ScanRequest& request);

    [[nodiscard]] bool is_complete() const;
    /// Errno of opening or reading; 0: all went well.
    [[nodiscard]] int error() const;
    /// Lives: as long as the exchange.
    [[nodiscard]] DirectoryScan& entries() const;
};

}  // namespace sluice::modules
