// SPDX-License-Identifier: BSD-2-Clause
// Building what a `rewrite` gives.
// Runs in: worker.
#include "modules/http/replacement_text.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/ascii.h"
#include "base/concatenate.h"
#include "proto/http/uri.h"

namespace sluice::modules {

namespace {

using http::Exchange;

// Whether the client's own path had escapes: then what was captured of it has lost them.
bool was_escaped(const Exchange& exchange) {
    const std::string_view target = exchange.request.target;
    return target.substr(0, target.find('?')).find_first_of("%+") != std::string_view::npos;
}

// `text` with every captured group escaped as a value of an argument.
std::string_view render_escaped(Exchange& exchange, const script::Template& text) {
    if (text.is_constant() || !was_escaped(exchange)) {
        return exchange.render(text);
    }
    Arena& arena = exchange.arena;
    const auto parts = arena.make_span<std::string_view>(text.parts().size());
    if (parts.empty()) {
        return {};
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const script::Part& part = text.parts()[i];
        const bool is_literal = part.row == nullptr && part.capture == 0;
        const script::Value found = is_literal
                                        ? script::Value{part.text}
                                        : evaluate(part, &exchange, arena, exchange.captures);
        if (!found.has_room()) {
            return {};
        }
        std::string_view value = found.text;
        if (part.capture != 0) {
            value = escape(value, http::Escape::Argument, arena);
            if (value.data() == nullptr && !value.empty()) {
                return {};
            }
        }
        parts[i] = value;
    }
    return concatenate(arena, parts);
}

// A redirect's path is shown unescaped where that is safe in a Location: nginx does so with what
// the lines above escaped.
std::string_view unescape_redirect(Exchange& exchange, std::string_view text) {
    if (text.find('%') == std::string_view::npos) {
        return text;
    }
    char* const out = static_cast<char*>(exchange.arena.allocate(text.size() + 1, 1));
    if (out == nullptr) {
        return {};
    }
    char* to = out;
    std::size_t at = 0;
    while (at < text.size() && text[at] != '?') {
        const bool is_pair = text[at] == '%' && at + 2 < text.size() &&
                             hex_value(text[at + 1]) >= 0 && hex_value(text[at + 2]) >= 0;
        const int byte = is_pair ? hex_value(text[at + 1]) * 16 + hex_value(text[at + 2]) : 0;
        if (is_pair && byte == '?') {
            *to++ = '?';
            at += 3;
            break;  // what follows are arguments
        }
        if (is_pair && byte > '%' && byte < 0x7f) {
            *to++ = static_cast<char>(byte);
            at += 3;
            continue;
        }
        *to++ = text[at++];
    }
    to = std::copy(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), to);
    return {out, static_cast<std::size_t>(to - out)};
}

}  // namespace

RewrittenUri rewritten_uri(Exchange& exchange, const Replacement& replacement) {
    const std::string_view own = exchange.request.args;
    RewrittenUri out;
    out.path = exchange.render(replacement.path);
    if (!replacement.has_args) {
        out.args = replacement.keeps_args && own.data() != nullptr ? own : std::string_view("");
        return out;
    }
    out.args = render_escaped(exchange, replacement.args);
    if (replacement.keeps_args && !own.empty() && out.args.data() != nullptr) {
        const std::array<std::string_view, 3> parts{out.args, "&", own};
        out.args = concatenate(exchange.arena, parts);
    }
    return out;
}

std::string_view redirect_text(Exchange& exchange, const Replacement& replacement) {
    const std::string_view rendered = render_escaped(exchange, replacement.path);
    if (rendered.data() == nullptr) {
        return {};
    }
    const std::string_view text = unescape_redirect(exchange, rendered);
    const std::string_view own = exchange.request.args;
    if (text.data() == nullptr || !replacement.keeps_args || own.empty()) {
        return text;
    }
    const std::array<std::string_view, 3> parts{text, replacement.has_args ? "&" : "?", own};
    return concatenate(exchange.arena, parts);
}

}  // namespace sluice::modules
