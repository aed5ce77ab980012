// SPDX-License-Identifier: BSD-2-Clause
// Files and directories, one function per call.
// Runs in: any. Blocks: on the file system; a worker calls these only where HOUSE allows it.
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "sys/socket.h"
#include "sys/unique_fd.h"

namespace sluice::sys {

/// What statx tells about a file.
struct FileInfo {
    std::uint64_t size = 0;
    UnixSeconds modified{};
    std::uint32_t modified_nanos = 0;
    std::uint64_t inode = 0;
    std::uint64_t device = 0;
    mode_t mode = 0;
    uid_t uid = 0;

    [[nodiscard]] bool is_regular() const { return S_ISREG(mode); }
    [[nodiscard]] bool is_directory() const { return S_ISDIR(mode); }
    [[nodiscard]] bool is_socket() const { return S_ISSOCK(mode); }
    [[nodiscard]] bool is_fifo() const { return S_ISFIFO(mode); }
    friend bool operator==(const FileInfo&, const FileInfo&) = default;
};

/// open(2); O_CLOEXEC is always added.
[[nodiscard]] Result<UniqueFd> open(const char* path, int flags, mode_t mode = 0);
/// openat2(2); `resolve` is a set of RESOLVE_* bits. O_CLOEXEC is always added.
[[nodiscard]] Result<UniqueFd> open_beneath(int directory, const char* path, int flags, std::uint64_t resolve);
[[nodiscard]] Result<FileInfo> file_info(int fd);
/// `follow`: whether a symbolic link at the end is followed.
[[nodiscard]] Result<FileInfo> file_info_at(int directory, const char* path, bool follow);
/// The whole file. Fails with EFBIG past `limit`.
[[nodiscard]] Result<std::string> read_file(const char* path, std::size_t limit);
[[nodiscard]] Result<Transfer> read(int fd, std::span<char> into);
[[nodiscard]] Result<Transfer> read_at(int fd, std::span<char> into, off_t offset);
[[nodiscard]] Result<Transfer> write(int fd, std::span<const char> bytes);
[[nodiscard]] Result<Transfer> write_vector(int fd, std::span<const iovec> pieces);
/// Writes all of it, retrying partial writes. For files, not for sockets.
[[nodiscard]] Result<> write_all(int fd, std::span<const char> bytes);
/// The same at a place of the file.
[[nodiscard]] Result<> write_all_at(int fd, std::span<const char> bytes, off_t offset);
/// fsync(2). Blocks: on the disk.
[[nodiscard]] Result<> sync_file(int fd);
[[nodiscard]] Result<> unlink(const char* path);
[[nodiscard]] Result<> rename(const char* from, const char* to);
[[nodiscard]] Result<> change_owner(const char* path, uid_t uid, gid_t gid);
[[nodiscard]] Result<> change_mode(const char* path, mode_t mode);
[[nodiscard]] Result<> make_directory(const char* path, mode_t mode);
[[nodiscard]] Result<> make_fifo(const char* path, mode_t mode);
/// Paths that match a shell pattern, sorted; none is no error.
[[nodiscard]] Result<std::vector<std::string>> glob(const char* pattern);
[[nodiscard]] Result<std::string> current_directory();
[[nodiscard]] Result<std::string> real_path(const char* path);
[[nodiscard]] Result<std::string> read_link(const char* path);
[[nodiscard]] Result<> duplicate_to(int from, int to);
[[nodiscard]] Result<UniqueFd> duplicate(int fd);
[[nodiscard]] Result<> set_nonblocking(int fd, bool on);
/// Two ends of a pipe, non-blocking.
struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;
};
[[nodiscard]] Result<Pipe> pipe();
/// inotify(7): a non-blocking instance; watches; the mask is made of IN_*.
[[nodiscard]] Result<UniqueFd> inotify();
[[nodiscard]] Result<int> inotify_watch(int inotify, const char* path, std::uint32_t mask);
[[nodiscard]] Result<> inotify_forget(int inotify, int watch);

}  // namespace sluice::sys
