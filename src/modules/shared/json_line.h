// SPDX-License-Identifier: BSD-2-Clause
// JsonLine: log lines that are JSON objects with types, declared as
//
//     log_format NAME json { time $time_iso8601; status $status; user { agent $http_user_agent; } }
//
// One object on one line, valid whatever a client sent and however long it is.
// Runs in: any (settings), worker (render).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "conf/build.h"
#include "modules/shared/line_writer.h"
#include "script/template.h"
#include "script/variable.h"

namespace sluice::modules {

/// How a value is written. What cannot be one is a string; what is empty is null.
enum class JsonType : std::uint8_t {
    Text,     ///< a string
    Number,   ///< bare where it is a number
    Boolean,  ///< false where empty or "0", else true
};

struct JsonField {
    std::string_view key;  ///< `"key":`, escaped
    script::Template value;
    JsonType type = JsonType::Text;
    bool is_optional = false;  ///< left out where empty, instead of null
    bool is_object = false;
    std::span<const JsonField> fields{};  ///< of an object
};

/// Reads the block of a `log_format … json { }`. Empty: an error was reported.
[[nodiscard]] std::span<const JsonField> compile_json(conf::Build& build,
                                                      const conf::Directive& block,
                                                      const script::VariableTable& variables);

/// Whose values a line shows.
struct LineSubject {
    const void* subject = nullptr;
    Arena& arena;  ///< for values that must be built
    const script::Captures& captures;
};

/// Writes one object. Where `out` is too small a text is cut and the fields behind it are left out,
/// but the object is closed. False, and nothing written, where there is no room for `{}`.
bool put_json_object(LineWriter& out, std::span<const JsonField> fields, const LineSubject& of);

}  // namespace sluice::modules
