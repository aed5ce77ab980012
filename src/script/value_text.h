// SPDX-License-Identifier: BSD-2-Clause
// Values that are built: a text or a number, kept in the subject's arena.
// Runs in: worker.
#pragma once

#include <string_view>

#include <fmt/format.h>

#include "base/arena.h"
#include "script/variable.h"

namespace sluice::script {

/// `text`, which lives as long as the subject or was just built; no address: the arena was full.
[[nodiscard]] inline Value built_text(std::string_view text) {
    return text.data() == nullptr ? Value::no_room() : Value{text};
}

/// A copy of `text` in `arena`.
[[nodiscard]] inline Value kept_text(Arena& arena, std::string_view text) {
    return built_text(arena.copy(text));
}

/// Any integer in decimal.
template <class Integer>
[[nodiscard]] Value number_text(Arena& arena, Integer value) {
    const fmt::format_int text(value);
    return kept_text(arena, {text.data(), text.size()});
}

}  // namespace sluice::script
