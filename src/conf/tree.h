// SPDX-License-Identifier: BSD-2-Clause
// Tree: the configuration as written, immutable, with the place of every word. Includes are already
// merged in. All text lives in the arena that the tree was parsed into.
// Runs in: any.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace sluice::conf {

/// A place in the configuration. line and column count from 1; line 0: no place.
struct Position {
    std::uint32_t file = 0;  ///< index into Tree::files
    std::uint32_t line = 0;
    std::uint32_t column = 0;  ///< in bytes
    friend bool operator==(const Position&, const Position&) = default;
};

struct Argument {
    std::string_view text{};  ///< unquoted, escapes resolved
    Position at{};
    bool is_quoted = false;
};

struct Directive {
    std::string_view name{};
    std::span<const Argument> args{};
    std::span<const Directive> children{};
    bool has_block = false;
    Position at{};
    Position block_end{};  ///< of the closing brace
};

struct SourceFile {
    std::string_view path;
    std::string_view bytes;
};

struct Tree {
    std::vector<SourceFile>
        files;  ///< in order of first reading; a file that is included twice stands twice
    std::span<const Directive> directives;
};

}  // namespace sluice::conf
