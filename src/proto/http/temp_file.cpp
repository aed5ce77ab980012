// SPDX-License-Identifier: BSD-2-Clause
// Temporary files.
// Runs in: worker.
#include "proto/http/temp_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "sys/file.h"
#include "sys/process.h"

namespace sluice::http {

namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;
constexpr int kAttempts = 8;

Result<std::string> random_name() {
    std::array<unsigned char, 8> bytes{};
    TRY(sys::random_bytes(bytes));
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), bytes.size());
    return fmt::format("{:020}", number);
}

// As nginx has it: levels 1 2 put a file ending in …0259 into 9/25/.
std::string place_of(const TempPath& where, const std::string& name, bool makes_directories) {
    std::string path(where.directory);
    std::size_t end = name.size();
    for (const std::uint8_t digits : where.levels) {
        if (digits == 0) {
            break;
        }
        end -= digits;
        path += "/" + name.substr(end, digits);
        if (makes_directories) {
            static_cast<void>(sys::make_directory(path.c_str(), kDirectoryMode));  // open() tells
        }
    }
    return path + "/" + name;
}

Result<TempFile> open_named(const TempPath& where) {
    constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL;
    for (int attempt = 1;; ++attempt) {
        const std::string name = TRY(random_name());
        std::string path = place_of(where, name, attempt > 1);
        Result<sys::UniqueFd> fd = sys::open(path.c_str(), kFlags, kFileMode);
        if (fd) {
            return TempFile{std::move(*fd), std::move(path)};
        }
        const bool may_retry = fd.error().code == EEXIST || fd.error().code == ENOENT;
        if (!may_retry || attempt == kAttempts) {
            return std::unexpected(fd.error());
        }
    }
}

}  // namespace

Result<TempFile> open_temp_file(const TempPath& where, bool is_named) {
    if (is_named) {
        return open_named(where);
    }
    Result<sys::UniqueFd> fd = sys::open(where.directory.data(), O_RDWR | O_TMPFILE, kFileMode);
    if (fd) {
        return TempFile{std::move(*fd), {}};
    }
    if (fd.error().code != EOPNOTSUPP && fd.error().code != EISDIR) {
        return std::unexpected(fd.error());
    }
    // A file system without O_TMPFILE: a name for a moment.
    TempFile file = TRY(open_named(where));
    TRY(sys::unlink(file.path.c_str()));
    file.path.clear();
    return file;
}

}  // namespace sluice::http
