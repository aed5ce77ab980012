// SPDX-License-Identifier: BSD-2-Clause
// OpenFileCache: what a worker remembers of the files it serves: facts of statx, the bytes of small
// files, an open descriptor for larger ones, and the header lines that go with them. A hit costs a
// hash lookup; the file system is asked again after a short trust.
// Runs in: worker. Blocks: a miss opens and reads a file (page cache or disk).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/list.h"
#include "base/units.h"
#include "modules/http/path_opening.h"
#include "proto/http/etag.h"
#include "script/template.h"
#include "sys/file.h"
#include "sys/unique_fd.h"

namespace sluice::modules {

/// One location's `open_file_cache` and its companions.
struct FilePolicy {
    bool is_on = true;
    std::size_t max = 1000;       ///< entries of the worker's cache
    Millis inactive{60'000};      ///< an entry unused for so long is dropped
    Millis valid{1'000};          ///< trust in an entry before the file system is asked again
    std::uint64_t min_uses = 1;   ///< below it only the facts are kept, not descriptor or bytes
    bool keeps_errors = false;    ///< remember that a file does not exist
    Links links = Links::Follow;
    const script::Template* links_from = nullptr;  ///< renders the exempt part; null: none
};

/// Header lines rendered for an entry, and what they were rendered for.
struct PreparedHead {
    std::string lines;
    std::uint64_t generation = 0;
    const void* settings = nullptr;
};

class OpenFileCache;

/// A remembered file. Owner: its cache; whoever got it from look_up() holds a pin and unpins once.
struct OpenFile : ListHook {
    static constexpr std::uint64_t kMemoryLimit = 16384;

    std::string path;
    std::size_t hash = 0;
    Links links = Links::Follow;    ///< another rule finds another entry
    std::size_t root_size = 0;      ///< of FilePath; the same
    int error = 0;                  ///< errno of the opening; then nothing below counts
    sys::FileInfo info;
    sys::UniqueFd fd;               ///< regular files above kMemoryLimit
    std::unique_ptr<char[]> bytes;  ///< small ones; null for an empty file too
    bool has_content = false;       ///< fd or bytes are there (not just facts)
    std::array<char, http::kMaxEtagSize> etag_bytes{};
    std::string_view etag;
    PreparedHead head;

    Millis checked{};
    Millis used{};
    Millis inactive{};
    std::uint64_t uses = 0;
    std::uint64_t min_uses = 1;
    std::uint32_t pins = 0;
    bool is_listed = false;         ///< still found by look_up()
    OpenFile* next_in_bucket = nullptr;
    OpenFileCache* owner = nullptr;  ///< null: freed with the last pin

    [[nodiscard]] bool is_in_memory() const { return has_content && !fd.is_open(); }
    /// The whole content of a file that is in memory.
    [[nodiscard]] std::string_view memory() const {
        return bytes == nullptr ? std::string_view("")
                                : std::string_view(bytes.get(), static_cast<std::size_t>(info.size));
    }
};

/// Gives a pin back; the entry may be gone afterwards.
void unpin(OpenFile* file);

class OpenFileCache {
  public:
    static constexpr std::uint64_t kMemoryBudget = 32U << 20U;

    enum class Want : std::uint8_t {
        Facts,    ///< what statx tells
        Content,  ///< also a descriptor or the bytes of a regular file
    };

    OpenFileCache();
    ~OpenFileCache();
    OpenFileCache(const OpenFileCache&) = delete;
    OpenFileCache& operator=(const OpenFileCache&) = delete;

    /// The file at `path`, pinned, at the monotonic time `now`.
    /// Fails: the errno of the opening (ENOENT, EACCES, …); nothing is pinned then.
    [[nodiscard]] std::expected<OpenFile*, int> look_up(FilePath path,
                                                        Want want,
                                                        const FilePolicy& policy,
                                                        Millis now);

    /// Drops entries, the longest unused first, while their policy's `inactive` has passed.
    void expire(Millis now);
    /// Forgets everything; pinned entries live until they are unpinned.
    void clear();

    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] std::uint64_t memory_used() const { return memory_used_; }

  private:
    friend void unpin(OpenFile* file);

    void release(OpenFile& file);
    [[nodiscard]] OpenFile* find(FilePath path, std::size_t hash, Links links) const;
    [[nodiscard]] bool refresh(OpenFile& file, FilePath path) const;
    void load(OpenFile& file, FilePath path, Want want);
    void read_into_memory(OpenFile& file);
    void drop_content(OpenFile& file);
    [[nodiscard]] OpenFile& add(FilePath path, Want want, const FilePolicy& policy, Millis now);
    void insert(OpenFile& file, std::size_t max);
    void unlist(OpenFile& file);
    void free(OpenFile& file);
    void grow_buckets();

    std::vector<OpenFile*> buckets_;
    IntrusiveList<OpenFile> by_use_;   // front: used last
    IntrusiveList<OpenFile> unlisted_;  // no longer found, or never; pinned
    std::size_t count_ = 0;
    std::uint64_t memory_used_ = 0;
};

}  // namespace sluice::modules
