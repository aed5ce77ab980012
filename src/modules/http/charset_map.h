// SPDX-License-Identifier: BSD-2-Clause
// CharsetMap: what one charset_map block says about two charsets, and the Recoder that converts
// text by it. Known are charsets of one byte a character and, as the second of two, UTF-8.
// Runs in: any (parse), worker (recode).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "conf/build.h"
#include "conf/tree.h"

namespace sluice::modules {

/// A character of UTF-8.
struct Utf8Symbol {
    std::uint8_t size = 0;
    std::array<char, 4> bytes{};

    [[nodiscard]] std::string_view text() const { return {bytes.data(), size}; }
};

/// Lives: as long as the generation.
struct CharsetMap {
    std::string_view first;
    std::string_view second;
    bool has_utf8 = false;  ///< `second` is UTF-8

    // Both of one byte; 256 characters each.
    std::span<char> to_second;
    std::span<char> to_first;

    // With UTF-8.
    std::span<Utf8Symbol> symbols;      ///< of the 256 characters of `first`
    std::span<std::span<char>> pages;  ///< 256 by the code point's upper byte; each empty or 256, 0: unknown
};

/// Reads a block "charset_map first second { … }" into `out`; false: errors were reported.
bool read_charset_map(conf::Build& build, const conf::Directive& block, CharsetMap& out);

/// One direction of a map.
struct Recoding {
    const CharsetMap* map = nullptr;  ///< null: there is none
    bool is_backward = false;         ///< from the second to the first

    /// Whether a text has as many bytes afterwards.
    [[nodiscard]] bool keeps_length() const { return !map->has_utf8; }
};

/// The way from one charset to the other, by their names in any case.
[[nodiscard]] Recoding find_recoding(std::span<const CharsetMap* const> maps,
                                     std::string_view from,
                                     std::string_view to);

/// Converts a text piece by piece; a character may be cut by the end of a piece. What `to` has no
/// byte for is written as nginx does: "&#8364;" or '?'; a character that the text's end cuts is lost.
class Recoder {
  public:
    explicit Recoder(const Recoding& recoding) : recoding_(recoding) {}

    /// At most that many bytes come of `size`.
    [[nodiscard]] std::size_t bound(std::size_t size) const {
        return recoding_.keeps_length() ? size : kMostPerByte * (size + kMaxSymbol);
    }
    /// How many bytes may be given for at most `room` to come; at least 1.
    [[nodiscard]] std::size_t fitting(std::size_t room) const;

    /// Writes to `out`, which has room for bound(text.size()); gives how many bytes.
    [[nodiscard]] std::size_t convert(std::string_view text, char* out);

  private:
    static constexpr std::size_t kMaxSymbol = 4;
    static constexpr std::size_t kMostPerByte = 4;  ///< "&#2047;" of two bytes, a symbol of one

    [[nodiscard]] char* from_utf8(std::string_view text, char* out);

    Recoding recoding_;
    std::array<char, kMaxSymbol> cut_{};  ///< beginning of a character
    std::size_t cut_size_ = 0;
};

}  // namespace sluice::modules
