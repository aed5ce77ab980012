// SPDX-License-Identifier: BSD-2-Clause
// Files and directories.
// Runs in: any.
#include "sys/file.h"

#include <glob.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>

namespace sluice::sys {

namespace {

Result<FileInfo> info_of(int directory, const char* path, int flags) {
    struct statx raw {};
    constexpr unsigned kMask = STATX_TYPE | STATX_MODE | STATX_SIZE | STATX_MTIME | STATX_INO | STATX_UID;
    if (::statx(directory, path, flags, kMask, &raw) != 0) {
        return fail("statx()");
    }
    return FileInfo{.size = raw.stx_size,
                    .modified = UnixSeconds(raw.stx_mtime.tv_sec),
                    .modified_nanos = raw.stx_mtime.tv_nsec,
                    .inode = raw.stx_ino,
                    .device = makedev(raw.stx_dev_major, raw.stx_dev_minor),
                    .mode = raw.stx_mode,
                    .uid = raw.stx_uid};
}

Result<Transfer> moved(ssize_t size, bool is_reading, const char* op) {
    if (size < 0) {
        if (errno == EAGAIN) {
            return Transfer{.is_blocked = true};
        }
        return fail(op);
    }
    return Transfer{.size = static_cast<std::size_t>(size), .is_end = is_reading && size == 0};
}

template <class Call>
auto retried(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR) {
        result = call();
    }
    return result;
}

Result<> checked(int result, const char* op) {
    if (result < 0) {
        return fail(op);
    }
    return {};
}

}  // namespace

Result<UniqueFd> open(const char* path, int flags, mode_t mode) {
    const int fd = retried([&] { return ::open(path, flags | O_CLOEXEC, mode); });
    if (fd < 0) {
        return fail("open()");
    }
    return UniqueFd(fd);
}

Result<UniqueFd> open_beneath(int directory, const char* path, int flags, std::uint64_t resolve) {
    open_how how{};
    how.flags = static_cast<unsigned long long>(flags | O_CLOEXEC);
    how.resolve = resolve;
    const long fd = retried([&] { return ::syscall(SYS_openat2, directory, path, &how, sizeof how); });
    if (fd >= 0) {
        return UniqueFd(static_cast<int>(fd));
    }
    // Kernels before 5.6, and valgrind: what confines nothing can be had from the older call.
    constexpr std::uint64_t kConfinesNothing = RESOLVE_NO_MAGICLINKS | RESOLVE_CACHED;
    if (errno != ENOSYS || (resolve & ~kConfinesNothing) != 0) {
        return fail("openat2()");
    }
    const int plain = retried([&] { return ::openat(directory, path, flags | O_CLOEXEC); });
    if (plain < 0) {
        return fail("openat()");
    }
    return UniqueFd(plain);
}

Result<FileInfo> file_info(int fd) {
    return info_of(fd, "", AT_EMPTY_PATH);
}

Result<FileInfo> file_info_at(int directory, const char* path, bool follow) {
    return info_of(directory, path, follow ? 0 : AT_SYMLINK_NOFOLLOW);
}

Result<std::string> read_file(const char* path, std::size_t limit) {
    const UniqueFd fd = TRY(open(path, O_RDONLY));
    if (TRY(file_info(fd.get())).is_directory()) {
        return fail("read()", EISDIR);
    }
    std::string out;
    std::array<char, 65536> page;
    for (;;) {
        const Transfer got = TRY(read(fd.get(), page));
        if (got.is_end) {
            return out;
        }
        if (got.is_blocked || out.size() + got.size > limit) {
            return fail("read()", got.is_blocked ? EAGAIN : EFBIG);
        }
        out.append(page.data(), got.size);
    }
}

Result<Transfer> read(int fd, std::span<char> into) {
    return moved(retried([&] { return ::read(fd, into.data(), into.size()); }), true, "read()");
}

Result<Transfer> read_at(int fd, std::span<char> into, off_t offset) {
    return moved(retried([&] { return ::pread(fd, into.data(), into.size(), offset); }), true,
                 "pread()");
}

Result<Transfer> write(int fd, std::span<const char> bytes) {
    return moved(retried([&] { return ::write(fd, bytes.data(), bytes.size()); }), false,
                 "write()");
}

Result<Transfer> write_vector(int fd, std::span<const iovec> pieces) {
    const int count = static_cast<int>(pieces.size());
    return moved(retried([&] { return ::writev(fd, pieces.data(), count); }), false, "writev()");
}

Result<> write_all(int fd, std::span<const char> bytes) {
    while (!bytes.empty()) {
        const Transfer done = TRY(write(fd, bytes));
        if (done.is_blocked) {
            return fail("write()", EAGAIN);
        }
        bytes = bytes.subspan(done.size);
    }
    return {};
}

Result<> write_all_at(int fd, std::span<const char> bytes, off_t offset) {
    while (!bytes.empty()) {
        const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), offset);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return fail("pwrite()");
        }
        bytes = bytes.subspan(static_cast<std::size_t>(count));
        offset += count;
    }
    return {};
}

Result<> sync_file(int fd) {
    while (::fsync(fd) != 0) {
        if (errno != EINTR) {
            return fail("fsync()");
        }
    }
    return {};
}

Result<> unlink(const char* path) {
    return checked(::unlink(path), "unlink()");
}

Result<> rename(const char* from, const char* to) {
    return checked(::rename(from, to), "rename()");
}

Result<> change_owner(const char* path, uid_t uid, gid_t gid) {
    return checked(::chown(path, uid, gid), "chown()");
}

Result<> change_mode(const char* path, mode_t mode) {
    return checked(::chmod(path, mode), "chmod()");
}

Result<> make_directory(const char* path, mode_t mode) {
    return checked(::mkdir(path, mode), "mkdir()");
}

Result<> make_fifo(const char* path, mode_t mode) {
    return checked(::mkfifo(path, mode), "mkfifo()");
}

Result<std::vector<std::string>> glob(const char* pattern) {
    glob_t found{};
    const int code = ::glob(pattern, 0, nullptr, &found);
    std::vector<std::string> out;
    if (code == 0) {
        out.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    ::globfree(&found);
    if (code == GLOB_NOSPACE) {
        return fail("glob()", ENOMEM);
    }
    if (code == GLOB_ABORTED) {
        return fail("glob()", EACCES);
    }
    return out;
}

Result<std::string> current_directory() {
    std::array<char, PATH_MAX> path{};
    if (::getcwd(path.data(), path.size()) == nullptr) {
        return fail("getcwd()");
    }
    return std::string(path.data());
}

Result<std::string> real_path(const char* path) {
    std::array<char, PATH_MAX> out{};
    if (::realpath(path, out.data()) == nullptr) {
        return fail("realpath()");
    }
    return std::string(out.data());
}

Result<std::string> read_link(const char* path) {
    std::array<char, PATH_MAX> out{};
    const ssize_t size = ::readlink(path, out.data(), out.size());
    if (size < 0) {
        return fail("readlink()");
    }
    return std::string(out.data(), static_cast<std::size_t>(size));
}

Result<> duplicate_to(int from, int to) {
    return checked(::dup2(from, to), "dup2()");
}

Result<UniqueFd> duplicate(int fd) {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) {
        return fail("fcntl(F_DUPFD_CLOEXEC)");
    }
    return UniqueFd(copy);
}

Result<> set_nonblocking(int fd, bool on) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) {
        return fail("fcntl(F_GETFL)");
    }
    const int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return checked(::fcntl(fd, F_SETFL, wanted), "fcntl(F_SETFL)");
}

Result<Pipe> pipe() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
        return fail("pipe2()");
    }
    return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<UniqueFd> inotify() {
    const int fd = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0) {
        return fail("inotify_init1()");
    }
    return UniqueFd(fd);
}

Result<int> inotify_watch(int inotify, const char* path, std::uint32_t mask) {
    const int watch = ::inotify_add_watch(inotify, path, mask);
    if (watch < 0) {
        return fail("inotify_add_watch()");
    }
    return watch;
}

Result<> inotify_forget(int inotify, int watch) {
    return checked(::inotify_rm_watch(inotify, watch), "inotify_rm_watch()");
}

}  // namespace sluice::sys
