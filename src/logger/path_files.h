// SPDX-License-Identifier: BSD-2-Clause
// PathFiles: the files of access logs whose path has variables. Each line says which file it goes
// to; the lines of one turn are written together, and with open_log_file_cache descriptors are kept.
// The logger opens them itself, as the unprivileged user that it is.
// Runs in: logger.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "log/rate_limit.h"
#include "sys/unique_fd.h"

namespace sluice::logger {

/// open_log_file_cache.
struct PathFilesOptions {
    std::size_t max = 0;           ///< files remembered; 0: open, write, close, each turn
    Millis inactive{10'000};       ///< one that is not written for so long is closed
    std::uint64_t min_uses = 1;    ///< lines from which on a descriptor is kept
    Millis valid{60'000};          ///< how long a descriptor is trusted to be the path's file
};

class PathFiles {
  public:
    explicit PathFiles(const PathFilesOptions& options) : options_(options) {}

    void set_options(const PathFilesOptions& options) { options_ = options; }

    /// Takes a line, without its end, for the file at `path`; it is written only while the
    /// directory `root` exists (empty: always).
    void take(std::string_view path, std::string_view root, std::string_view line);
    /// Writes what was taken, and closes what is not to be kept. Lines that cannot be written are
    /// dropped.
    void flush(Millis now);
    /// Closes every file: the next line opens its file anew.
    void reopen();

    /// Bytes taken since the last flush().
    [[nodiscard]] std::size_t staged() const { return staged_; }

    [[nodiscard]] std::size_t open_files() const;

    /// Lines dropped since the object exists.
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

    /// What went wrong, one line per period, with the number of failures that it stands for.
    [[nodiscard]] std::optional<std::string> take_report();

  private:
    struct File {
        std::string path;
        std::string root;
        std::string lines;  ///< to be written
        sys::UniqueFd fd;
        std::uint64_t uses = 0;
        Millis used{};
        Millis checked{};  ///< when `fd` was last known to be the path's file
    };

    using Files = std::list<File>;

    File& file_of(std::string_view path);
    [[nodiscard]] bool write_out(File& file, Millis now);
    [[nodiscard]] Result<> ensure_open(File& file, Millis now);
    [[nodiscard]] bool has_root(const File& file, Millis now);
    void fail_lines(std::string_view lost, std::string text, Millis now);
    void trim(Millis now);
    void forget(Files::iterator file);

    PathFilesOptions options_;
    Files files_;  ///< the latest used first
    std::unordered_map<std::string_view, Files::iterator> by_path_;
    std::vector<File*> dirty_;
    std::unordered_map<std::string, Millis> roots_;  ///< directories that existed then
    std::size_t staged_ = 0;
    std::uint64_t dropped_ = 0;
    log::RateLimit reports_{Millis{10'000}};
    std::optional<std::string> report_;
};

}  // namespace sluice::logger
