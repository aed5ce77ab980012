// SPDX-License-Identifier: BSD-2-Clause
// Request targets and paths.
// Runs in: any.
#include "proto/http/uri.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace sluice::http {

namespace {

using Malformed = std::unexpected<UriFault>;

constexpr Malformed malformed() {
    return Malformed(UriFault::Malformed);
}

constexpr bool is_control(char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
}

// Bytes that end the fast walk over a path that needs no rewriting.
constexpr std::array<bool, 256> kNeedsLook = [] {
    std::array<bool, 256> table{};
    for (std::size_t i = 0; i <= 0x20; ++i) {
        table[i] = true;
    }
    for (const char c : {'\x7f', '%', '#', '?', '/'}) {
        table[static_cast<unsigned char>(c)] = true;
    }
    return table;
}();

struct Split {
    std::string_view path;  // raw
    std::string_view args;
    bool is_plain = true;  // path needs no decoding, no dot or slash handling
    bool is_bad = false;
};

// A '/' followed by one of these may be a dot segment or a double slash.
bool starts_odd_segment(std::string_view text, std::size_t slash) {
    return slash + 1 < text.size() && (text[slash + 1] == '/' || text[slash + 1] == '.');
}

// Finds where the path and the arguments end. A fragment, which no client should send, is cut.
Split split(std::string_view text) {
    Split out;
    std::size_t at = 0;
    for (;; ++at) {
        const char* plain = text.data() + at;
        const char* const end = text.data() + text.size();
        while (plain != end && !kNeedsLook[static_cast<unsigned char>(*plain)]) {
            ++plain;
        }
        at = static_cast<std::size_t>(plain - text.data());
        if (at == text.size()) {
            break;
        }
        const char c = text[at];
        if (c == '?' || c == '#') {
            break;
        }
        if (c == '/') {
            out.is_plain = out.is_plain && !starts_odd_segment(text, at);
            continue;
        }
        out.is_bad = out.is_bad || c != '%';
        out.is_plain = false;
    }
    out.path = text.substr(0, at);
    if (at == text.size()) {
        return out;
    }
    const std::string_view rest = text.substr(at + 1);
    for (const char c : rest) {
        out.is_bad = out.is_bad || is_control(c);
    }
    if (text[at] == '?') {
        out.args = rest.substr(0, rest.find('#'));
    }
    return out;
}

// The output of normalise(): decoded bytes, and where the segment being read began.
struct PathBuilder {
    char* begin;
    char* end;
    char* segment;
    bool merges_slashes;

    // At the end of a segment. False where ".." climbs above the root.
    bool close_segment(bool is_slash) {
        const std::string_view name(segment, static_cast<std::size_t>(end - segment));
        if (name == ".") {
            end = segment;
        } else if (name == "..") {
            if (segment - begin <= 1) {
                return false;
            }
            end = segment - 1;
            while (end[-1] != '/') {
                --end;
            }
        } else if (is_slash && !(name.empty() && merges_slashes && end != begin)) {
            *end++ = '/';
        }
        segment = end;
        return true;
    }
};

// nginx decodes "%25", "%23" and "%3F" to bytes that stand for themselves; an encoded slash or dot
// acts as the byte it stands for.
std::expected<std::string_view, UriFault> normalise(std::string_view raw,
                                                    bool merge_slashes,
                                                    Arena& arena) {
    char* const out = static_cast<char*>(arena.allocate(raw.size() + 1, 1));
    if (out == nullptr) {
        return std::unexpected(UriFault::NoMemory);
    }
    PathBuilder path{out, out, out, merge_slashes};
    for (std::size_t at = 0; at < raw.size(); ++at) {
        char c = raw[at];
        if (c == '%') {
            const int high = at + 2 < raw.size() ? hex_value(raw[at + 1]) : -1;
            const int low = at + 2 < raw.size() ? hex_value(raw[at + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0)) {
                return malformed();
            }
            c = static_cast<char>(high * 16 + low);
            at += 2;
        }
        if (c != '/') {
            *path.end++ = c;
        } else if (!path.close_segment(true)) {
            return malformed();
        }
    }
    if (!path.close_segment(false)) {
        return malformed();
    }
    return std::string_view(out, static_cast<std::size_t>(path.end - out));
}

// "http://host:80/path" → authority, and `text` becomes "/path…" or what follows the authority.
std::string_view take_authority(std::string_view& text) {
    const std::size_t colon = text.find("://");
    if (colon == std::string_view::npos || colon == 0 || !is_alpha(text.front())) {
        return {};
    }
    for (const char c : text.substr(0, colon)) {
        if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') {
            return {};
        }
    }
    text.remove_prefix(colon + 3);
    const std::size_t size = std::min(text.find_first_of("/?#"), text.size());
    const std::string_view authority = text.substr(0, size);
    text.remove_prefix(size);
    return authority;
}

constexpr bool is_unreserved(char c) {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

bool is_escaped(char c, Escape what) {
    constexpr std::string_view kUnsafe = "\"#%<>?\\^`{|}";
    if (what == Escape::Component) {
        return !is_unreserved(c);
    }
    constexpr std::string_view kNotInArgument = " #%&+;?";
    if (what == Escape::Argument) {
        return is_control(c) || static_cast<unsigned char>(c) > 0x7f ||
               kNotInArgument.find(c) != std::string_view::npos;
    }
    return is_control(c) || static_cast<unsigned char>(c) > 0x7f ||
           kUnsafe.find(c) != std::string_view::npos;
}

}  // namespace

std::expected<Uri, UriFault> parse_target(std::string_view target,
                                          bool merge_slashes,
                                          Arena& arena) {
    Uri uri;
    if (target == "*") {
        uri.path = target;
        return uri;
    }
    std::string_view text = target;
    if (!text.starts_with('/')) {
        uri.authority = take_authority(text);
        if (uri.authority.empty()) {
            return malformed();
        }
        uri.is_complex = true;
    }
    const Split parts = split(text);
    if (parts.is_bad) {
        return malformed();
    }
    uri.args = parts.args;
    if (parts.path.empty()) {
        uri.path = "/";
        return uri;
    }
    if (parts.is_plain) {
        uri.path = parts.path;
        return uri;
    }
    const auto path = normalise(parts.path, merge_slashes, arena);
    if (!path) {
        return std::unexpected(path.error());
    }
    uri.path = *path;
    uri.is_complex = true;
    return uri;
}

std::expected<std::string_view, UriFault> normalise_path(std::string_view raw,
                                                         bool merge_slashes,
                                                         Arena& arena) {
    if (!raw.starts_with('/') || raw.find('\0') != raw.npos) {
        return malformed();
    }
    return normalise(raw, merge_slashes, arena);
}

std::string_view escape(std::string_view text, Escape what, Arena& arena) {
    std::size_t count = 0;
    for (const char c : text) {
        count += is_escaped(c, what) ? 1U : 0U;
    }
    if (count == 0) {
        return text;
    }
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    const std::size_t size = text.size() + 2 * count;
    char* const out = static_cast<char*>(arena.allocate(size, 1));
    if (out == nullptr) {
        return {};
    }
    char* at = out;
    for (const char c : text) {
        if (!is_escaped(c, what)) {
            *at++ = c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        *at++ = '%';
        *at++ = kDigits[byte >> 4];
        *at++ = kDigits[byte & 15];
    }
    return {out, size};
}

}  // namespace sluice::http
