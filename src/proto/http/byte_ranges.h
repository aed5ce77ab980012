// SPDX-License-Identifier: BSD-2-Clause
// Byte ranges: what a Range field asks of a representation of known size (RFC 9110 §14). Nothing is
// stored: the field's text is read again whenever its ranges are needed, so that a thousand ranges
// cost no memory.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::http {

/// The bytes [first, end) of a representation; never empty.
struct ByteRange {
    std::uint64_t first = 0;
    std::uint64_t end = 0;

    [[nodiscard]] std::uint64_t size() const { return end - first; }
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// Walks the ranges of a field's value in the order of the text. Lives: as long as the text.
class RangeReader {
  public:
    /// `value` as received, unit included; `size` of the whole representation.
    RangeReader(std::string_view value, std::uint64_t size);

    /// The next range that has bytes here; ranges past the end are stepped over. Nothing at the end
    /// of the text, and from the first that cannot be read or asks for the whole of nothing on.
    [[nodiscard]] std::optional<ByteRange> next();

    enum class State : std::uint8_t {
        Ranges,     ///< more may come
        Done,       ///< read to the end
        Malformed,  ///< not a set of byte ranges
        Ignored,    ///< another unit, or `0-` of an empty representation: answer with the whole
    };

    [[nodiscard]] State state() const { return state_; }

  private:
    void skip_blanks();
    [[nodiscard]] std::optional<std::uint64_t> number();
    [[nodiscard]] std::optional<ByteRange> one();
    [[nodiscard]] std::optional<ByteRange> fail();

    std::string_view rest_;
    std::uint64_t size_;
    State state_ = State::Ranges;
};

struct RangeAnswer {
    enum class Kind : std::uint8_t {
        Whole,          ///< answer 200
        One,            ///< answer 206 with `first`
        Several,        ///< answer 206, multipart/byteranges
        Unsatisfiable,  ///< answer 416: all past the end, or not ranges
    };

    Kind kind = Kind::Whole;
    ByteRange first;        ///< One, Several
    std::size_t count = 0;  ///< ranges that have bytes
    friend bool operator==(const RangeAnswer&, const RangeAnswer&) = default;
};

/// Judges the field's value as nginx does: more than `most` ranges, or ranges that together are
/// larger than the whole (they overlap then), are answered with the whole.
[[nodiscard]] RangeAnswer judge_ranges(std::string_view value,
                                       std::uint64_t size,
                                       std::uint64_t most);

}  // namespace sluice::http
