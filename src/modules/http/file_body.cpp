// SPDX-License-Identifier: BSD-2-Clause
// FileBody: pieces of a file, each when it can be sent without waiting.
// Runs in: worker.
#include "modules/http/file_body.h"

#include <algorithm>
#include <memory>

#include "sys/page_cache.h"

namespace sluice::modules {

namespace {

// Pages that wait in the socket cannot be let go of: more than a socket ever holds.
constexpr std::uint64_t kDropLag = std::uint64_t{8} << 20U;

}  // namespace

FileBody* FileBody::make(http::Exchange& exchange,
                         OpenFile& file,
                         const FilePolicy& policy,
                         ChunkLoader* loader) {
    void* const room = exchange.arena.allocate(sizeof(FileBody), alignof(FileBody));
    if (room == nullptr) {
        return nullptr;
    }
    const bool is_direct = file.info.size >= policy.directio;
    const bool may_wait = !policy.is_aio && !is_direct;
    FileBody* const body = std::construct_at(static_cast<FileBody*>(room), exchange, file,
                                             may_wait ? nullptr : loader);
    body->is_direct_ = is_direct;
    body->wait_.body = body;
    body->wait_.ready = [](ChunkWait& wait) {
        http::Exchange& waiting = static_cast<Wait&>(wait).body->exchange_;
        waiting.wire.wake(waiting);
    };
    return body;
}

http::Pull FileBody::pull(net::Chain& out, std::size_t max) {
    std::uint64_t size = std::min<std::uint64_t>(left_, max);
    if (loader_ != nullptr && at_ + size > loaded_end_) {
        size = sendable(size);
        if (size == 0) {
            return http::Pull::Later;
        }
    }
    if (!out.push_file(file_.fd.get(), static_cast<off_t>(at_), static_cast<std::size_t>(size))) {
        return http::Pull::More;
    }
    at_ += size;
    left_ -= size;
    if (is_direct_ && at_ > dropped_ + 2 * kDropLag) {
        drop_behind(at_ - kDropLag);
    }
    return left_ == 0 ? http::Pull::End : http::Pull::More;
}

/// How much of the next `size` bytes may be sent now; 0: a thread reads them in and wakes.
std::uint64_t FileBody::sendable(std::uint64_t size) {
    if (at_ < loaded_end_) {
        return loaded_end_ - at_;
    }
    const ChunkRange range{.first = at_, .size = size, .is_remembered = !is_direct_};
    const std::uint64_t found = loader_->sendable(file_, range);
    if (found > 0) {
        return found;
    }
    const std::uint64_t loading = loader_->load(file_, range, wait_);
    loaded_end_ = at_ + loading;
    return loading > 0 ? 0 : size;
}

bool FileBody::select(std::uint64_t first, std::uint64_t size) {
    at_ = dropped_ = first;
    left_ = size;
    loaded_end_ = 0;
    return true;
}

void FileBody::drop_behind(std::uint64_t end) {
    sys::advise_unneeded(file_.fd.get(), static_cast<off_t>(dropped_),
                         static_cast<std::size_t>(end - dropped_));
    dropped_ = end;
}

void FileBody::close() noexcept {
    if (is_direct_ && at_ > dropped_) {
        drop_behind(at_);
    }
    std::destroy_at(this);
}

}  // namespace sluice::modules
