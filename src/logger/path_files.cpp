// SPDX-License-Identifier: BSD-2-Clause
// Files of access logs whose path has variables.
// Runs in: logger.
#include "logger/path_files.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "log/log.h"
#include "sys/file.h"

namespace sluice::logger {

namespace {

// O_NONBLOCK: a FIFO without a reader must not stop the logger.
constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY;
constexpr mode_t kMode = 0644;
constexpr Millis kRootValid{1'000};
constexpr std::size_t kMaxRoots = 1024;

/// Whether `fd` is still the file that the path names.
bool is_file_at(int fd, const std::string& path) {
    const auto open = sys::file_info(fd);
    const auto named = sys::file_info_at(AT_FDCWD, path.c_str(), true);
    return open && named && open->inode == named->inode && open->device == named->device;
}

}  // namespace

void PathFiles::take(std::string_view path, std::string_view root, std::string_view line) {
    File& file = file_of(path);
    if (file.lines.empty()) {
        dirty_.push_back(&file);
    }
    ++file.uses;
    file.root = root;
    file.lines.append(line);
    file.lines.push_back('\n');
    staged_ += line.size() + 1;
}

PathFiles::File& PathFiles::file_of(std::string_view path) {
    if (const auto known = by_path_.find(path); known != by_path_.end()) {
        files_.splice(files_.begin(), files_, known->second);
        return files_.front();
    }
    files_.push_front({});
    files_.front().path = path;
    by_path_.emplace(files_.front().path, files_.begin());
    return files_.front();
}

void PathFiles::flush(Millis now) {
    for (File* const file : dirty_) {
        const bool is_written = write_out(*file, now);
        file->lines.clear();
        if (!is_written) {
            // A name that leads nowhere must not push out files that are there.
            forget(by_path_.find(file->path)->second);
        } else if (file->uses < options_.min_uses) {
            file->fd.reset();
        }
    }
    dirty_.clear();
    staged_ = 0;
    trim(now);
}

bool PathFiles::write_out(File& file, Millis now) {
    file.used = now;
    if (!has_root(file, now)) {
        return false;
    }
    if (const Result<> opened = ensure_open(file, now); !opened) {
        const std::string quoted = "\"" + file.path + "\"";
        fail_lines(file.lines, fmt::format("{}", log::Failure{opened.error(), quoted}), now);
        return false;
    }
    std::string_view rest = file.lines;
    while (!rest.empty()) {
        const Result<sys::Transfer> done = sys::write(file.fd.get(), rest);
        if (!done || done->is_blocked) {
            const int code = done ? EAGAIN : done.error().code;
            fail_lines(rest,
                       fmt::format("write() to \"{}\" failed ({}: {})", file.path, code,
                                   log::error_text(code)),
                       now);
            return false;
        }
        rest.remove_prefix(done->size);
    }
    return true;
}

Result<> PathFiles::ensure_open(File& file, Millis now) {
    if (file.fd.is_open() && now - file.checked >= options_.valid) {
        file.checked = now;
        if (!is_file_at(file.fd.get(), file.path)) {
            file.fd.reset();
        }
    }
    if (file.fd.is_open()) {
        return {};
    }
    Result<sys::UniqueFd> fd = sys::open(file.path.c_str(), kFlags, kMode);
    if (!fd && (fd.error().code == EMFILE || fd.error().code == ENFILE)) {
        reopen();
        fd = sys::open(file.path.c_str(), kFlags, kMode);
    }
    if (!fd) {
        return std::unexpected(fd.error());
    }
    file.fd = std::move(*fd);
    file.checked = now;
    return {};
}

/// nginx writes no log of a request whose root is not there: a client cannot invent virtual hosts
/// that leave files.
bool PathFiles::has_root(const File& file, Millis now) {
    if (file.root.empty()) {
        return true;
    }
    const auto known = roots_.find(file.root);
    if (known != roots_.end() && now - known->second < kRootValid) {
        return true;
    }
    const auto info = sys::file_info_at(AT_FDCWD, file.root.c_str(), true);
    if (info && info->is_directory()) {
        if (roots_.size() >= kMaxRoots) {
            roots_.clear();
        }
        roots_.insert_or_assign(file.root, now);
        return true;
    }
    const int code = info ? ENOTDIR : info.error().code;
    fail_lines(file.lines,
               fmt::format("testing \"{}\" existence failed ({}: {})", file.root, code,
                           log::error_text(code)),
               now);
    return false;
}

void PathFiles::fail_lines(std::string_view lost, std::string text, Millis now) {
    dropped_ += static_cast<std::uint64_t>(std::ranges::count(lost, '\n'));
    if (const auto kept_quiet = reports_.ask(now)) {
        report_ = std::move(text) + " while logging request";
        if (*kept_quiet > 0) {
            *report_ += fmt::format(", and {} more such failures before", *kept_quiet);
        }
    }
}

/// Keeps what open_log_file_cache allows.
void PathFiles::trim(Millis now) {
    while (!files_.empty()) {
        const auto oldest = std::prev(files_.end());
        if (files_.size() <= options_.max && now - oldest->used < options_.inactive) {
            return;
        }
        forget(oldest);
    }
}

void PathFiles::forget(Files::iterator file) {
    by_path_.erase(file->path);
    files_.erase(file);
}

void PathFiles::reopen() {
    for (File& file : files_) {
        file.fd.reset();
    }
    roots_.clear();
}

std::size_t PathFiles::open_files() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(files_, [](const File& file) { return file.fd.is_open(); }));
}

std::optional<std::string> PathFiles::take_report() {
    return std::exchange(report_, std::nullopt);
}

}  // namespace sluice::logger
