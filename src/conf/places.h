// SPDX-License-Identifier: BSD-2-Clause
// Places: from a compiled configuration back to what was written: which directive holds at a level,
// and where it stands. Found by a walk over the tree, so that settings need not carry their places.
// Runs in: any; for reports to a person, never for a request.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "conf/level.h"
#include "conf/tree.h"

namespace sluice::conf {

/// Of the innermost block at or around `level` that has one of these directives: the last there.
/// Null: none has.
[[nodiscard]] const Directive* find_directive(const Level& level,
                                              std::span<const std::string_view> names);
[[nodiscard]] const Directive* find_directive(const Level& level, std::string_view name);

/// The directive at or around `level` one of whose arguments `text` views: a setting that kept an
/// argument's text leads back to it. Null: none.
[[nodiscard]] const Directive* find_argument(const Level& level, std::string_view text);

/// The directive that begins there, or null.
[[nodiscard]] const Directive* find_directive(const Tree& tree, Position at);

/// A directive as it was written, on one line and without its block: `rewrite ^/a /b last`. Longer
/// than `most` bytes: cut.
[[nodiscard]] std::string text_of(const Directive& directive, std::size_t most = 72);

}  // namespace sluice::conf
