// SPDX-License-Identifier: BSD-2-Clause
// LogLine: escapes and rendering.
// Runs in: worker.
#include "modules/shared/log_line.h"

#include <algorithm>

#include "log/escape.h"
#include "log/json_text.h"
#include "modules/shared/line_writer.h"

namespace sluice::modules {

namespace {

/// As nginx's escape=json: bytes from 0x80 up pass.
void put_json(LineWriter& out, std::string_view text) {
    for (;;) {
        const std::size_t plain = log::json_plain_prefix(text, false);
        out.put(text.substr(0, plain));
        if (plain == text.size()) {
            return;
        }
        out.put(log::JsonEscape(text[plain]).text());
        text.remove_prefix(plain + 1);
    }
}

void put_bare(LineWriter& out, std::string_view text) {
    // One request or session is one line, whatever the operator chose.
    for (std::size_t end = text.find_first_of("\r\n"); end != std::string_view::npos;
         end = text.find_first_of("\r\n")) {
        out.put(text.substr(0, end));
        out.put(" ");
        text.remove_prefix(end + 1);
    }
    out.put(text);
}

void put_escaped(LineWriter& out, std::string_view text) {
    constexpr auto kRule = log::EscapeRule::Peer;
    if (log::plain_prefix(text, kRule) == text.size()) [[likely]] {
        out.put(text);
        return;
    }
    log::escape(text, kRule, [&out](std::string_view piece) { out.put(piece); });
}

void put_value(LineWriter& out, const script::Value& value, LogEscape escape) {
    switch (escape) {
        case LogEscape::Default:
            value.is_found ? put_escaped(out, value.text) : out.put("-");
            return;
        case LogEscape::Json:
            put_json(out, value.text);
            return;
        case LogEscape::None:
            put_bare(out, value.text);
            return;
    }
}

}  // namespace

RenderedLine render_line(const LogFormat& format,
                         const void* subject,
                         Arena& arena,
                         const script::Captures& captures,
                         std::span<char> room) {
    LineWriter out(room);
    if (format.is_json()) {
        put_json_object(out, format.fields, {.subject = subject, .arena = arena, .captures = captures});
        return {.size = out.size(), .is_cut = out.is_cut()};
    }
    out.put(format.text.constant());
    for (const script::Part& part : format.text.parts()) {
        if (part.row != nullptr) {
            const script::Value value = part.row->value(subject, arena, part.text);
            if (part.row->is_number && value.is_found) {
                out.put(value.text);
            } else {
                put_value(out, value, format.escape);
            }
        } else if (part.capture == 0) {
            out.put(part.text);
        } else {
            put_value(out, script::evaluate(part, subject, arena, captures), format.escape);
        }
        if (out.is_cut()) {
            const std::string_view text = out.text();
            return {.size = log::cut_at_escape(text, text.size() - 1).size(), .is_cut = true};
        }
    }
    return {.size = out.size(), .is_cut = false};
}

}  // namespace sluice::modules
