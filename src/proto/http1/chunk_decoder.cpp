// SPDX-License-Identifier: BSD-2-Clause
// Chunks: one state per place in the grammar, one byte per step, content in runs.
// Runs in: worker.
#include "proto/http1/chunk_decoder.h"

#include <algorithm>

#include "proto/http1/bytes.h"

namespace sluice::http1 {

namespace {

// What sizes, extensions and trailers may add to the content: a peer that sends one byte a chunk is
// served, one that only sends extensions is not.
constexpr std::uint64_t kFramingAllowance = 32 * 1024;
constexpr std::uint64_t kFramingPerByte = 16;
// A body longer than this overflows what counts it.
constexpr std::uint64_t kMaxContent = INT64_MAX;

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

// HTAB, SP, VCHAR and obs-text: what quoted strings and field values are made of.
bool is_text(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

ChunkDecoder::Step ChunkDecoder::feed(std::string_view bytes) {
    std::size_t at = 0;
    while (at < bytes.size() && state_ != State::Done && state_ != State::Bad) {
        if (state_ == State::Data) {
            return take_data(bytes, at);
        }
        state_ = next(bytes[at++]);
        ++framing_;
        if (is_too_wordy()) {
            state_ = State::Bad;
        }
    }
    const Outcome outcome = state_ == State::Done  ? Outcome::Done
                            : state_ == State::Bad ? Outcome::Malformed
                                                   : Outcome::More;
    return {outcome, at, {}};
}

ChunkDecoder::Step ChunkDecoder::take_data(std::string_view bytes, std::size_t at) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
    left_ -= size;
    content_ += size;
    if (left_ == 0) {
        state_ = State::DataCr;
    }
    return {Outcome::Content, at + size, bytes.substr(at, size)};
}

bool ChunkDecoder::is_too_wordy() const {
    // The second term cannot overflow before the first is reached many times over.
    return framing_ > kFramingAllowance &&
           (framing_ - kFramingAllowance) / kFramingPerByte > content_;
}

ChunkDecoder::State ChunkDecoder::next(char c) {
    switch (state_) {
        case State::SizeStart:
        case State::Size:
            return next_in_size(c);
        case State::SizeLf:
            return c == '\n' ? begin_data() : State::Bad;
        case State::DataCr:
            return c == '\r' ? State::DataLf : State::Bad;
        case State::DataLf:
            return c == '\n' ? State::SizeStart : State::Bad;
        case State::TrailerStart:
        case State::TrailerName:
        case State::TrailerValue:
        case State::TrailerLf:
            return next_in_trailer(c);
        case State::FinalLf:
            return c == '\n' ? State::Done : State::Bad;
        case State::Data:
        case State::Done:
        case State::Bad:
            return State::Bad;
        default:
            return next_in_extension(c);
    }
}

// chunk-size = 1*HEXDIG
ChunkDecoder::State ChunkDecoder::next_in_size(char c) {
    const int digit = hex_value(c);
    if (digit < 0) {
        return state_ == State::SizeStart ? State::Bad : end_of_name(c);
    }
    const std::uint64_t before = state_ == State::SizeStart ? 0 : left_;
    if (before > (kMaxContent >> 4)) {
        return State::Bad;
    }
    left_ = before * 16 + static_cast<std::uint64_t>(digit);
    return left_ > kMaxContent - content_ ? State::Bad : State::Size;
}

// Behind a size or an extension: the line's end, or white space and another extension.
ChunkDecoder::State ChunkDecoder::end_of_name(char c) const {
    if (c == '\r') {
        return State::SizeLf;
    }
    if (c == ';') {
        return State::ExtNameStart;
    }
    return is_blank(c) ? State::BeforeExt : State::Bad;
}

ChunkDecoder::State ChunkDecoder::begin_data() const {
    return left_ > 0 ? State::Data : State::TrailerStart;
}

// chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS ( token / quoted-string ) ] )
ChunkDecoder::State ChunkDecoder::next_in_extension(char c) const {
    switch (state_) {
        case State::BeforeExt:
            return c == ';' ? State::ExtNameStart : is_blank(c) ? State::BeforeExt : State::Bad;
        case State::ExtNameStart:
            return is_token_byte(c) ? State::ExtName
                   : is_blank(c)    ? State::ExtNameStart
                                    : State::Bad;
        case State::ExtName:
            if (is_token_byte(c)) {
                return State::ExtName;
            }
            return c == '='      ? State::ExtValueStart
                   : is_blank(c) ? State::BeforeEquals
                                 : end_of_name(c);
        case State::BeforeEquals:
            return c == '='      ? State::ExtValueStart
                   : c == ';'    ? State::ExtNameStart
                   : is_blank(c) ? State::BeforeEquals
                                 : State::Bad;
        case State::ExtValueStart:
            return c == '"'           ? State::ExtQuoted
                   : is_token_byte(c) ? State::ExtToken
                   : is_blank(c)      ? State::ExtValueStart
                                      : State::Bad;
        case State::ExtToken:
            return is_token_byte(c) ? State::ExtToken : end_of_name(c);
        case State::ExtQuoted:
            return c == '"'     ? State::ExtQuoteClosed
                   : c == '\\'  ? State::ExtQuotedPair
                   : is_text(c) ? State::ExtQuoted
                                : State::Bad;
        case State::ExtQuotedPair:
            return is_text(c) ? State::ExtQuoted : State::Bad;
        case State::ExtQuoteClosed:
            return end_of_name(c);
        default:
            return State::Bad;
    }
}

// trailer-section = *( field-line CRLF ), read like fields of a head and dropped.
ChunkDecoder::State ChunkDecoder::next_in_trailer(char c) const {
    switch (state_) {
        case State::TrailerStart:
            return c == '\r' ? State::FinalLf : is_token_byte(c) ? State::TrailerName : State::Bad;
        case State::TrailerName:
            return c == ':'           ? State::TrailerValue
                   : is_token_byte(c) ? State::TrailerName
                                      : State::Bad;
        case State::TrailerValue:
            return c == '\r' ? State::TrailerLf : is_text(c) ? State::TrailerValue : State::Bad;
        case State::TrailerLf:
            return c == '\n' ? State::TrailerStart : State::Bad;
        default:
            return State::Bad;
    }
}

}  // namespace sluice::http1
