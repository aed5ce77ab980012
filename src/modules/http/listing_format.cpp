// SPDX-License-Identifier: BSD-2-Clause
// The text of a directory listing.
// Runs in: worker.
#include "modules/http/listing_format.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/civil_time.h"
#include "proto/http/http_date.h"

namespace sluice::modules {

namespace {

using Kind = ListedFile::Kind;

constexpr std::size_t kNameWidth = 50;  // characters of a name in html

// ---- escapes ----

void append_component(std::string& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    for (const char c : text) {
        if (is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += kHex[byte >> 4U];
        out += kHex[byte & 15U];
    }
}

void append_html(std::string& out, std::string_view text) {
    for (const char c : text) {
        switch (c) {
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '&':
                out += "&amp;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
}

void append_json(std::string& out, std::string_view text) {
    constexpr std::string_view kNamed = "\b\t\n\f\r\"\\";
    constexpr std::string_view kNames = "btnfr\"\\";
    for (const char c : text) {
        const std::size_t named = kNamed.find(c);
        if (named != std::string_view::npos) {
            out += '\\';
            out += kNames[named];
        } else if (static_cast<unsigned char>(c) < 0x20) {
            fmt::format_to(std::back_inserter(out), "\\u{:04X}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
}

// ---- html ----

CivilTime civil_of(UnixSeconds when) {
    return to_civil(std::max(when, UnixSeconds{0}));
}

bool continues_character(char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
}

/// Length in characters, and the bytes of the first `count` of them.
std::size_t length_of(std::string_view name, bool is_utf8) {
    if (!is_utf8) {
        return name.size();
    }
    return name.size() -
           static_cast<std::size_t>(std::ranges::count_if(name, continues_character));
}

std::string_view first_characters(std::string_view name, std::size_t count, bool is_utf8) {
    if (!is_utf8) {
        return name.substr(0, count);
    }
    std::size_t at = 0;
    while (at < name.size() && (count > 0 || continues_character(name[at]))) {
        count -= continues_character(name[at]) ? 0U : 1U;
        ++at;
    }
    return name.substr(0, at);
}

void append_size(std::string& out, const ListingStyle& style, const ListedFile& file) {
    const auto into = std::back_inserter(out);
    if (style.has_exact_size) {
        if (file.kind == Kind::Directory) {
            fmt::format_to(into, "{:>19}", "-");
        } else {
            fmt::format_to(into, "{:>19}", file.size);
        }
        return;
    }
    if (file.kind == Kind::Directory) {
        fmt::format_to(into, "{:>7}", "-");
        return;
    }
    struct Scale {
        std::uint64_t unit;
        std::uint64_t from;
        char letter;
    };
    constexpr std::array<Scale, 3> kScales{
        {{1U << 30U, (1U << 30U) - 1, 'G'}, {1U << 20U, (1U << 20U) - 1, 'M'}, {1U << 10U, 9999, 'K'}}};
    for (const Scale& scale : kScales) {
        if (file.size > scale.from) {
            const bool is_up = file.size % scale.unit > scale.unit / 2 - 1;
            fmt::format_to(into, "{:>6}{}", file.size / scale.unit + (is_up ? 1 : 0), scale.letter);
            return;
        }
    }
    fmt::format_to(into, " {:>6}", file.size);
}

void append_html_line(std::string& out, const ListingStyle& style, const ListedFile& file) {
    const bool is_directory = file.kind == Kind::Directory;
    out += "<a href=\"";
    append_component(out, file.name);
    out += is_directory ? "/\">" : "\">";
    std::size_t length = length_of(file.name, style.is_utf8);
    if (length > kNameWidth) {
        append_html(out, first_characters(file.name, kNameWidth - 3, style.is_utf8));
        out += "..&gt;</a>";
    } else {
        append_html(out, file.name);
        if (is_directory && length < kNameWidth) {
            out += '/';
            ++length;
        }
        out += "</a>";
        out.append(kNameWidth - length, ' ');
    }
    const CivilTime time = civil_of(file.modified + style.utc_offset);
    fmt::format_to(std::back_inserter(out), " {:02}-{}-{} {:02}:{:02} ", time.day,
                   month_name(time.month), time.year, time.hour, time.minute);
    append_size(out, style, file);
    out += "\r\n";
}

// ---- json, xml ----

void append_object(std::string& out, const ListedFile& file) {
    constexpr std::array<std::string_view, 3> kKinds{"directory", "file", "other"};
    out += "{ \"name\":\"";
    append_json(out, file.name);
    std::array<char, http::kHttpDateSize> date{};
    http::format_http_date(std::max(file.modified, UnixSeconds{0}), date);
    fmt::format_to(std::back_inserter(out), "\", \"type\":\"{}\", \"mtime\":\"{}\"",
                   kKinds[static_cast<std::size_t>(file.kind)],
                   std::string_view(date.data(), date.size()));
    if (file.kind == Kind::File) {
        fmt::format_to(std::back_inserter(out), ", \"size\":{}", file.size);
    }
    out += " }";
}

void append_element(std::string& out, const ListedFile& file) {
    constexpr std::array<std::string_view, 3> kTags{"directory", "file", "other"};
    const std::string_view tag = kTags[static_cast<std::size_t>(file.kind)];
    const CivilTime time = civil_of(file.modified);
    fmt::format_to(std::back_inserter(out),
                   "<{} mtime=\"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z\"", tag, time.year, time.month,
                   time.day, time.hour, time.minute, time.second);
    if (file.kind == Kind::File) {
        fmt::format_to(std::back_inserter(out), " size=\"{}\"", file.size);
    }
    out += '>';
    append_html(out, file.name);
    fmt::format_to(std::back_inserter(out), "</{}>\r\n", tag);
}

}  // namespace

std::string_view content_type_of(ListingFormat format) {
    switch (format) {
        case ListingFormat::Html:
            return "text/html";
        case ListingFormat::Json:
            return "application/json";
        case ListingFormat::Xml:
            return "text/xml; charset=utf-8";
        case ListingFormat::Jsonp:
            return "application/javascript";
    }
    return {};
}

bool is_callback(std::string_view name) {
    constexpr std::size_t kLongest = 128;
    return name.size() <= kLongest && std::ranges::all_of(name, [](char c) {
               return is_alpha(c) || is_digit(c) || c == '_' || c == '.';
           });
}

void append_listing_head(std::string& out, const ListingStyle& style, std::string_view uri) {
    switch (style.format) {
        case ListingFormat::Html:
            out += "<html>\r\n<head><title>Index of ";
            append_html(out, uri);
            out += "</title></head>\r\n<body>\r\n<h1>Index of ";
            append_html(out, uri);
            out += "</h1><hr><pre><a href=\"../\">../</a>\r\n";
            break;
        case ListingFormat::Xml:
            out += "<?xml version=\"1.0\"?>\r\n<list>\r\n";
            break;
        case ListingFormat::Jsonp:
            // The comment keeps a name from being the first bytes of another file type.
            out += "/* callback */\r\n";
            out += style.callback;
            out += "([";
            break;
        case ListingFormat::Json:
            out += '[';
            break;
    }
}

void append_listed(std::string& out,
                   const ListingStyle& style,
                   const ListedFile& file,
                   bool is_first) {
    switch (style.format) {
        case ListingFormat::Html:
            append_html_line(out, style, file);
            break;
        case ListingFormat::Xml:
            append_element(out, file);
            break;
        case ListingFormat::Json:
        case ListingFormat::Jsonp:
            out += is_first ? "\r\n" : ",\r\n";
            append_object(out, file);
            break;
    }
}

void append_listing_end(std::string& out, const ListingStyle& style) {
    switch (style.format) {
        case ListingFormat::Html:
            out += "</pre><hr></body>\r\n</html>\r\n";
            break;
        case ListingFormat::Xml:
            out += "</list>\r\n";
            break;
        case ListingFormat::Json:
            out += "\r\n]";
            break;
        case ListingFormat::Jsonp:
            out += "\r\n]);";
            break;
    }
}

}  // namespace sluice::modules
