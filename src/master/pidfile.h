// SPDX-License-Identifier: BSD-2-Clause
// PidFile: the file that names the running master. Written whole by a temporary file and rename, so
// nobody ever reads half a number; moved to .oldbin while a new program file is taking over.
// Runs in: master; read_pid in the command line too.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>

#include "base/error.h"

namespace sluice::master {

class PidFile {
  public:
    PidFile() = default;

    explicit PidFile(std::string path) : path_(std::move(path)) {}

    /// Writes `pid`. An older file is replaced, whether its process lives or not: whoever holds the
    /// listening sockets is the running server, and we have just bound them.
    [[nodiscard]] Result<> write(pid_t pid);
    /// Whether write() would find a place; leaves nothing behind.
    [[nodiscard]] Result<> check() const;
    /// Removes the file if it still names `pid`; another master may own the path by now.
    void remove(pid_t pid);
    /// Moves our file to `<path>.oldbin` and back.
    [[nodiscard]] Result<> become_old();
    [[nodiscard]] Result<> become_current();

    [[nodiscard]] const std::string& path() const { return path_; }

    /// Where our pid stands now.
    [[nodiscard]] std::string current_path() const { return is_old_ ? old_path() : path_; }

    [[nodiscard]] std::string old_path() const { return path_ + ".oldbin"; }

    [[nodiscard]] bool is_old() const { return is_old_; }

  private:
    std::string path_;
    bool is_old_ = false;
};

/// The number in a pid file. Fails: ENOENT and the like; EINVAL where it holds no pid.
[[nodiscard]] Result<pid_t> read_pid(const std::string& path);

}  // namespace sluice::master
