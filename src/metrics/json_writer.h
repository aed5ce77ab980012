// SPDX-License-Identifier: BSD-2-Clause
// JsonWriter: writes one JSON text; commas, quotes and escapes are its business.
// Runs in: any.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "metrics/text.h"

namespace sluice::metrics {

/// Inside an object every value has a name, inside an array none: pass an empty one.
class JsonWriter {
  public:
    /// Appends to `out`, which is the caller's.
    explicit JsonWriter(std::string& out) : out_(out) {}

    void begin_object(std::string_view name = {}) { open(name, '{'); }

    void begin_array(std::string_view name = {}) { open(name, '['); }

    void end_object() { close('}'); }

    void end_array() { close(']'); }

    template <std::integral Int>
    void value(std::string_view name, Int number) {
        begin_value(name);
        if constexpr (std::same_as<Int, bool>) {
            out_ += number ? "true" : "false";
        } else {
            out_ += fmt::format_int(number).c_str();
        }
    }

    void value(std::string_view name, std::string_view text) {
        begin_value(name);
        quote(text);
    }

    void value(std::string_view name, const char* text) { value(name, std::string_view(text)); }

  private:
    void begin_value(std::string_view name) {
        if (needs_comma_) {
            out_ += ',';
        }
        if (name.data() != nullptr) {
            quote(name);
            out_ += ':';
        }
        needs_comma_ = true;
    }

    void open(std::string_view name, char mark) {
        begin_value(name);
        out_ += mark;
        needs_comma_ = false;
    }

    void close(char mark) {
        out_ += mark;
        needs_comma_ = true;
    }

    void quote(std::string_view text) {
        out_ += '"';
        append_json(out_, text);
        out_ += '"';
    }

    std::string& out_;
    bool needs_comma_ = false;
};

}  // namespace sluice::metrics
