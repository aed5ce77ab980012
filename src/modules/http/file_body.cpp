// SPDX-License-Identifier: BSD-2-Clause
// FileBody: pieces of a file, each when it can be sent without waiting.
// Runs in: worker.
#include "modules/http/file_body.h"

#include <algorithm>
#include <cerrno>
#include <memory>

#include "sys/fault.h"
#include "sys/file.h"
#include "sys/page_cache.h"

namespace sluice::modules {

namespace {

// Pages that wait in the socket cannot be let go of: more than a socket ever holds.
constexpr std::uint64_t kDropLag = std::uint64_t{8} << 20U;

/// Blocked: not all of it is in memory, or nobody can tell.
Result<sys::Transfer> read_if_cached(int fd, std::span<char> into, off_t offset) {
    if (sys::has_fault(sys::Fault::ColdFiles)) [[unlikely]] {
        return sys::Transfer{.is_blocked = true};
    }
    Result<sys::Transfer> got = sys::read_at_if_cached(fd, into, offset);
    if (got || got.error().code != EOPNOTSUPP) {
        return got;
    }
    return sys::is_on_memory(fd) ? sys::read_at(fd, into, offset) : sys::Transfer{.is_blocked = true};
}

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
    FileBody* const body =
        std::construct_at(static_cast<FileBody*>(room), exchange, file, loader);
    body->is_direct_ = is_direct;
    body->is_probed_ = loader != nullptr && (policy.is_aio || is_direct);
    body->wait_.body = body;
    body->wait_.ready = [](ChunkWait& wait) {
        http::Exchange& waiting = static_cast<Wait&>(wait).body->exchange_;
        waiting.wire.wake(waiting);
    };
    return body;
}

http::Pull FileBody::pull(net::Chain& out, std::size_t max) {
    if (!buffer_.empty()) {
        return pull_memory(out, max);
    }
    std::uint64_t size = std::min<std::uint64_t>(left_, max);
    if (is_probed_ && at_ + size > loaded_end_) {
        size = sendable(size);
        if (size == 0) {
            return http::Pull::Later;
        }
    }
    if (!out.push_file(file_.fd.get(), static_cast<off_t>(at_), static_cast<std::size_t>(size))) {
        return http::Pull::More;
    }
    return advance(size);
}

http::Pull FileBody::advance(std::uint64_t size) {
    at_ += size;
    left_ -= size;
    if (is_direct_ && at_ > dropped_ + 2 * kDropLag) {
        drop_behind(at_ - kDropLag);
    }
    return left_ == 0 ? http::Pull::End : http::Pull::More;
}

bool FileBody::give_memory() {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, kBufferSize));
    buffer_ = exchange_.arena.make_span<char>(size);
    return !buffer_.empty();
}

http::Pull FileBody::pull_memory(net::Chain& out, std::size_t max) {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>({left_, max, buffer_.size()}));
    const Result<sys::Transfer> got = read_some(buffer_.first(most));
    if (got && got->is_blocked) {
        return http::Pull::Later;
    }
    if (!got || got->size == 0) {
        // Cut, or not readable: the chain writer finds out as well, and breaks off.
        static_cast<void>(out.push_file(file_.fd.get(), static_cast<off_t>(at_), most));
        return http::Pull::More;
    }
    static_cast<void>(out.push_memory({buffer_.data(), got->size}));
    return advance(got->size);
}

/// Reads on; blocked: a thread reads in what is not in memory, and wakes.
Result<sys::Transfer> FileBody::read_some(std::span<char> into) {
    const int fd = file_.fd.get();
    const auto offset = static_cast<off_t>(at_);
    if (loader_ == nullptr || at_ + into.size() <= loaded_end_) {
        return sys::read_at(fd, into, offset);
    }
    const Result<sys::Transfer> got = read_if_cached(fd, into, offset);
    if (!got || !got->is_blocked) {
        return got;
    }
    const ChunkRange range{.first = at_, .size = left_, .is_remembered = !is_direct_};
    const std::uint64_t loading = loader_->load(file_, range, wait_);
    loaded_end_ = at_ + loading;
    return loading > 0 ? got : sys::read_at(fd, into, offset);
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
