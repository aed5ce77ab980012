// SPDX-License-Identifier: BSD-2-Clause
// DataFiles: the master's copies of files of data that configurations name, each in a sealed memfd
// that all workers map. A file that has not changed is not copied again.
// Runs in: master, the command line (-t).
#pragma once

#include <expected>
#include <map>
#include <string>
#include <vector>

#include "conf/data_file.h"
#include "conf/generation.h"
#include "ipc/message.h"
#include "sys/unique_fd.h"

namespace sluice::master {

/// A message and its descriptor, which stays the DataFiles'.
struct DataFileMessage {
    ipc::DataFile message;
    int fd = -1;
};

class DataFiles {
  public:
    /// Copies what `next` names and is not held as it is on disk now, and tries to open it.
    /// Fails: a text for each that cannot be had, with the directive's place.
    /// Blocks: on the files.
    [[nodiscard]] std::expected<void, std::vector<std::string>> open(const conf::Generation& next);
    /// Gives up what `generation` does not name: after a commit, or a roll-back.
    void keep_only(const conf::Generation& generation);
    /// What a worker needs for `generation`.
    [[nodiscard]] std::vector<DataFileMessage> messages(const conf::Generation& generation) const;

    /// Whether the file on disk is another one than what is held for it.
    [[nodiscard]] bool has_changed(const conf::DataFile& file) const;
    /// Takes the file as it is now. Fails: a sentence; what was held stays.
    [[nodiscard]] std::expected<void, std::string> take(conf::DataFile& file);
    /// The message about the file at `index` of data_files(generation).
    [[nodiscard]] DataFileMessage message(const conf::Generation& generation,
                                          std::size_t index) const;

  private:
    std::map<std::string, sys::UniqueFd> held_;  ///< by DataFile::copy
    std::map<std::string, std::string> refused_;  ///< by path: what it was then
};

}  // namespace sluice::master
