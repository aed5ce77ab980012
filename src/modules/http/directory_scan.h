// SPDX-License-Identifier: BSD-2-Clause
// DirectoryScan: the entries of a directory with their facts, read some at a time and then given in
// order. It touches nothing shared: a thread may read, another one take.
// Runs in: worker, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "modules/http/listing_format.h"
#include "sys/unique_fd.h"

namespace sluice::modules {

class DirectoryScan {
  public:
    /// `follows`: links are shown as what they lead to.
    DirectoryScan(sys::UniqueFd directory, bool follows)
        : directory_(std::move(directory)), follows_(follows) {}

    /// Reads at most `count` entries more; true when all are read. Names that begin with a dot are
    /// left out.
    /// Blocks: on the file system, for each entry.
    [[nodiscard]] Result<bool> read_some(std::size_t count);

    /// The next entry: directories first, then by the bytes of the name. Only when all are read.
    /// Lives: as long as the scan.
    [[nodiscard]] std::optional<ListedFile> take();

  private:
    void add(std::string_view name);

    static constexpr std::size_t kBufferSize = 16 * 1024;

    sys::UniqueFd directory_;
    bool follows_;
    std::array<char, kBufferSize> buffer_;
    std::span<const char> unread_;
    Arena names_{16 * 1024};
    std::vector<ListedFile> files_;  ///< a heap: the next one at the front
};

}  // namespace sluice::modules
