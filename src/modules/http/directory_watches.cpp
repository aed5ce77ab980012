// SPDX-License-Identifier: BSD-2-Clause
// DirectoryWatches: watching, events, limits.
// Runs in: worker.
#include "modules/http/directory_watches.h"

#include <fcntl.h>
#include <linux/openat2.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "sys/file.h"

namespace sluice::modules {

namespace {

constexpr std::uint32_t kMask = IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t kSelf = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;
constexpr std::size_t kRoom = 64 * 1024;
constexpr Millis kConfirmed{1'000};       // how long a name is believed to be the same directory
constexpr Millis kRefusedTime{10'000};
constexpr std::uint32_t kBusy = 1'000;    // changes a second; a log that is written there, say
constexpr Millis kMutedTime{10'000};

}  // namespace

DirectoryWatches::DirectoryWatches(event::Loop& loop, const WatchListener& listener)
    : loop_(loop), listener_(listener) {
    on_ready = [](event::Pollable& self, std::uint32_t) {
        static_cast<DirectoryWatches&>(self).read_events();
    };
}

DirectoryWatches::~DirectoryWatches() {
    loop_.forget(*this);
}

Result<> DirectoryWatches::start() {
    if (inotify_.is_open()) {
        return {};
    }
    sys::UniqueFd opened = TRY(sys::inotify());
    fd = opened.get();
    if (const Result<> watched = loop_.watch(*this, EPOLLIN); !watched) {
        fd = -1;
        return watched;
    }
    inotify_ = std::move(opened);
    room_.resize(kRoom);
    return {};
}

// ---- watching ----

DirectoryWatch* DirectoryWatches::watch_parent_of(std::string_view path, Millis now) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) {
        return nullptr;
    }
    name_ = path.substr(0, slash);
    const auto known = by_path_.find(name_);
    if (known != by_path_.end()) {
        DirectoryWatch& watch = *known->second;
        ++watch.users;
        if (now >= watch.muted_until && confirm(watch, now)) {
            return &watch;
        }
        give_back(watch);
        return nullptr;
    }
    if (by_path_.size() >= kMax) {
        ++counts_.refused;
        rows_.add(WatchRow::Refused);
        return nullptr;
    }
    auto fresh = std::make_unique<DirectoryWatch>();
    fresh->path = name_;
    DirectoryWatch& watch = *fresh;
    if (!confirm(watch, now)) {
        return nullptr;
    }
    by_path_.emplace(name_, std::move(fresh));
    watch.users = 1;
    return &watch;
}

/// The kernel's watch for a directory, by what its name means now.
Result<int> DirectoryWatches::add(const std::string& path) {
    const std::string text = path + "/";
    const sys::UniqueFd folder =
        TRY(sys::open_beneath(AT_FDCWD, text.c_str(), O_PATH | O_DIRECTORY,
                              RESOLVE_NO_MAGICLINKS | RESOLVE_CACHED));
    TRY(start());
    return sys::watch_directory(inotify_.get(), folder.get(), kMask);
}

/// Makes sure that the watch is one of the directory that has its name now.
bool DirectoryWatches::confirm(DirectoryWatch& watch, Millis now) {
    if (watch.number >= 0 && now - watch.confirmed < kConfirmed) {
        return true;
    }
    const Result<int> number = now < refused_until_ ? fail("", ENOSPC) : add(watch.path);
    if (!number) {
        ++counts_.refused;
        rows_.add(WatchRow::Refused);
        if (number.error().code == EMFILE || (number.error().code == ENOSPC && now >= refused_until_)) {
            refused_until_ = now + kRefusedTime;
        }
        return false;
    }
    if (*number != watch.number) {
        if (watch.number >= 0) {
            unwatch(watch);
            listener_.moved(listener_.owner, watch);
        }
        watch.number = *number;
        watch.begun = now;
        by_number_.emplace(*number, &watch);
    }
    watch.confirmed = now;
    return true;
}

void DirectoryWatches::give_back(DirectoryWatch& watch) {
    if (--watch.users > 0) {
        return;
    }
    unwatch(watch);
    by_path_.erase(by_path_.find(watch.path));
}

/// The kernel's watch goes with the last of the names that share it.
void DirectoryWatches::unwatch(DirectoryWatch& watch) {
    if (watch.number < 0) {
        return;
    }
    const auto [first, end] = by_number_.equal_range(watch.number);
    const auto own = std::find_if(first, end, [&watch](const auto& one) { return one.second == &watch; });
    const bool is_last = std::next(first) == end;
    by_number_.erase(own);
    if (is_last) {
        static_cast<void>(sys::inotify_forget(inotify_.get(), watch.number));
    }
    watch.number = -1;
}

// ---- events ----

void DirectoryWatches::read_events() {
    const auto got = sys::read(inotify_.get(), room_);
    if (!got || got->is_blocked) {
        return;
    }
    std::span<const char> bytes(room_.data(), got->size);
    while (const auto event = sys::next_file_event(bytes)) {
        take(*event);
    }
}

void DirectoryWatches::take(const sys::FileEvent& event) {
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
        ++counts_.overflows;
        rows_.add(WatchRow::Overflows);
        return listener_.lost(listener_.owner);
    }
    std::vector<DirectoryWatch*> named;
    const auto [first, end] = by_number_.equal_range(event.watch);
    for (auto at = first; at != end; ++at) {
        named.push_back(at->second);
    }
    for (DirectoryWatch* const watch : named) {
        ++watch->users;  // what is told below may give it back
        const bool is_gone = (event.mask & kSelf) != 0;
        if (is_gone || is_too_busy(*watch)) {
            unwatch(*watch);
        }
        if (is_gone) {
            listener_.moved(listener_.owner, *watch);
        } else {
            std::string path = watch->path + "/";
            path += event.name;
            listener_.changed(listener_.owner, path);
        }
        give_back(*watch);
    }
}

bool DirectoryWatches::is_too_busy(DirectoryWatch& watch) {
    const Millis now = loop_.now();
    if (now - watch.second >= Millis(1'000)) {
        watch.second = now;
        watch.changes = 0;
    }
    if (++watch.changes < kBusy) {
        return false;
    }
    ++counts_.muted;
    rows_.add(WatchRow::Muted);
    watch.muted_until = now + kMutedTime;
    return true;
}

}  // namespace sluice::modules
