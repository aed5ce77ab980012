// SPDX-License-Identifier: BSD-2-Clause
// Variables with a name inside.
// Runs in: worker.
#include "proto/http/prefix_variables.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "proto/http/exchange.h"
#include "proto/http/http_date.h"
#include "script/value_text.h"

namespace sluice::http {

namespace {

using script::Value;

const Exchange& of(const void* subject) {
    return *static_cast<const Exchange*>(subject);
}

Value optional(std::string_view text) {
    return text.data() == nullptr ? Value::none() : Value{text};
}

// "user_agent" names User-Agent.
bool is_named(std::string_view field, std::string_view variable) {
    if (field.size() != variable.size()) {
        return false;
    }
    for (std::size_t i = 0; i < field.size(); ++i) {
        const char c = field[i] == '-' ? '_' : to_lower(field[i]);
        if (c != to_lower(variable[i])) {
            return false;
        }
    }
    return true;
}

/// The pieces that `list` hands to what it is given, with `glue` between them. Built at once: a client
/// may send a field as often as its head has room for.
template <class List>
Value joined(Arena& arena, std::string_view glue, const List& list) {
    std::size_t count = 0;
    std::size_t size = 0;
    std::string_view last;
    list([&](std::string_view piece) {
        ++count;
        size += piece.size();
        last = piece;
    });
    if (count <= 1) {
        return count == 0 ? Value::none() : Value{last};
    }
    size += (count - 1) * glue.size();
    char* const out = static_cast<char*>(arena.allocate(size, 1));
    if (out == nullptr) {
        return Value::no_room();
    }
    char* at = out;
    list([&, is_first = true](std::string_view piece) mutable {
        at = is_first ? at : std::copy(glue.begin(), glue.end(), at);
        at = std::copy(piece.begin(), piece.end(), at);
        is_first = false;
    });
    return {{out, size}};
}

// A field that a handler has rendered into prepared_lines.
std::string_view find_prepared(std::string_view lines, std::string_view name) {
    while (!lines.empty()) {
        const std::size_t end = std::min(lines.find("\r\n"), lines.size());
        const std::string_view line = lines.substr(0, end);
        const std::size_t colon = line.find(':');
        if (colon != std::string_view::npos && is_named(line.substr(0, colon), name)) {
            return trim(line.substr(colon + 1));
        }
        lines.remove_prefix(std::min(end + 2, lines.size()));
    }
    return {};
}

// Fields that the wire makes of the reply's members.
Value member_field(const Reply& reply, Arena& arena, std::string_view name) {
    if (name == "content_type") {
        return optional(reply.content_type.empty() ? std::string_view{} : reply.content_type);
    }
    if (name == "content_length" && reply.length >= 0) {
        return script::number_text(arena, reply.length);
    }
    if (name == "location") {
        return reply.location.empty() ? Value::none() : Value{reply.location};
    }
    if (name == "etag") {
        return reply.etag.empty() ? Value::none() : Value{reply.etag};
    }
    if (name == "last_modified" && reply.last_modified.count() >= 0) {
        std::array<char, kHttpDateSize> text{};
        format_http_date(reply.last_modified, text);
        return script::kept_text(arena, {text.data(), text.size()});
    }
    if (name == "transfer_encoding" && reply.length < 0 && !reply.is_head_only) {
        return {"chunked"};
    }
    if (name == "connection") {
        return {reply.closes ? "close" : "keep-alive"};
    }
    return Value::none();
}

}  // namespace

Value get_argument(const void* subject, Arena&, std::string_view name) {
    std::string_view rest = of(subject).request.args;
    while (!rest.empty() && !name.empty()) {
        const std::size_t end = std::min(rest.find('&'), rest.size());
        const std::string_view pair = rest.substr(0, end);
        const std::size_t equals = pair.find('=');
        if (equals != pair.npos && equals_ignoring_case(pair.substr(0, equals), name)) {
            return {pair.substr(equals + 1)};
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return Value::none();
}

Value get_request_field(const void* subject, Arena& arena, std::string_view name) {
    const std::string_view glue = is_named("Cookie", name) ? "; " : ", ";
    return joined(arena, glue, [&](auto&& take) {
        for (const Header& header : of(subject).request.headers) {
            if (is_named(header.name, name)) {
                take(header.value);
            }
        }
    });
}

Value get_reply_field(const void* subject, Arena& arena, std::string_view name) {
    const Reply& reply = of(subject).reply;
    Value own = member_field(reply, arena, name);
    if (!own.is_found && own.has_room()) {
        own = optional(find_prepared(reply.prepared_lines, name));
    }
    if (!own.has_room()) {
        return own;
    }
    return joined(arena, ", ", [&](auto&& take) {
        if (own.is_found) {
            take(own.text);
        }
        for (const ReplyHeader* at = reply.headers; at != nullptr; at = at->next) {
            if (is_named(at->name, name)) {
                take(at->value);
            }
        }
    });
}

Value get_reply_trailer(const void* subject, Arena& arena, std::string_view name) {
    return joined(arena, ", ", [&](auto&& take) {
        for (const ReplyHeader* at = of(subject).reply.trailers; at != nullptr; at = at->next) {
            if (is_named(at->name, name)) {
                take(at->value);
            }
        }
    });
}

Value get_cookie(const void* subject, Arena&, std::string_view name) {
    for (const Header& header : of(subject).request.headers) {
        if (header.field != Field::Cookie) {
            continue;
        }
        std::string_view rest = header.value;
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find(';'), rest.size());
            const std::string_view pair = trim(rest.substr(0, end));
            const std::size_t equals = pair.find('=');
            if (equals != pair.npos && equals_ignoring_case(pair.substr(0, equals), name)) {
                return {pair.substr(equals + 1)};
            }
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    return Value::none();
}

}  // namespace sluice::http
