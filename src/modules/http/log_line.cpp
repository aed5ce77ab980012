// SPDX-License-Identifier: BSD-2-Clause
// LogLine: escapes and rendering.
// Runs in: worker.
#include "modules/http/log_line.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "log/escape.h"

namespace sluice::modules {

namespace {

/// Fills a span and remembers when it was too small.
class Writer {
  public:
    explicit Writer(std::span<char> room) : room_(room) {}

    void put(std::string_view text) {
        const std::size_t size = std::min(text.size(), room_.size() - size_);
        if (size > 0) {
            std::memcpy(room_.data() + size_, text.data(), size);
        }
        size_ += size;
        is_cut_ = is_cut_ || size < text.size();
    }

    [[nodiscard]] std::string_view text() const { return {room_.data(), size_}; }
    [[nodiscard]] bool is_cut() const { return is_cut_; }

  private:
    std::span<char> room_;
    std::size_t size_ = 0;
    bool is_cut_ = false;
};

/// JSON's two-byte escape of `c`, or 0.
char short_escape(char c) {
    switch (c) {
        case '"':
        case '\\':
            return c;
        case '\b':
            return 'b';
        case '\f':
            return 'f';
        case '\n':
            return 'n';
        case '\r':
            return 'r';
        case '\t':
            return 't';
        default:
            return 0;
    }
}

void put_json(Writer& out, std::string_view text) {
    constexpr char kHex[] = "0123456789ABCDEF";
    std::size_t plain = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        const char letter = short_escape(text[i]);
        if (letter == 0 && c >= 0x20) {
            continue;
        }
        out.put(text.substr(plain, i - plain));
        plain = i + 1;
        if (letter != 0) {
            const std::array<char, 2> escape{'\\', letter};
            out.put({escape.data(), escape.size()});
        } else {
            const std::array<char, 6> escape{'\\', 'u', '0', '0', kHex[c >> 4U], kHex[c & 15U]};
            out.put({escape.data(), escape.size()});
        }
    }
    out.put(text.substr(plain));
}

void put_bare(Writer& out, std::string_view text) {
    // One request is one line, whatever the operator chose.
    for (std::size_t end = text.find_first_of("\r\n"); end != std::string_view::npos;
         end = text.find_first_of("\r\n")) {
        out.put(text.substr(0, end));
        out.put(" ");
        text.remove_prefix(end + 1);
    }
    out.put(text);
}

void put_value(Writer& out, const script::Value& value, LogEscape escape) {
    switch (escape) {
        case LogEscape::Default:
            if (!value.is_found) {
                out.put("-");
                return;
            }
            log::escape(value.text, log::EscapeRule::Peer,
                        [&out](std::string_view piece) { out.put(piece); });
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
    Writer out(room);
    out.put(format.text.constant());
    for (const script::Part& part : format.text.parts()) {
        if (part.row == nullptr && part.capture == 0) {
            out.put(part.text);
        } else {
            put_value(out, script::evaluate(part, subject, arena, captures), format.escape);
        }
        if (out.is_cut()) {
            const std::string_view text = out.text();
            return {.size = log::cut_at_escape(text, text.size() - 1).size(), .is_cut = true};
        }
    }
    return {.size = out.text().size(), .is_cut = false};
}

}  // namespace sluice::modules
