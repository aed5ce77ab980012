// SPDX-License-Identifier: BSD-2-Clause
// Opening a path by the rules of disable_symlinks.
// Runs in: worker, any thread.
#include "modules/http/path_opening.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "sys/file.h"

namespace sluice::modules {

namespace {

// /proc's magic links lead out of any root and to other processes' files.
constexpr std::uint64_t kAlways = RESOLVE_NO_MAGICLINKS;
constexpr int kFolder = O_PATH | O_DIRECTORY;

/// Where a path stands for openat2: a directory and what follows.
struct Place {
    std::string directory;
    const char* rest = nullptr;
};

/// The exempt part may end inside a name ("alias /data/img-"): the directory is what the last slash
/// ends then.
Place place_of(const FilePath& path) {
    std::size_t size = std::min(path.root_size, path.text.size());
    const bool ends_at_slash = size < path.text.size() && path.text[size] == '/';
    if (!ends_at_slash) {
        const std::size_t slash = path.text.substr(0, size).rfind('/');
        size = slash == std::string_view::npos ? 0 : slash;
    }
    std::size_t rest = size;
    while (rest < path.text.size() && path.text[rest] == '/') {
        ++rest;
    }
    const char* const text = rest == path.text.size() ? "." : path.text.data() + rest;
    return {.directory = size == 0 ? "/" : std::string(path.text.substr(0, size)), .rest = text};
}

/// `name` in `folder`; a link only where its owner is its target's. The link is looked at before and
/// after its target is opened, so that it cannot be another one by then.
Result<sys::UniqueFd> open_own(int folder, const char* name, int flags, std::uint64_t resolve) {
    const auto link = sys::open_beneath(folder, name, O_PATH | O_NOFOLLOW, resolve);
    if (!link) {
        return std::unexpected(link.error());
    }
    const sys::FileInfo before = TRY(sys::file_info(link->get()));
    if (!S_ISLNK(before.mode)) {
        return sys::open_beneath(folder, name, flags | O_NOFOLLOW, kAlways | resolve);
    }
    sys::UniqueFd target = TRY(sys::open_beneath(folder, name, flags, kAlways | resolve));
    const sys::FileInfo info = TRY(sys::file_info(target.get()));
    const sys::FileInfo after = TRY(sys::file_info_at(folder, name, false));
    if (before != after || info.uid != before.uid) {
        return fail("openat2()", ELOOP);
    }
    return target;
}

using OpenName = Result<sys::UniqueFd> (*)(int folder, const char* name, int flags, std::uint64_t);

/// Without links; for where openat2 does not exist.
Result<sys::UniqueFd> open_no_link(int folder, const char* name, int flags, std::uint64_t resolve) {
    return sys::open_beneath(folder, name, flags | O_NOFOLLOW, resolve);
}

/// Walks `rest` name by name.
Result<sys::UniqueFd> walk(sys::UniqueFd folder,
                           const char* rest,
                           int flags,
                           std::uint64_t resolve,
                           OpenName open_name) {
    std::string_view left(rest);
    while (true) {
        const std::size_t end = left.find('/');
        const std::string name(left.substr(0, end));
        if (end == std::string_view::npos) {
            const bool is_folder = name.empty() || name == ".";
            return is_folder ? sys::open_beneath(folder.get(), ".", flags, resolve)
                             : open_name(folder.get(), name.c_str(), flags, resolve);
        }
        if (!name.empty()) {
            folder = TRY(open_name(folder.get(), name.c_str(), kFolder, resolve));
        }
        left.remove_prefix(end + 1);
    }
}

}  // namespace

Result<sys::UniqueFd> open_by_path(const FilePath& path,
                                   Links links,
                                   int flags,
                                   std::uint64_t resolve) {
    const std::uint64_t no_links = links == Links::Refuse ? RESOLVE_NO_SYMLINKS : 0;
    if (links == Links::Follow) {
        return sys::open_beneath(AT_FDCWD, path.text.data(), flags, kAlways | resolve);
    }
    const Place place = place_of(path);
    sys::UniqueFd root = TRY(sys::open_beneath(AT_FDCWD, place.directory.c_str(), kFolder,
                                               resolve & RESOLVE_CACHED));
    if (links == Links::RefuseForeign) {
        return walk(std::move(root), place.rest, flags, resolve, &open_own);
    }
    const std::uint64_t beneath = links == Links::Beneath ? RESOLVE_BENEATH : 0;
    Result<sys::UniqueFd> opened = sys::open_beneath(root.get(), place.rest, flags,
                                                     kAlways | beneath | no_links | resolve);
    if (!opened && opened.error().code == ENOSYS && links == Links::Refuse) {
        return walk(std::move(root), place.rest, flags, resolve, &open_no_link);
    }
    return opened;
}

}  // namespace sluice::modules
