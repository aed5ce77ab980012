// SPDX-License-Identifier: BSD-2-Clause
// OpenFileCache: lookup, refresh, loading, eviction.
// Runs in: worker.
#include "modules/http/open_file_cache.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/bug.h"

namespace sluice::modules {

namespace {

Result<sys::FileInfo> facts_of(FilePath path, Links links) {
    if (links == Links::Follow) {
        return sys::file_info_at(AT_FDCWD, path.text.data(), true);
    }
    const sys::UniqueFd fd = TRY(open_by_path(path, links, O_PATH));
    return sys::file_info(fd.get());
}

}  // namespace

void unpin(OpenFile* file) {
    BUG_UNLESS(file->pins > 0, "a file is unpinned more often than it was pinned");
    if (--file->pins > 0) {
        return;
    }
    if (file->owner == nullptr) {
        const std::unique_ptr<OpenFile> dead(file);
        return;
    }
    file->owner->release(*file);
}

/// The last pin is gone.
void OpenFileCache::release(OpenFile& file) {
    if (!file.is_listed) {
        free(file);
    } else if (file.uses < file.min_uses) {
        drop_content(file);
    }
}

OpenFileCache::OpenFileCache() : buckets_(64, nullptr) {}

OpenFileCache::~OpenFileCache() {
    clear();
    unlisted_.each([](OpenFile& file) { file.owner = nullptr; });
}

void OpenFileCache::clear() {
    while (!by_use_.empty()) {
        unlist(by_use_.front());
    }
}

std::expected<OpenFile*, int> OpenFileCache::look_up(FilePath path,
                                                     Want want,
                                                     const FilePolicy& policy,
                                                     Millis now) {
    const std::size_t hash = std::hash<std::string_view>{}(path.text);
    OpenFile* file = policy.is_on ? find(path, hash, policy.links) : nullptr;
    if (file != nullptr && now - file->checked >= policy.valid) {
        if (refresh(*file, path)) {
            file->checked = now;
        } else {
            unlist(*file);
            file = nullptr;
        }
    }
    if (file == nullptr) {
        file = &add(path, want, policy, now);
    } else if (want == Want::Content && !file->has_content && file->error == 0 &&
               file->info.is_regular()) {
        // Facts were enough until now; loading afresh also sees a file replaced since.
        load(*file, path, want);
        file->checked = now;
    }
    ++file->uses;
    ++file->pins;
    file->used = now;
    file->min_uses = policy.min_uses;
    file->inactive = policy.inactive;
    if (file->is_listed) {
        by_use_.push_front(*file);
    }
    if (file->error == 0) {
        return file;
    }
    const int error = file->error;
    if (file->is_listed && !policy.keeps_errors) {
        unlist(*file);
    }
    unpin(file);
    return std::unexpected(error);
}

/// A new entry; listed where the policy wants it remembered.
OpenFile& OpenFileCache::add(FilePath path, Want want, const FilePolicy& policy, Millis now) {
    OpenFile& file = *std::make_unique<OpenFile>().release();
    file.owner = this;
    file.path = path.text;
    file.hash = std::hash<std::string_view>{}(path.text);
    file.links = policy.links;
    file.root_size = path.root_size;
    file.checked = now;
    load(file, path, want);
    if (policy.is_on && policy.max > 0 && (file.error == 0 || policy.keeps_errors)) {
        expire(now);
        insert(file, policy.max);
    } else {
        unlisted_.push_back(file);
    }
    return file;
}

OpenFile* OpenFileCache::find(FilePath path, std::size_t hash, Links links) const {
    for (OpenFile* at = buckets_[hash & (buckets_.size() - 1)]; at != nullptr;
         at = at->next_in_bucket) {
        if (at->hash == hash && at->links == links && at->root_size == path.root_size &&
            at->path == path.text) {
            return at;
        }
    }
    return nullptr;
}

/// Whether what `file` says is still so.
bool OpenFileCache::refresh(OpenFile& file, FilePath path) const {
    const Result<sys::FileInfo> info = facts_of(path, file.links);
    if (!info) {
        return file.error != 0 && file.error == info.error().code;
    }
    return file.error == 0 && *info == file.info;
}

void OpenFileCache::load(OpenFile& file, FilePath path, Want want) {
    file.error = 0;
    Result<sys::FileInfo> info;
    if (want == Want::Facts) {
        info = facts_of(path, file.links);
    } else {
        Result<sys::UniqueFd> fd = open_by_path(path, file.links, O_RDONLY | O_NONBLOCK);
        if (!fd) {
            file.error = fd.error().code;
            return;
        }
        info = sys::file_info(fd->get());
        file.fd = std::move(*fd);
    }
    if (!info) {
        file.error = info.error().code;
        file.fd.reset();
        return;
    }
    if (*info != file.info) {
        file.head = {};
    }
    file.info = *info;
    if (!file.info.is_regular()) {
        file.fd.reset();
        return;
    }
    file.has_content = want == Want::Content;
    if (want == Want::Content && file.info.size <= OpenFile::kMemoryLimit &&
        memory_used_ + file.info.size <= kMemoryBudget) {
        read_into_memory(file);
    }
    file.etag = http::make_etag(file.info.modified, file.info.size, file.etag_bytes);
}

void OpenFileCache::read_into_memory(OpenFile& file) {
    const auto size = static_cast<std::size_t>(file.info.size);
    auto bytes = std::make_unique<char[]>(std::max<std::size_t>(size, 1));
    std::size_t got = 0;
    while (got < size) {
        const Result<sys::Transfer> part =
            sys::read_at(file.fd.get(), {bytes.get() + got, size - got}, static_cast<off_t>(got));
        if (!part || part->size == 0) {
            // Somebody is truncating it, or the disk fails: the descriptor stays, and sending
            // finds out.
            return;
        }
        got += part->size;
    }
    file.fd.reset();
    file.bytes = std::move(bytes);
    memory_used_ += size;
}

void OpenFileCache::drop_content(OpenFile& file) {
    if (file.bytes != nullptr) {
        memory_used_ -= file.info.size;
        file.bytes.reset();
    }
    file.fd.reset();
    file.has_content = false;
}

void OpenFileCache::insert(OpenFile& file, std::size_t max) {
    while (count_ > 0 && count_ >= max) {
        unlist(by_use_.back());
    }
    if (count_ >= buckets_.size()) {
        grow_buckets();
    }
    OpenFile*& head = buckets_[file.hash & (buckets_.size() - 1)];
    file.next_in_bucket = std::exchange(head, &file);
    file.is_listed = true;
    by_use_.push_front(file);
    ++count_;
}

void OpenFileCache::unlist(OpenFile& file) {
    OpenFile** link = &buckets_[file.hash & (buckets_.size() - 1)];
    while (*link != &file) {
        link = &(*link)->next_in_bucket;
    }
    *link = file.next_in_bucket;
    file.is_listed = false;
    --count_;
    unlisted_.push_back(file);
    if (file.pins == 0) {
        free(file);
    }
}

void OpenFileCache::free(OpenFile& file) {
    drop_content(file);
    const std::unique_ptr<OpenFile> dead(&file);
}

void OpenFileCache::grow_buckets() {
    std::vector<OpenFile*> wider(buckets_.size() * 2, nullptr);
    by_use_.each([&wider](OpenFile& file) {
        OpenFile*& head = wider[file.hash & (wider.size() - 1)];
        file.next_in_bucket = std::exchange(head, &file);
    });
    buckets_ = std::move(wider);
}

void OpenFileCache::expire(Millis now) {
    while (!by_use_.empty() && now - by_use_.back().used >= by_use_.back().inactive) {
        unlist(by_use_.back());
    }
}

}  // namespace sluice::modules
