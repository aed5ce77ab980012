// SPDX-License-Identifier: BSD-2-Clause
// Values that are built: a text or a number, kept in the subject's arena.
// Runs in: worker.
#pragma once

#include <string_view>

#include <fmt/format.h>

#include "base/arena.h"
#include "script/variable.h"

namespace sluice::script {

/// A copy of `text` in `arena`; "not found" where that is full.
[[nodiscard]] inline Value kept_text(Arena& arena, std::string_view text) {
    const std::string_view copy = arena.copy(text);
    return copy.data() == nullptr ? Value::none() : Value{copy};
}

/// Any integer in decimal.
template <class Integer>
[[nodiscard]] Value number_text(Arena& arena, Integer value) {
    const fmt::format_int text(value);
    return kept_text(arena, {text.data(), text.size()});
}

}  // namespace sluice::script
