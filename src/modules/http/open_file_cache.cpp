// SPDX-License-Identifier: BSD-2-Clause
// OpenFileCache: lookup, trust, loading, eviction.
// Runs in: worker.
#include "modules/http/open_file_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/bug.h"

namespace sluice::modules {

namespace {

// An entry's place in the order of use is renewed this often: most hits then write to no neighbour.
constexpr Millis kTouchGrain{250};

// What an entry costs besides its content.
constexpr std::uint64_t kEntryCost = 768;

// Eight bytes at a time: a path is hashed for every request.
std::size_t hash_of(std::string_view path) {
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
    std::uint64_t hash = path.size();
    const auto mix = [&hash](const char* at, std::size_t size) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, size);
        hash = (hash ^ word) * kOdd;
        hash ^= hash >> 32;
    };
    if (path.size() < 8) {
        mix(path.data(), path.size());
        return hash;
    }
    const char* const last = path.data() + path.size() - 8;
    for (const char* at = path.data(); at < last; at += 8) {
        mix(at, 8);
    }
    mix(last, 8);
    return hash;
}

}  // namespace

/// A load under way in the pool. Owner: the cache, through OpenFile::load.
struct FileLoad : event::Work {
    OpenFileCache* cache = nullptr;
    OpenFile* file = nullptr;  ///< pinned
    std::string path;          ///< the thread's own: an entry belongs to the loop
    FileRequest request;
    FilePolicy policy;  ///< a copy: a location's own may go with its generation
    Millis asked{};     ///< when it began
    LoadedFile loaded;
};

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
    } else if (std::max<std::uint64_t>(file.uses, 1) < file.min_uses) {
        drop_content(file);
    }
}

OpenFileCache::OpenFileCache(event::Loop* loop, event::Pool* pool)
    : loop_(loop), pool_(pool), buckets_(64, nullptr) {
    if (loop == nullptr) {
        return;
    }
    watches_.emplace(*loop, WatchListener{.owner = this,
                                          .changed = [](void* self, std::string_view path) {
                                              static_cast<OpenFileCache*>(self)->forget(path);
                                          },
                                          .moved = [](void* self, const DirectoryWatch& watch) {
                                              static_cast<OpenFileCache*>(self)->forget_watched(watch);
                                          },
                                          .lost = [](void* self) {
                                              static_cast<OpenFileCache*>(self)->clear();
                                          }});
}

OpenFileCache::~OpenFileCache() {
    clear();
    loading_.each([this](OpenFile& file) {
        FileLoad* const load = file.load;
        if (pool_->cancel(*load)) {
            const std::unique_ptr<FileLoad> dead(load);
            file.load = nullptr;
            unlisted_.push_back(file);
            unpin(&file);
        }
    });
    unlisted_.each([](OpenFile& file) { file.owner = nullptr; });
}

void OpenFileCache::clear() {
    for (IntrusiveList<OpenFile>* order : {&counted_, &small_}) {
        while (!order->empty()) {
            unlist(order->front());
        }
    }
    loading_.each([this](OpenFile& file) {
        if (file.is_listed) {
            unlist(file);
        }
    });
}

// ---- lookup ----

std::expected<OpenFile*, int> OpenFileCache::look_up(FilePath path,
                                                     Want want,
                                                     const FilePolicy& policy,
                                                     Millis now,
                                                     OpenFile** loading) {
    const std::size_t hash = hash_of(path.text);
    OpenFile* const known = policy.is_on ? find(path, hash, policy.links) : nullptr;
    std::uint64_t uses = 0;
    if (known != nullptr) [[likely]] {
        const bool is_good = now - known->checked < policy.valid || is_unchanged(*known, path, now);
        if (is_good && known->answers(want)) [[likely]] {
            return hand_out(*known, policy, now);
        }
        // Loading afresh, not only what is missing, also sees a file that was replaced since.
        uses = is_good ? known->uses : 0;
        unlist(*known);
    }
    const FileRequest request{.path = path,
                              .links = policy.links,
                              .want = want,
                              .memory_limit = OpenFile::kMemoryLimit,
                              .reads_ahead = policy.reads_ahead};
    OpenFile* const shared = loading != nullptr ? find_loading(request, hash) : nullptr;
    if (shared != nullptr) {
        ++shared->pins;
        *loading = shared;
        return std::unexpected(EINPROGRESS);
    }
    OpenFile& file = make(request, hash);
    file.uses = uses;
    std::optional<LoadedFile> loaded = load_file(request, Patience::None);
    if (!loaded && loading != nullptr && begin_load(file, request, policy)) {
        ++file.pins;
        *loading = &file;
        return std::unexpected(EINPROGRESS);
    }
    if (!loaded) {
        loaded = load_file(request, Patience::Full);
    }
    settle(file, *loaded, policy, now, now);
    return hand_out(file, policy, now);
}

/// A new entry that nobody finds yet.
OpenFile& OpenFileCache::make(const FileRequest& request, std::size_t hash) {
    OpenFile& file = *std::make_unique<OpenFile>().release();
    file.owner = this;
    file.path = request.path.text;
    file.root_size = request.path.root_size;
    file.hash = hash;
    file.links = request.links;
    unlisted_.push_back(file);
    return file;
}

std::expected<OpenFile*, int> OpenFileCache::look_up_held(OpenFile& file,
                                                          const FilePolicy& policy,
                                                          Millis now) {
    return hand_out(file, policy, now);
}

std::expected<OpenFile*, int> OpenFileCache::hand_out(OpenFile& file,
                                                      const FilePolicy& policy,
                                                      Millis now) {
    ++file.uses;
    ++file.pins;
    file.min_uses = policy.min_uses;
    file.inactive = policy.inactive;
    if (now - file.used >= kTouchGrain) {
        file.used = now;
        if (file.is_listed) {
            order_of(file).push_front(file);
        }
    }
    if (file.error == 0) [[likely]] {
        return &file;
    }
    const int error = file.error;
    if (file.is_listed && !policy.keeps_errors) {
        unlist(file);
    }
    unpin(&file);
    return std::unexpected(error);
}

OpenFile* OpenFileCache::find(FilePath path, std::size_t hash, Links links) const {
    for (OpenFile* at = buckets_[hash & (buckets_.size() - 1)]; at != nullptr;
         at = at->next_in_bucket) {
        if (at->hash == hash && at->links == links && !at->is_loading &&
            at->root_size == path.root_size && at->path == path.text) {
            return at;
        }
    }
    return nullptr;
}

/// One that is being loaded and will answer the request.
OpenFile* OpenFileCache::find_loading(const FileRequest& request, std::size_t hash) const {
    for (OpenFile* at = buckets_[hash & (buckets_.size() - 1)]; at != nullptr;
         at = at->next_in_bucket) {
        if (at->is_loading && at->hash == hash && at->links == request.links &&
            at->root_size == request.path.root_size && at->path == request.path.text &&
            (request.want == Want::Facts || at->load->request.want == Want::Content)) {
            return at;
        }
    }
    return nullptr;
}

/// Whether what `file` says is still so; not where finding out would have to wait.
bool OpenFileCache::is_unchanged(OpenFile& file, FilePath path, Millis now) const {
    const FileRequest request{.path = path, .links = file.links, .want = Want::Facts};
    const Patience patience = pool_ != nullptr ? Patience::None : Patience::Full;
    const std::optional<LoadedFile> found = load_file(request, patience);
    if (!found || found->error != file.error || (file.error == 0 && found->info != file.info)) {
        return false;
    }
    file.checked = now;
    return true;
}

// ---- loading ----

/// False: the pool takes no more.
bool OpenFileCache::begin_load(OpenFile& file,
                               const FileRequest& request,
                               const FilePolicy& policy) {
    if (pool_ == nullptr) {
        return false;
    }
    auto load = std::make_unique<FileLoad>();
    load->cache = this;
    load->file = &file;
    load->path = request.path.text;
    load->request = request;
    load->request.path.text = load->path;
    load->policy = policy;
    load->asked = loop_->now();
    load->run = [](event::Work& work) {
        auto& self = static_cast<FileLoad&>(work);
        std::optional<LoadedFile> loaded = load_file(self.request, Patience::Full);
        self.loaded = std::move(*loaded);
    };
    load->done = [](event::Work& work) {
        auto& self = static_cast<FileLoad&>(work);
        self.cache->finish_load(self);
    };
    if (!pool_->submit(*load, event::Priority::High)) {
        return false;
    }
    ++file.pins;
    file.is_loading = true;
    file.load = load.release();
    list(file);  // so that others wait for the same load, even where nothing is remembered
    loading_.push_back(file);
    return true;
}

void OpenFileCache::finish_load(FileLoad& done) {
    const std::unique_ptr<FileLoad> load(&done);
    OpenFile& file = *load->file;
    const bool is_wanted = file.is_listed;
    if (is_wanted) {
        unlist(file);
    }
    unlisted_.push_back(file);
    file.is_loading = false;
    file.load = nullptr;
    if (!is_wanted) {
        load->policy.is_on = false;  // something told meanwhile that it changed
    }
    settle(file, load->loaded, load->policy, load->asked, loop_->now());
    IntrusiveList<FileWait> waits;
    waits.splice(file.waits);
    while (FileWait* const wait = waits.pop_front()) {
        wait->ready(*wait);
    }
    unpin(&file);
}

/// Takes over what was loaded since `asked`; lists the entry where the policy wants it remembered.
void OpenFileCache::settle(OpenFile& file,
                           LoadedFile& loaded,
                           const FilePolicy& policy,
                           Millis asked,
                           Millis now) {
    file.error = loaded.error;
    file.info = loaded.info;
    file.fd = std::move(loaded.fd);
    file.bytes = std::move(loaded.bytes);
    file.has_content = loaded.has_content;
    file.checked = file.used = now;
    file.inactive = policy.inactive;
    file.min_uses = policy.min_uses;
    if (file.error == 0 && file.info.is_regular()) {
        file.etag = http::make_etag(file.info.modified, file.info.size, file.etag_bytes);
    }
    const bool is_small = file.is_in_memory();
    memory_used_ += file.bytes != nullptr ? file.info.size : 0;
    if (!policy.is_on || policy.max == 0 || (file.error != 0 && !policy.keeps_errors)) {
        return;
    }
    expire(now);
    file.is_counted = policy.memory == 0 || !is_small;
    make_room(file, policy);
    list(file);
    order_of(file).push_front(file);
    counted_count_ += file.is_counted ? 1 : 0;
    if (policy.has_events && watches_) {
        ++file.pins;  // following a directory that was swapped forgets what was in the other
        file.watch = watches_->watch_parent_of(file.path, now);
        --file.pins;
        if (file.watch != nullptr && file.watch->begun >= asked) {
            // Nobody told of a change between the load and the watch: the next lookup looks.
            file.checked = now - policy.valid;
        }
    }
}

// ---- changes that the kernel tells of ----

void OpenFileCache::forget(std::string_view path) {
    const std::size_t hash = hash_of(path);
    OpenFile* at = buckets_[hash & (buckets_.size() - 1)];
    while (at != nullptr) {
        OpenFile* const next = at->next_in_bucket;
        if (at->hash == hash && at->path == path) {
            unlist(*at);
        }
        at = next;
    }
}

void OpenFileCache::forget_watched(const DirectoryWatch& watch) {
    for (IntrusiveList<OpenFile>* order : {&counted_, &small_}) {
        order->each([&](OpenFile& file) {
            if (file.watch == &watch) {
                unlist(file);
            }
        });
    }
}

// ---- what is kept ----

/// Before `file` is listed.
void OpenFileCache::make_room(const OpenFile& file, const FilePolicy& policy) {
    while (file.is_counted && counted_count_ >= policy.max) {
        unlist(counted_.back());
    }
    const std::uint64_t budget = policy.memory == 0 ? kMemoryBudget : policy.memory;
    const auto cost = [this] {
        return memory_used_ + (count_ - counted_count_) * kEntryCost;
    };
    while (file.bytes != nullptr && cost() > budget && !(small_.empty() && counted_.empty())) {
        unlist(small_.empty() ? counted_.back() : small_.back());
    }
}

void OpenFileCache::list(OpenFile& file) {
    if (count_ >= buckets_.size()) {
        grow_buckets();
    }
    OpenFile*& head = buckets_[file.hash & (buckets_.size() - 1)];
    file.next_in_bucket = std::exchange(head, &file);
    file.is_listed = true;
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
    counted_count_ -= file.is_counted ? 1 : 0;
    file.is_counted = false;
    if (!file.is_loading) {
        unlisted_.push_back(file);
    }
    if (file.watch != nullptr) {
        watches_->give_back(*std::exchange(file.watch, nullptr));
    }
    if (file.pins == 0) {
        free(file);
    }
}

void OpenFileCache::drop_content(OpenFile& file) {
    if (file.bytes != nullptr) {
        memory_used_ -= file.info.size;
        file.bytes.reset();
    }
    file.fd.reset();
    file.has_content = false;
}

void OpenFileCache::free(OpenFile& file) {
    drop_content(file);
    const std::unique_ptr<OpenFile> dead(&file);
}

void OpenFileCache::grow_buckets() {
    std::vector<OpenFile*> wider(buckets_.size() * 2, nullptr);
    for (OpenFile* at : buckets_) {
        while (at != nullptr) {
            OpenFile* const next = at->next_in_bucket;
            OpenFile*& head = wider[at->hash & (wider.size() - 1)];
            at->next_in_bucket = std::exchange(head, at);
            at = next;
        }
    }
    buckets_ = std::move(wider);
}

void OpenFileCache::expire(Millis now) {
    for (IntrusiveList<OpenFile>* order : {&counted_, &small_}) {
        while (!order->empty() &&
               now - order->back().used >= order->back().inactive + kTouchGrain) {
            unlist(order->back());
        }
    }
}

}  // namespace sluice::modules
