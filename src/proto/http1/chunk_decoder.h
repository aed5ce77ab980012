// SPDX-License-Identifier: BSD-2-Clause
// ChunkDecoder: RFC 9112 §7.1 to the letter, resumable at every byte. It holds no bytes: content is
// given as views of the input. What two servers could read differently is malformed.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::http1 {

class ChunkDecoder {
  public:
    enum class Outcome : std::uint8_t {
        More,       ///< all input is used, the body has not ended
        Content,    ///< `content` is a part of the body; feed the rest of the input next
        Done,       ///< the body has ended behind `used` bytes
        Malformed,  ///< not a chunked body, or one with more framing than anyone needs
    };

    struct Step {
        Outcome outcome = Outcome::More;
        std::size_t used = 0;      ///< bytes of the input that belong to the body
        std::string_view content;  ///< a view of the input, only with Content
    };

    /// Decodes up to the next run of content, or to the end of `bytes`.
    [[nodiscard]] Step feed(std::string_view bytes);

    /// Content given so far.
    [[nodiscard]] std::uint64_t content() const { return content_; }

  private:
    enum class State : std::uint8_t {
        SizeStart,       // first digit of a size
        Size,            // further digits
        BeforeExt,       // white space between size (or extension) and ';'
        ExtNameStart,    // behind ';'
        ExtName,         //
        BeforeEquals,    // white space behind a name
        ExtValueStart,   // behind '='
        ExtToken,        //
        ExtQuoted,       //
        ExtQuotedPair,   // behind a backslash
        ExtQuoteClosed,  // behind the closing quote
        SizeLf,          // LF of a size line
        Data,            //
        DataCr,          //
        DataLf,          //
        TrailerStart,    // first byte of a line behind the last chunk
        TrailerName,     //
        TrailerValue,    //
        TrailerLf,       //
        FinalLf,         // LF of the empty line at the end
        Done,
        Bad,
    };

    [[nodiscard]] State next(char c);
    [[nodiscard]] State next_in_size(char c);
    [[nodiscard]] State next_in_extension(char c) const;
    [[nodiscard]] State next_in_trailer(char c) const;
    [[nodiscard]] State end_of_name(char c) const;
    [[nodiscard]] State begin_data() const;
    [[nodiscard]] bool is_too_wordy() const;
    [[nodiscard]] Step take_data(std::string_view bytes, std::size_t at);

    State state_ = State::SizeStart;
    std::uint64_t left_ = 0;  ///< of the chunk being read
    std::uint64_t content_ = 0;
    std::uint64_t framing_ = 0;
};

}  // namespace sluice::http1
