// SPDX-License-Identifier: BSD-2-Clause
// LogLine: a log_format and its rendering straight into the bytes that the logger will read.
// Runs in: any (settings), worker (render).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "modules/shared/json_line.h"
#include "script/template.h"

namespace sluice::modules {

/// What becomes of bytes that a client chose. Literal text of the format is never changed.
enum class LogEscape : std::uint8_t {
    Default,  ///< `"`, `\`, control bytes and those above 0x7e leave as \xHH; absent: "-"
    Json,     ///< JSON's own escapes; absent: empty
    None,     ///< as they are, except that line ends become spaces; absent: empty
};

struct LogFormat {
    std::string_view name;
    LogEscape escape = LogEscape::Default;
    script::Template text;
    std::span<const JsonField> fields;  ///< of a typed JSON format, which has no text

    [[nodiscard]] bool is_json() const { return !fields.empty(); }
};

struct RenderedLine {
    std::size_t size = 0;
    bool is_cut = false;  ///< `room` was too small
};

/// Renders the values of `subject` into `room`; values that must be built use `arena`.
[[nodiscard]] RenderedLine render_line(const LogFormat& format,
                                       const void* subject,
                                       Arena& arena,
                                       const script::Captures& captures,
                                       std::span<char> room);

}  // namespace sluice::modules
