// SPDX-License-Identifier: BSD-2-Clause
// DirectoryScan: reading and ordering entries.
// Runs in: worker, any thread.
#include "modules/http/directory_scan.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sys/directory.h"
#include "sys/file.h"

namespace sluice::modules {

namespace {

// Whether `a` stands behind `b`. A heap by this order costs as little per entry while it is read as
// while it is given; sorting all at once would be one long pause.
bool is_behind(const ListedFile& a, const ListedFile& b) {
    const bool is_directory = a.kind == ListedFile::Kind::Directory;
    if (is_directory != (b.kind == ListedFile::Kind::Directory)) {
        return !is_directory;
    }
    return a.name > b.name;
}

ListedFile::Kind kind_of(const sys::FileInfo& info) {
    if (info.is_directory()) {
        return ListedFile::Kind::Directory;
    }
    return info.is_regular() ? ListedFile::Kind::File : ListedFile::Kind::Other;
}

}  // namespace

Result<bool> DirectoryScan::read_some(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        if (unread_.empty()) {
            const sys::Transfer got = TRY(sys::read_directory(directory_.get(), buffer_));
            if (got.is_end) {
                return true;
            }
            unread_ = {buffer_.data(), got.size};
        }
        const std::optional<std::string_view> name = sys::next_name(unread_);
        if (!name) {
            return fail("getdents64()", EIO);
        }
        if (!name->starts_with('.')) {
            add(*name);
        }
    }
    return false;
}

void DirectoryScan::add(std::string_view name) {
    const std::string_view kept = names_.copy(name);
    Result<sys::FileInfo> info = sys::file_info_at(directory_.get(), kept.data(), follows_);
    if (!info && follows_) {
        info = sys::file_info_at(directory_.get(), kept.data(), false);  // a link to nowhere
    }
    if (!info) {
        return;  // gone since
    }
    files_.push_back({kept, kind_of(*info), info->size, info->modified});
    std::ranges::push_heap(files_, is_behind);
}

std::optional<ListedFile> DirectoryScan::take() {
    if (files_.empty()) {
        return std::nullopt;
    }
    std::ranges::pop_heap(files_, is_behind);
    const ListedFile file = files_.back();
    files_.pop_back();
    return file;
}

}  // namespace sluice::modules
