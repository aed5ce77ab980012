// SPDX-License-Identifier: BSD-2-Clause
// Variables with a name inside.
// Runs in: worker.
#include "proto/http/prefix_variables.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/ascii.h"
#include "proto/http/exchange.h"
#include "proto/http/http_date.h"

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

Value joined(Arena& arena, std::string_view first, std::string_view glue, std::string_view second) {
    const std::size_t size = first.size() + glue.size() + second.size();
    char* const out = static_cast<char*>(arena.allocate(size, 1));
    if (out == nullptr) {
        return Value::none();
    }
    char* at = out;
    for (const std::string_view part : {first, glue, second}) {
        at = std::copy(part.begin(), part.end(), at);
    }
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
        const fmt::format_int text(reply.length);
        return optional(arena.copy({text.data(), text.size()}));
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
        return optional(arena.copy({text.data(), text.size()}));
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
    Value value = Value::none();
    for (const Header& header : of(subject).request.headers) {
        if (!is_named(header.name, name)) {
            continue;
        }
        const std::string_view glue = header.field == Field::Cookie ? "; " : ", ";
        value =
            value.is_found ? joined(arena, value.text, glue, header.value) : Value{header.value};
    }
    return value;
}

Value get_reply_field(const void* subject, Arena& arena, std::string_view name) {
    const Reply& reply = of(subject).reply;
    Value value = member_field(reply, arena, name);
    if (!value.is_found) {
        value = optional(find_prepared(reply.prepared_lines, name));
    }
    for (const ReplyHeader* header = reply.headers; header != nullptr; header = header->next) {
        if (is_named(header->name, name)) {
            value = value.is_found ? joined(arena, value.text, ", ", header->value)
                                   : Value{header->value};
        }
    }
    return value;
}

Value get_reply_trailer(const void* subject, Arena& arena, std::string_view name) {
    Value value = Value::none();
    for (const ReplyHeader* at = of(subject).reply.trailers; at != nullptr; at = at->next) {
        if (is_named(at->name, name)) {
            value = value.is_found ? joined(arena, value.text, ", ", at->value) : Value{at->value};
        }
    }
    return value;
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
