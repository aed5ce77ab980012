// SPDX-License-Identifier: BSD-2-Clause
// Reading error lines back.
// Runs in: any.
#include "log/error_fields.h"

#include <array>
#include <charconv>

#include "log/log.h"

namespace sluice::log {

namespace {

using Member = std::string_view ErrorFields::*;

struct Key {
    std::string_view text;
    Member member;
};

constexpr std::array<Key, 7> kKeys = {{
    {", client: ", &ErrorFields::client},
    {", server: ", &ErrorFields::server},
    {", request: ", &ErrorFields::request},
    {", subrequest: ", &ErrorFields::subrequest},
    {", upstream: ", &ErrorFields::upstream},
    {", host: ", &ErrorFields::host},
    {", referrer: ", &ErrorFields::referrer},
}};

template <class Number>
std::optional<Number> take_number(std::string_view& text) {
    Number out = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (code != std::errc{}) {
        return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return out;
}

/// `*7 ` at the start.
void take_connection(std::string_view& text, ErrorFields& out) {
    std::string_view rest = text;
    if (!rest.starts_with('*')) {
        return;
    }
    rest.remove_prefix(1);
    const auto number = take_number<std::uint64_t>(rest);
    if (number && rest.starts_with(' ')) {
        out.connection = number;
        text = rest.substr(1);
    }
}

/// The errno of `(2: No such file or directory)` at the start, or 0.
int errno_at(std::string_view text) {
    text.remove_prefix(1);
    const auto number = take_number<int>(text);
    if (!number || *number <= 0 || !text.starts_with(": ")) {
        return 0;
    }
    text.remove_prefix(2);
    const std::string_view name = error_text(*number);
    return text.starts_with(name) && text.substr(name.size()).starts_with(')') ? *number : 0;
}

/// Bytes of the message, which ends where the context begins; reads the errno on the way.
std::size_t read_message(std::string_view text, ErrorFields& out) {
    bool is_quoted = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '"') {
            is_quoted = !is_quoted;
        } else if (is_quoted) {
            continue;
        } else if (text[at] == '(') {
            const int found = errno_at(text.substr(at));
            out.error = found != 0 ? found : out.error;
        } else if (text[at] == ',' && text.substr(at).starts_with(kKeys.front().text)) {
            return at;
        }
    }
    return text.size();
}

const Key* key_at(std::string_view text) {
    for (const Key& key : kKeys) {
        if (text.starts_with(key.text)) {
            return &key;
        }
    }
    return nullptr;
}

/// Takes the value at the start: between quotes, or up to the next key.
std::string_view take_value(std::string_view& text) {
    std::size_t end = 0;
    if (text.starts_with('"')) {
        text.remove_prefix(1);
        end = text.find('"');
        const std::string_view value = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        return value;
    }
    while (end < text.size() && key_at(text.substr(end)) == nullptr) {
        ++end;
    }
    const std::string_view value = text.substr(0, end);
    text.remove_prefix(end);
    return value;
}

std::optional<unsigned> hex_digit(char c) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    const std::size_t found = kDigits.find(c);
    return found == std::string_view::npos ? std::nullopt
                                           : std::optional(static_cast<unsigned>(found));
}

}  // namespace

ErrorFields error_fields(std::string_view text) {
    ErrorFields out;
    take_connection(text, out);
    const std::size_t size = read_message(text, out);
    out.message = text.substr(0, size);
    text.remove_prefix(size);
    while (const Key* const key = key_at(text)) {
        text.remove_prefix(key->text.size());
        out.*key->member = take_value(text);
    }
    return out;
}

std::optional<char> escaped_byte(std::string_view text) {
    if (text.size() < 4 || !text.starts_with("\\x")) {
        return std::nullopt;
    }
    const auto high = hex_digit(text[2]);
    const auto low = hex_digit(text[3]);
    if (!high || !low) {
        return std::nullopt;
    }
    return static_cast<char>(static_cast<unsigned char>(*high << 4U | *low));
}

}  // namespace sluice::log
