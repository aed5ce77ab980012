// SPDX-License-Identifier: BSD-2-Clause
// TypeTable: file name extensions and their media types, as the `types` block maps them. A closed
// hash built when the configuration is loaded.
// Runs in: any (build), worker (lookup).
#pragma once

#include <span>
#include <string_view>

#include "base/arena.h"

namespace sluice::http {

/// Lives: as long as the generation.
class TypeTable {
  public:
    struct Entry {
        std::string_view extension;  ///< lower case, without dot
        std::string_view type;
    };

    constexpr TypeTable() = default;

    /// A table of `entries`; of two with one extension the later counts. nullptr: arena full.
    [[nodiscard]] static const TypeTable* build(std::span<const Entry> entries, Arena& arena);

    /// The media type of `extension` in any case; data() == nullptr where it is unknown.
    [[nodiscard]] std::string_view find(std::string_view extension) const;

    /// All slots; free ones have no extension.
    [[nodiscard]] std::span<const Entry> slots() const { return slots_; }

  private:
    std::span<const Entry> slots_;  // size is a power of two; empty slots have no extension
    std::size_t longest_ = 0;
};

/// The table that counts where no `types` block stands: html, gif, jpg.
[[nodiscard]] std::span<const TypeTable::Entry> default_types();

/// What follows the last dot of the last segment of `path`; empty: none.
[[nodiscard]] std::string_view extension_of(std::string_view path);

}  // namespace sluice::http
