// SPDX-License-Identifier: BSD-2-Clause
// CharsetMap: reading its block, converting by it.
// Runs in: any (parse), worker (recode).
#include "modules/http/charset_map.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "base/ascii.h"

namespace sluice::modules {

namespace {

constexpr std::size_t kBytes = 256;
constexpr std::size_t kAscii = 128;

std::size_t index_of(char c) {
    return static_cast<unsigned char>(c);
}

// ---- UTF-8 ----

struct Decoded {
    enum class Kind : std::uint8_t { Point, Cut, Invalid };

    Kind kind = Kind::Invalid;
    std::uint32_t point = 0;
    std::size_t size = 1;  ///< bytes it takes; Cut: counts nothing
};

/// 0: no character begins like that.
std::size_t size_by_lead(unsigned char lead) {
    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xc2 || lead > 0xf4) {
        return 0;
    }
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/// The character at the front of `text`, which is not empty. RFC 3629: the shortest form only.
Decoded decode(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t size = size_by_lead(lead);
    if (size == 0) {
        return {};
    }
    std::uint32_t point = size == 1 ? lead : lead & (0xffU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        if (i == text.size()) {
            return {.kind = Decoded::Kind::Cut};
        }
        const auto byte = static_cast<unsigned char>(text[i]);
        if ((byte & 0xc0U) != 0x80) {
            return {.size = i};
        }
        point = point << 6U | (byte & 0x3fU);
    }
    constexpr std::array<std::uint32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
    if (point < kLeast[size] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
        return {.size = size};
    }
    return {.kind = Decoded::Kind::Point, .point = point, .size = size};
}

// ---- the block ----

/// "c0" as a byte.
std::optional<std::uint8_t> read_byte(std::string_view text) {
    unsigned value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (text.empty() || read.ec != std::errc{} || read.ptr != text.data() + text.size() || value >= kBytes) {
        return std::nullopt;
    }
    return static_cast<std::uint8_t>(value);
}

/// "e282ac" as a character of UTF-8.
std::optional<Utf8Symbol> read_symbol(std::string_view text) {
    Utf8Symbol symbol;
    if (text.empty() || text.size() % 2 != 0 || text.size() > 2 * symbol.bytes.size()) {
        return std::nullopt;
    }
    for (; !text.empty(); text.remove_prefix(2)) {
        const std::optional<std::uint8_t> byte = read_byte(text.substr(0, 2));
        if (!byte) {
            return std::nullopt;
        }
        symbol.bytes[symbol.size++] = static_cast<char>(*byte);
    }
    return symbol;
}

bool make_tables(conf::Build& build, CharsetMap& map) {
    Arena& arena = build.arena();
    if (map.has_utf8) {
        map.symbols = arena.make_span<Utf8Symbol>(kBytes);
        map.pages = arena.make_span<std::span<char>>(kBytes);
    } else {
        map.to_second = arena.make_span<char>(kBytes);
        map.to_first = arena.make_span<char>(kBytes);
    }
    if (map.has_utf8 ? map.symbols.empty() || map.pages.empty() : map.to_second.empty() || map.to_first.empty()) {
        return false;
    }
    for (std::size_t i = 0; i < kBytes; ++i) {
        const char itself = i < kAscii ? static_cast<char>(i) : '?';
        if (map.has_utf8) {
            map.symbols[i] = {.size = 1, .bytes = {itself}};
        } else {
            map.to_second[i] = map.to_first[i] = itself;
        }
    }
    return true;
}

/// Where `point` of UTF-8 has its byte; null: no memory.
char* place_of(conf::Build& build, CharsetMap& map, std::uint32_t point) {
    std::span<char>& page = map.pages[point >> 8U];
    if (page.empty()) {
        page = build.arena().make_span<char>(kBytes);
    }
    return page.empty() ? nullptr : &page[point & 0xffU];
}

bool read_line(conf::Build& build, const conf::Directive& line, CharsetMap& map) {
    if (line.args.size() != 1 || line.has_block) {
        return build.error(line, "invalid parameters number", "two numbers in hexadecimal, such as: c0 fe;");
    }
    const std::optional<std::uint8_t> byte = read_byte(line.name);
    if (!byte) {
        return build.error(line, "invalid value \"" + std::string(line.name) + "\"", "a byte in hexadecimal");
    }
    const conf::Argument& argument = line.args[0];
    const auto refuse = [&build, &argument](std::string expectation) {
        return build.error(argument, "invalid value \"" + std::string(argument.text) + "\"",
                           std::move(expectation));
    };
    if (!map.has_utf8) {
        const std::optional<std::uint8_t> other = read_byte(argument.text);
        if (!other) {
            return refuse("a byte in hexadecimal");
        }
        map.to_second[*byte] = static_cast<char>(*other);
        map.to_first[*other] = static_cast<char>(*byte);
        return true;
    }
    const std::optional<Utf8Symbol> symbol = read_symbol(argument.text);
    const Decoded decoded = symbol ? decode(symbol->text()) : Decoded{};
    if (decoded.kind != Decoded::Kind::Point || decoded.size != symbol->size || decoded.point > 0xffff) {
        return refuse("the bytes of one character of UTF-8 in hexadecimal, below U+10000");
    }
    char* const place = place_of(build, map, decoded.point);
    if (place == nullptr) {
        return refuse("memory for the table");
    }
    map.symbols[*byte] = *symbol;
    *place = static_cast<char>(*byte);
    return true;
}

/// One character of UTF-8 in the other charset.
char* put(const Decoded& decoded, const CharsetMap& map, char* out) {
    if (decoded.kind != Decoded::Kind::Point) {
        *out = '?';
        return out + 1;
    }
    const std::uint32_t point = decoded.point;
    if (point < kAscii) {
        *out = static_cast<char>(point);
        return out + 1;
    }
    if (point <= 0xffff) {
        const std::span<char> page = map.pages[point >> 8U];
        const char byte = page.empty() ? '\0' : page[point & 0xffU];
        if (byte != '\0') {
            *out = byte;
            return out + 1;
        }
    }
    *out++ = '&';
    *out++ = '#';
    out = std::to_chars(out, out + 8, point).ptr;
    *out++ = ';';
    return out;
}

}  // namespace

bool read_charset_map(conf::Build& build, const conf::Directive& block, CharsetMap& out) {
    constexpr std::string_view kUtf8 = "utf-8";
    out.first = block.args[0].text;
    out.second = block.args[1].text;
    if (equals_ignoring_case(out.first, out.second)) {
        return build.error(block, "\"charset_map\" between the same charsets \"" +
                                      std::string(out.first) + "\" and \"" + std::string(out.second) + "\"");
    }
    if (equals_ignoring_case(out.first, kUtf8)) {
        return build.invalid(block, block.args[0], "the charset of one byte a character first, utf-8 second");
    }
    out.has_utf8 = equals_ignoring_case(out.second, kUtf8);
    if (!make_tables(build, out)) {
        return build.error(block, "no memory for the tables");
    }
    bool is_good = true;
    for (const conf::Directive& line : block.children) {
        is_good = read_line(build, line, out) && is_good;
    }
    return is_good;
}

Recoding find_recoding(std::span<const CharsetMap* const> maps, std::string_view from, std::string_view to) {
    for (const CharsetMap* const map : maps) {
        for (const bool is_backward : {false, true}) {
            if (equals_ignoring_case(is_backward ? map->second : map->first, from) &&
                equals_ignoring_case(is_backward ? map->first : map->second, to)) {
                return {.map = map, .is_backward = is_backward};
            }
        }
    }
    return {};
}

// ---- converting ----

std::size_t Recoder::fitting(std::size_t room) const {
    if (recoding_.keeps_length()) {
        return std::max<std::size_t>(room, 1);
    }
    const std::size_t symbols = room / kMostPerByte;
    return symbols > kMaxSymbol ? symbols - kMaxSymbol : 1;
}

std::size_t Recoder::convert(std::string_view text, char* out) {
    const CharsetMap& map = *recoding_.map;
    char* at = out;
    if (!map.has_utf8) {
        const std::span<char> table = recoding_.is_backward ? map.to_first : map.to_second;
        for (const char c : text) {
            *at++ = table[index_of(c)];
        }
    } else if (recoding_.is_backward) {
        at = from_utf8(text, out);
    } else {
        for (const char c : text) {
            const std::string_view symbol = map.symbols[index_of(c)].text();
            at = std::copy(symbol.begin(), symbol.end(), at);
        }
    }
    return static_cast<std::size_t>(at - out);
}

char* Recoder::from_utf8(std::string_view text, char* out) {
    const CharsetMap& map = *recoding_.map;
    while (cut_size_ > 0 && !text.empty()) {
        cut_[cut_size_++] = text.front();
        const Decoded whole = decode({cut_.data(), cut_size_});
        if (whole.kind == Decoded::Kind::Cut) {
            text.remove_prefix(1);
            continue;
        }
        // An invalid one ends before the byte that cannot belong to it.
        const bool is_taken = whole.size == cut_size_;
        text.remove_prefix(is_taken ? 1 : 0);
        out = put(whole, map, out);
        cut_size_ = 0;
    }
    while (!text.empty()) {
        if (index_of(text.front()) < kAscii) {
            *out++ = text.front();
            text.remove_prefix(1);
            continue;
        }
        const Decoded decoded = decode(text);
        if (decoded.kind == Decoded::Kind::Cut) {
            cut_size_ = text.copy(cut_.data(), cut_.size());
            break;
        }
        out = put(decoded, map, out);
        text.remove_prefix(decoded.size);
    }
    return out;
}

}  // namespace sluice::modules
