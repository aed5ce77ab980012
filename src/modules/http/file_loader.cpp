// SPDX-License-Identifier: BSD-2-Clause
// File loader: how a path is opened, and what is read of it.
// Runs in: worker, any thread.
#include "modules/http/file_loader.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "sys/clock.h"
#include "sys/fault.h"
#include "sys/page_cache.h"

namespace sluice::modules {

namespace {

/// A name that the kernel has no memory of costs nothing to look for where there is no device:
/// tmpfs forgets at once which names do not exist. The last step must stay on that file system.
Result<sys::UniqueFd> open_on_memory(const FilePath& path, int flags) {
    const std::size_t slash = path.text.rfind('/');
    if (slash == std::string_view::npos || slash + 1 == path.text.size()) {
        return fail("openat2()", EAGAIN);
    }
    const std::string directory(path.text.substr(0, slash + 1));
    const sys::UniqueFd folder = TRY(
        sys::open_beneath(AT_FDCWD, directory.c_str(), O_PATH | O_DIRECTORY,
                          RESOLVE_NO_MAGICLINKS | RESOLVE_CACHED));
    if (!sys::is_on_memory(folder.get())) {
        return fail("openat2()", EAGAIN);
    }
    return sys::open_beneath(folder.get(), path.text.data() + slash + 1, flags,
                             RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
}

/// EAGAIN: it would have to wait.
Result<sys::UniqueFd> open_cached(const FileRequest& request, int flags) {
    Result<sys::UniqueFd> opened =
        open_by_path(request.path, request.links, flags, RESOLVE_CACHED);
    if (opened) {
        return opened;
    }
    if (opened.error().code == EINVAL || opened.error().code == EOPNOTSUPP) {
        // A kernel before 5.12 cannot say what is cached.
        return open_by_path(request.path, request.links, flags, 0);
    }
    if (opened.error().code == EAGAIN && request.links == Links::Follow) {
        Result<sys::UniqueFd> on_memory = open_on_memory(request.path, flags);
        const int error = on_memory ? 0 : on_memory.error().code;
        // A link, or a mount point, at the end: who knows where that leads.
        return error == ELOOP || error == EXDEV ? std::move(opened) : std::move(on_memory);
    }
    return opened;
}

Result<sys::Transfer> read_part(int fd, std::span<char> into, off_t offset, Patience patience) {
    if (patience == Patience::Full) {
        return sys::read_at(fd, into, offset);
    }
    Result<sys::Transfer> part = sys::read_at_if_cached(fd, into, offset);
    if (part || part.error().code != EOPNOTSUPP) {
        return part;
    }
    if (sys::is_on_memory(fd)) {
        return sys::read_at(fd, into, offset);
    }
    return sys::Transfer{.is_blocked = true};
}

/// False: not all of it is in memory. Where the file turns out shorter, or reading fails, the
/// descriptor stays: sending finds out.
bool read_bytes(LoadedFile& file, Patience patience) {
    const auto size = static_cast<std::size_t>(file.info.size);
    auto bytes = std::make_unique_for_overwrite<char[]>(std::max<std::size_t>(size, 1));
    std::size_t got = 0;
    while (got < size) {
        const Result<sys::Transfer> part = read_part(
            file.fd.get(), {bytes.get() + got, size - got}, static_cast<off_t>(got), patience);
        if (part && part->is_blocked) {
            return false;
        }
        if (!part || part->size == 0) {
            return true;
        }
        got += part->size;
    }
    file.fd.reset();
    file.bytes = std::move(bytes);
    return true;
}

LoadedFile failed(int error) {
    LoadedFile file;
    file.error = error;
    return file;
}

}  // namespace

void hang_for_tests(const FilePath& path) {
    if (path.text.find("hang") == std::string_view::npos) {
        return;
    }
    const std::string release = std::string(path.text) + ".go";
    while (!sys::file_info_at(AT_FDCWD, release.c_str(), true)) {
        sys::rest(Millis(1));
    }
}

std::optional<LoadedFile> load_file(const FileRequest& request, Patience patience) {
    const bool is_patient = patience == Patience::Full;
    if (!is_patient && sys::has_fault(sys::Fault::ColdFiles)) [[unlikely]] {
        return std::nullopt;
    }
    if (is_patient && sys::has_fault(sys::Fault::HungFiles)) [[unlikely]] {
        hang_for_tests(request.path);
    }
    const bool wants_content = request.want == Want::Content;
    const int flags = wants_content ? O_RDONLY | O_NONBLOCK : O_PATH;
    Result<sys::UniqueFd> fd = is_patient ? open_by_path(request.path, request.links, flags, 0)
                                          : open_cached(request, flags);
    if (!fd) {
        if (fd.error().code == EAGAIN && !is_patient) {
            return std::nullopt;
        }
        return failed(fd.error().code);
    }
    const Result<sys::FileInfo> info = sys::file_info(fd->get());
    if (!info) {
        return failed(info.error().code);
    }
    LoadedFile file;
    file.info = *info;
    if (!wants_content || !info->is_regular()) {
        return file;
    }
    file.fd = std::move(*fd);
    file.has_content = true;
    if (info->size <= request.memory_limit) {
        if (!read_bytes(file, patience)) {
            return std::nullopt;
        }
    } else if (request.reads_ahead) {
        sys::advise_sequential(file.fd.get());
    }
    return file;
}

}  // namespace sluice::modules
