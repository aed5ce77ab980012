// SPDX-License-Identifier: BSD-2-Clause
// OpenFileCache: what a worker remembers of the files it serves: facts of statx, the bytes of small
// files, an open descriptor for larger ones, and the header lines that go with them. A hit costs a
// hash lookup; the file system is asked again after a short trust. What is not in the kernel's
// memory is loaded by a thread of the pool, while those who want it wait.
// Runs in: worker. Blocks: only where it has no pool, or the pool is full.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/list.h"
#include "base/units.h"
#include "event/loop.h"
#include "event/pool.h"
#include "modules/http/chunk_loader.h"
#include "modules/http/directory_watches.h"
#include "modules/http/file_loader.h"
#include "net/transfer.h"
#include "proto/http/etag.h"
#include "script/template.h"
#include "sys/file.h"
#include "sys/unique_fd.h"

namespace sluice::modules {

inline constexpr std::uint64_t kMemoryBudget = 32U << 20U;

/// One location's `open_file_cache` and its companions.
struct FilePolicy {
    bool is_on = true;
    std::size_t max = 1000;       ///< entries that are limited by number, see OpenFileCache
    Millis inactive{60'000};      ///< an entry unused for so long is dropped
    Millis valid{1'000};          ///< trust in an entry before the file system is asked again
    std::uint64_t min_uses = 1;   ///< below it only the facts are kept, not descriptor or bytes
    bool keeps_errors = false;    ///< remember that a file does not exist
    Links links = Links::Follow;
    const script::Template* links_from = nullptr;  ///< renders the exempt part; null: none
    /// Bytes of small files in memory, in sum, that do not count against `max`. 0: `max` limits
    /// them too, as nginx has it, and kMemoryBudget is what they may take.
    std::uint64_t memory = kMemoryBudget;
    bool reads_ahead = false;     ///< read_ahead
    bool has_events = false;      ///< open_file_cache_events
    bool is_aio = false;          ///< large files are read in by the pool before they are sent
    /// Files of that size and more do not stay in the page cache.
    std::uint64_t directio = std::numeric_limits<std::uint64_t>::max();
};

/// Header lines rendered for an entry, and what they were rendered for.
struct PreparedHead {
    std::string lines;
    std::uint64_t generation = 0;
    const void* settings = nullptr;
};

class OpenFileCache;
struct OpenFile;
struct FileLoad;

/// Somebody who waits until a file is loaded. Owner: the waiting; it holds a pin of `file`.
/// Destroying it ends the waiting, not the pin.
struct FileWait : ListHook {
    OpenFile* file = nullptr;
    void (*ready)(FileWait& self) = nullptr;  ///< called in the loop, once; may look files up
};

/// A remembered file. Owner: its cache; whoever got it from look_up() holds a pin and unpins once.
/// Once loaded it does not change, only its content may be dropped while nobody holds a pin.
struct OpenFile : ListHook {
    static constexpr std::uint64_t kMemoryLimit = net::kTransferTable.memory_file;

    // What a hit reads stands together.
    OpenFile* next_in_bucket = nullptr;
    std::size_t hash = 0;
    std::string path;
    std::size_t root_size = 0;      ///< see FilePath; 0 where links are followed anywhere
    Millis checked{};
    Millis used{};
    std::uint64_t uses = 0;
    std::uint32_t pins = 0;
    int error = 0;                  ///< errno of the opening; then no fact below counts
    Links links = Links::Follow;    ///< another rule finds another entry
    bool has_content = false;       ///< fd or bytes are there (not just facts)
    bool is_loading = false;        ///< nothing of it counts yet
    bool is_listed = false;         ///< still found by look_up()
    bool is_counted = false;        ///< one of those that `max` limits
    sys::UniqueFd fd;               ///< regular files above kMemoryLimit
    std::unique_ptr<char[]> bytes;  ///< small ones; null for an empty file too
    sys::FileInfo info;
    PreparedHead head;
    std::string_view etag;
    std::array<char, http::kMaxEtagSize> etag_bytes{};

    Millis inactive{};
    std::uint64_t min_uses = 1;
    DirectoryWatch* watch = nullptr;  ///< while listed, where there is one
    std::unique_ptr<Residency> residency;  ///< of a file that is sent from its descriptor
    FileLoad* load = nullptr;        ///< while it is loading
    IntrusiveList<FileWait> waits;   ///< for that
    OpenFileCache* owner = nullptr;  ///< null: freed with the last pin

    [[nodiscard]] bool is_in_memory() const { return has_content && !fd.is_open(); }
    /// The whole content of a file that is in memory.
    [[nodiscard]] std::string_view memory() const {
        return bytes == nullptr ? std::string_view("")
                                : std::string_view(bytes.get(), static_cast<std::size_t>(info.size));
    }
    /// Whether what is known is enough.
    [[nodiscard]] bool answers(Want want) const {
        return want == Want::Facts || has_content || error != 0 || !info.is_regular();
    }
};

/// Gives a pin back; the entry may be gone afterwards.
void unpin(OpenFile* file);

/// Two limits hold it: `max` of the policies for entries that keep a descriptor, facts or an error,
/// and their `memory` for small files, which cost nothing but that.
class OpenFileCache {
  public:
    OpenFileCache() : OpenFileCache(nullptr, nullptr) {}
    /// Both may be null: then everything is loaded at once, whatever it takes.
    OpenFileCache(event::Loop* loop, event::Pool* pool);
    /// Pinned entries live on. What a thread is loading at this moment is left to it for ever: the
    /// process must be about to end, or the pool stopped.
    ~OpenFileCache();
    OpenFileCache(const OpenFileCache&) = delete;
    OpenFileCache& operator=(const OpenFileCache&) = delete;

    /// The file at `path`, pinned, at the monotonic time `now`.
    /// Fails: the errno of the opening (ENOENT, EACCES, …); nothing is pinned then. EINPROGRESS,
    /// only where `loading` is given: it is being loaded; *loading is pinned and may be waited for.
    [[nodiscard]] std::expected<OpenFile*, int> look_up(FilePath path,
                                                        Want want,
                                                        const FilePolicy& policy,
                                                        Millis now,
                                                        OpenFile** loading = nullptr);
    /// The same for a file that the caller has pinned and that answers what is wanted, however long
    /// ago it was loaded: another pin, or its error.
    [[nodiscard]] std::expected<OpenFile*, int> look_up_held(OpenFile& file,
                                                             const FilePolicy& policy,
                                                             Millis now);

    /// Drops entries, the longest unused first, while their policy's `inactive` has passed.
    void expire(Millis now);
    /// Forgets everything; pinned entries live until they are unpinned.
    void clear();

    /// Null where there is no loop to hear of changes in.
    [[nodiscard]] const DirectoryWatches* watches() const { return watches_ ? &*watches_ : nullptr; }

    /// Where its watches are counted for status pages.
    void count_watches_in(metrics::Counters<WatchRow> rows) {
        if (watches_) {
            watches_->count_in(rows);
        }
    }

    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] std::uint64_t memory_used() const { return memory_used_; }

  private:
    friend void unpin(OpenFile* file);

    void release(OpenFile& file);
    [[nodiscard]] OpenFile* find(FilePath path, std::size_t hash, Links links) const;
    [[nodiscard]] OpenFile* find_loading(const FileRequest& request, std::size_t hash) const;
    [[nodiscard]] OpenFile& make(const FileRequest& request, std::size_t hash);
    [[nodiscard]] bool is_unchanged(OpenFile& file, FilePath path, Millis now) const;
    [[nodiscard]] std::expected<OpenFile*, int> hand_out(OpenFile& file,
                                                         const FilePolicy& policy,
                                                         Millis now);
    [[nodiscard]] bool begin_load(OpenFile& file,
                                  const FileRequest& request,
                                  const FilePolicy& policy);
    void finish_load(FileLoad& load);
    void settle(OpenFile& file,
                LoadedFile& loaded,
                const FilePolicy& policy,
                Millis asked,
                Millis now);
    void forget(std::string_view path);
    void forget_watched(const DirectoryWatch& watch);
    void drop_content(OpenFile& file);
    void list(OpenFile& file);
    void make_room(const OpenFile& file, const FilePolicy& policy);
    void unlist(OpenFile& file);
    void free(OpenFile& file);
    void grow_buckets();
    [[nodiscard]] IntrusiveList<OpenFile>& order_of(const OpenFile& file) {
        return file.is_counted ? counted_ : small_;
    }

    event::Loop* loop_;
    event::Pool* pool_;
    std::optional<DirectoryWatches> watches_;
    std::vector<OpenFile*> buckets_;
    IntrusiveList<OpenFile> counted_;   // front: used last
    IntrusiveList<OpenFile> small_;     // the same for small files in memory
    IntrusiveList<OpenFile> loading_;
    IntrusiveList<OpenFile> unlisted_;  // no longer found, or never; pinned
    std::size_t count_ = 0;             // listed ones
    std::size_t counted_count_ = 0;     // of them those in counted_
    std::uint64_t memory_used_ = 0;     // bytes of content
};

}  // namespace sluice::modules
