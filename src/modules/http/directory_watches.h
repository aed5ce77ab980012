// SPDX-License-Identifier: BSD-2-Clause
// DirectoryWatches: tells the open-file cache of changes in the directories of the files that it
// remembers, so that they are seen in the next turn rather than after the trust has ended. It only
// ever shortens that trust: what it cannot see (a link on the way swapped, a network or overlay file
// system, a watch that the kernel refuses) is found out by the cache's own look after a while.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/units.h"
#include "event/loop.h"
#include "event/pollable.h"
#include "metrics/cell.h"
#include "metrics/row.h"
#include "sys/file_events.h"
#include "sys/unique_fd.h"

namespace sluice::modules {

/// A watched directory, by the name that entries of the cache have for it. Owner: DirectoryWatches;
/// every entry that has it counts as a user.
struct DirectoryWatch {
    std::string path;        ///< without the slash at its end
    int number = -1;         ///< the kernel's; -1: not watched (any more)
    std::uint32_t users = 0;
    Millis confirmed{};      ///< when `path` was last seen to be this directory
    Millis begun{};  ///< when the kernel's watch began: what was read before may have changed since
    Millis second{};         ///< of `changes`
    std::uint32_t changes = 0;
    Millis muted_until{};    ///< it changes too often to be worth a turn each time
};

enum class WatchRow : std::size_t { Refused, Overflows, Muted };

inline constexpr metrics::Row kWatchRowList[] = {
    {"sluice_directory_watches_refused_total", "Directories that could not be watched for changes."},
    {"sluice_directory_watches_overflows_total", "Times that the kernel lost events of changes, and all files were forgotten."},
    {"sluice_directory_watches_muted_total", "Times that a directory changed too often to be listened to."},
};
inline constexpr metrics::GroupOf<WatchRow> kWatchRows{{kWatchRowList}};

/// What happened to these watches.
struct WatchCounts {
    std::uint64_t refused = 0;    ///< watches that could not be had
    std::uint64_t overflows = 0;  ///< the kernel lost events
    std::uint64_t muted = 0;      ///< directories that changed too often
};

/// Whom DirectoryWatches tells. Functions may give watches back, not take new ones.
struct WatchListener {
    void* owner = nullptr;
    /// The file or directory at `path` is not what it was.
    void (*changed)(void* owner, std::string_view path) = nullptr;
    /// Nothing that `watch` stood for can be relied upon: the directory is gone, or is another one.
    void (*moved)(void* owner, const DirectoryWatch& watch) = nullptr;
    /// Events are lost: anything may have changed.
    void (*lost)(void* owner) = nullptr;
};

class DirectoryWatches : private event::Pollable {
  public:
    /// More directories are left to the cache's own looks.
    static constexpr std::size_t kMax = 1024;

    DirectoryWatches(event::Loop& loop, const WatchListener& listener);
    ~DirectoryWatches();
    DirectoryWatches(const DirectoryWatches&) = delete;
    DirectoryWatches& operator=(const DirectoryWatches&) = delete;

    /// The watch of the directory that holds `path`, with one more user; null where it cannot be
    /// watched, which is counted. Never waits for a disk.
    [[nodiscard]] DirectoryWatch* watch_parent_of(std::string_view path, Millis now);
    /// One user less.
    void give_back(DirectoryWatch& watch);

    /// Where it is counted for status pages, too.
    void count_in(metrics::Counters<WatchRow> rows) { rows_ = rows; }

    [[nodiscard]] const WatchCounts& counts() const { return counts_; }
    [[nodiscard]] std::size_t size() const { return by_path_.size(); }

  private:
    [[nodiscard]] Result<> start();
    [[nodiscard]] Result<int> add(const std::string& path);
    [[nodiscard]] bool confirm(DirectoryWatch& watch, Millis now);
    void unwatch(DirectoryWatch& watch);
    void read_events();
    void take(const sys::FileEvent& event);
    [[nodiscard]] bool is_too_busy(DirectoryWatch& watch);

    event::Loop& loop_;
    WatchListener listener_;
    sys::UniqueFd inotify_;
    Millis refused_until_{};  ///< the limit is reached: not asked again before
    WatchCounts counts_;
    metrics::Counters<WatchRow> rows_;
    std::unordered_map<std::string, std::unique_ptr<DirectoryWatch>> by_path_;
    std::unordered_multimap<int, DirectoryWatch*> by_number_;
    std::string name_;  ///< room for the path of a change
    std::vector<char> room_;
};

}  // namespace sluice::modules
