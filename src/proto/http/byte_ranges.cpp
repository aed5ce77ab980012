// SPDX-License-Identifier: BSD-2-Clause
// Byte ranges: bytes=first-last, bytes=first-, bytes=-suffix, and lists of them.
// Runs in: worker.
#include "proto/http/byte_ranges.h"

#include <algorithm>
#include <limits>

#include "base/ascii.h"

namespace sluice::http {

namespace {

constexpr std::string_view kUnit = "bytes=";
constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();

}  // namespace

RangeReader::RangeReader(std::string_view value, std::uint64_t size) : size_(size) {
    if (value.size() <= kUnit.size() ||
        !equals_ignoring_case(value.substr(0, kUnit.size()), kUnit)) {
        state_ = State::Ignored;
        return;
    }
    rest_ = value.substr(kUnit.size());
}

std::optional<ByteRange> RangeReader::next() {
    while (state_ == State::Ranges) {
        const std::optional<ByteRange> range = one();
        if (state_ == State::Malformed || state_ == State::Ignored) {
            return std::nullopt;
        }
        // one() ends at a comma or at the end of the text.
        if (rest_.empty()) {
            state_ = State::Done;
        } else {
            rest_.remove_prefix(1);
        }
        if (range) {
            return range;
        }
    }
    return std::nullopt;
}

void RangeReader::skip_blanks() {
    const std::size_t count = std::min(rest_.find_first_not_of(" \t"), rest_.size());
    rest_.remove_prefix(count);
}

// Digits; a number beyond all sizes counts as the largest. Nothing where there is no digit.
std::optional<std::uint64_t> RangeReader::number() {
    std::size_t count = 0;
    std::uint64_t value = 0;
    while (count < rest_.size() && is_digit(rest_[count])) {
        const auto digit = static_cast<std::uint64_t>(rest_[count++] - '0');
        value = value > (kLargest - digit) / 10 ? kLargest : value * 10 + digit;
    }
    rest_.remove_prefix(count);
    skip_blanks();
    return count == 0 ? std::nullopt : std::optional(value);
}

std::optional<ByteRange> RangeReader::fail() {
    state_ = State::Malformed;
    return std::nullopt;
}

// One range without the comma behind it; nothing where it has no bytes here, or after fail().
std::optional<ByteRange> RangeReader::one() {
    skip_blanks();
    const std::optional<std::uint64_t> first = number();
    if (!rest_.starts_with('-')) {
        return fail();
    }
    rest_.remove_prefix(1);
    skip_blanks();
    const std::optional<std::uint64_t> last = number();
    if ((!first && !last) || (!rest_.empty() && rest_.front() != ',')) {
        return fail();
    }
    ByteRange range;
    if (!first) {
        range = {size_ - std::min(*last, size_), size_};
    } else {
        range = {*first, last ? std::min(*last, size_ - std::min<std::uint64_t>(size_, 1)) + 1 : size_};
        range.end = std::min(range.end, size_);
    }
    if (range.first < range.end) {
        return range;
    }
    if (range.first == 0) {
        state_ = State::Ignored;  // nginx: the whole of nothing is no error
    }
    return std::nullopt;
}

RangeAnswer judge_ranges(std::string_view value, std::uint64_t size, std::uint64_t most) {
    constexpr RangeAnswer kWhole{};
    RangeReader reader(value, size);
    RangeAnswer answer;
    std::uint64_t left = size;  // what the ranges may still add up to
    bool is_too_much = false;
    while (const std::optional<ByteRange> range = reader.next()) {
        if (answer.count == most) {
            return kWhole;
        }
        if (answer.count++ == 0) {
            answer.first = *range;
        }
        is_too_much = is_too_much || range->size() > left;
        left -= std::min(left, range->size());
    }
    if (reader.state() == RangeReader::State::Ignored) {
        return kWhole;
    }
    if (reader.state() == RangeReader::State::Malformed || answer.count == 0) {
        RangeAnswer none;
        none.kind = RangeAnswer::Kind::Unsatisfiable;
        return none;
    }
    if (is_too_much) {
        return kWhole;
    }
    answer.kind = answer.count == 1 ? RangeAnswer::Kind::One : RangeAnswer::Kind::Several;
    return answer;
}

}  // namespace sluice::http
