// SPDX-License-Identifier: BSD-2-Clause
// DataFile: a large file of data that a directive names (a GeoIP2 database) and that every worker
// must read alike. The master copies it into a sealed memfd when it takes a configuration; workers
// get that as a descriptor, need no right to the file, and whatever happens to it later concerns
// nobody.
// Runs in: any (declared, attached), master (copied).
#pragma once

#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "conf/build.h"
#include "conf/module.h"
#include "conf/tree.h"

namespace sluice::conf {

/// What a feature makes of such a file; one constexpr object.
struct DataFileKind {
    std::string_view name;
    /// Opens what `fd` holds, which stays the caller's. Fails: a sentence without the path.
    std::expected<void*, std::string> (*open)(int fd) = nullptr;
    void (*close)(void* opened) = nullptr;
};

/// Owner: the generation.
struct DataFile {
    DataFile() = default;
    ~DataFile() { close(); }
    DataFile(const DataFile&) = delete;
    DataFile& operator=(const DataFile&) = delete;

    /// Opens `fd` in place of what was opened before. Fails: a sentence; then all stays as it was.
    [[nodiscard]] std::expected<void, std::string> attach(int fd);
    void close();

    std::string path;  ///< absolute
    Position at;       ///< where it is named first
    const DataFileKind* kind = nullptr;
    Millis check_every{0};    ///< how often the master looks for a new file; 0: at reloads only
    UnixSeconds modified{0};  ///< of the file, when it was copied
    UnixSeconds taken{0};     ///< when it was copied
    std::string copy;         ///< the master's name of the copy
    void* opened = nullptr;   ///< what kind->open gave
};

/// The module that holds a generation's data files; it has no directives.
extern const Module kDataFileModule;

/// Declares a file; one of that path and kind that is declared already is returned.
[[nodiscard]] DataFile& declare_data_file(Build& build,
                                          std::string_view path,
                                          const DataFileKind& kind,
                                          Position at);

/// In order of appearance: the same in every process.
[[nodiscard]] std::span<const std::unique_ptr<DataFile>> data_files(const Generation& generation);

}  // namespace sluice::conf
