// SPDX-License-Identifier: BSD-2-Clause
// PooledScan: slices of a directory in a thread of the pool.
// Runs in: worker; read_slice() in any thread.
#include "modules/http/pooled_scan.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "event/pool.h"
#include "modules/http/file_loader.h"
#include "modules/http/files.h"
#include "sys/fault.h"

namespace sluice::modules {

/// What the thread has. Owner: the PooledScan; itself, once that has gone while it ran.
struct ScanWork : event::Work {
    std::string path;
    std::size_t root_size = 0;
    Links links = Links::Follow;
    bool has_entries = true;
    std::optional<DirectoryScan> scan;
    int error = 0;
    bool has_ended = false;              ///< the thread's; the loop reads it when done
    bool is_complete = false;            ///< the loop's: asked while a thread may run
    http::Exchange* exchange = nullptr;  ///< who waits; null: nobody any more
};

namespace {

// The pool's threads are few: others have their turn between slices.
constexpr std::size_t kEntriesPerSlice = 256;

Result<bool> read_slice(ScanWork& work) {
    const FilePath path{.text = work.path, .root_size = work.root_size};
    if (!work.scan) {
        if (sys::has_fault(sys::Fault::HungFiles)) [[unlikely]] {
            hang_for_tests(path);
        }
        sys::UniqueFd directory =
            TRY(open_by_path(path, work.links, O_RDONLY | O_DIRECTORY | O_NONBLOCK));
        work.scan.emplace(std::move(directory), work.links == Links::Follow);
    }
    return work.has_entries ? work.scan->read_some(kEntriesPerSlice) : true;
}

void run(event::Work& base) {
    auto& work = static_cast<ScanWork&>(base);
    const Result<bool> read = read_slice(work);
    work.error = read ? 0 : read.error().code;
    work.has_ended = !read || *read;
}

bool submit(ScanWork& work) {
    return file_pool()->submit(work, event::Priority::Normal);
}

void done(event::Work& base) {
    auto& work = static_cast<ScanWork&>(base);
    if (work.exchange == nullptr) {
        const std::unique_ptr<ScanWork> dead(&work);
        return;
    }
    if (!work.has_ended) {
        if (submit(work)) {
            return;
        }
        work.error = ENOMEM;
    }
    work.is_complete = true;
    work.exchange->retry_rule();
}

bool begin(ScanWork& work) {
    if (file_pool() != nullptr) {
        return submit(work);
    }
    while (!work.has_ended) {
        run(work);
    }
    work.is_complete = true;
    return true;
}

void give_back(http::Holding& holding) noexcept {
    ScanWork* const work = static_cast<PooledScan&>(holding).work;
    work->exchange = nullptr;
    if (file_pool() == nullptr || file_pool()->cancel(*work)) {
        const std::unique_ptr<ScanWork> dead(work);
    }
}

PooledScan* find(const http::Exchange& exchange, std::string_view path) {
    for (http::Holding* at = exchange.holdings; at != nullptr; at = at->next) {
        if (at->release == &give_back && static_cast<PooledScan*>(at)->work->path == path) {
            return static_cast<PooledScan*>(at);
        }
    }
    return nullptr;
}

}  // namespace

PooledScan* PooledScan::of(http::Exchange& exchange, const ScanRequest& request) {
    if (PooledScan* const found = find(exchange, request.path.text)) {
        return found;
    }
    PooledScan* const scan = exchange.arena.make<PooledScan>();
    if (scan == nullptr) {
        return nullptr;
    }
    auto work = std::make_unique<ScanWork>();
    work->run = &run;
    work->done = &done;
    work->path = request.path.text;
    work->root_size = request.path.root_size;
    work->links = request.links;
    work->has_entries = request.has_entries;
    work->exchange = &exchange;
    if (!begin(*work)) {
        return nullptr;
    }
    scan->work = work.release();
    scan->release = &give_back;
    exchange.hold(*scan);
    return scan;
}

bool PooledScan::is_complete() const {
    return work->is_complete;
}

int PooledScan::error() const {
    return work->error;
}

DirectoryScan& PooledScan::entries() const {
    return *work->scan;
}

}  // namespace sluice::modules
