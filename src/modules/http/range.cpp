// SPDX-License-Identifier: BSD-2-Clause
// Range: bytes=first-last, bytes=first-, bytes=-suffix.
// Runs in: worker.
#include "modules/http/range.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/ascii.h"

namespace sluice::modules {

namespace {

constexpr RangeAnswer kWhole{};
constexpr RangeAnswer kUnsatisfiable{.kind = RangeAnswer::Kind::Unsatisfiable};

/// Digits only; a number beyond all sizes counts as the largest. Nothing for other text.
std::optional<std::uint64_t> parse_offset(std::string_view text) {
    if (text.empty() || !std::ranges::all_of(text, is_digit)) {
        return std::nullopt;
    }
    return parse_decimal(text).value_or(std::numeric_limits<std::uint64_t>::max());
}

RangeAnswer last_bytes(std::optional<std::uint64_t> count, std::uint64_t size) {
    if (!count || *count == 0) {
        return kUnsatisfiable;
    }
    if (size == 0) {
        return kWhole;
    }
    const std::uint64_t first = *count >= size ? 0 : size - *count;
    return {.kind = RangeAnswer::Kind::Part, .first = first, .last = size - 1};
}

}  // namespace

RangeAnswer parse_range(std::string_view value, std::uint64_t size) {
    constexpr std::string_view kUnit = "bytes=";
    if (value.size() < kUnit.size() || !equals_ignoring_case(value.substr(0, kUnit.size()), kUnit)) {
        return kWhole;
    }
    const std::string_view set = trim(value.substr(kUnit.size()));
    if (set.find(',') != std::string_view::npos) {
        return kWhole;
    }
    const std::size_t dash = set.find('-');
    if (dash == std::string_view::npos) {
        return kUnsatisfiable;
    }
    const std::string_view before = trim(set.substr(0, dash));
    const std::string_view after = trim(set.substr(dash + 1));
    if (before.empty()) {
        return last_bytes(parse_offset(after), size);
    }
    const std::optional<std::uint64_t> first = parse_offset(before);
    const std::optional<std::uint64_t> last =
        after.empty() ? std::numeric_limits<std::uint64_t>::max() : parse_offset(after);
    if (!first || !last || *last < *first) {
        return kUnsatisfiable;
    }
    if (*first >= size) {
        // nginx: the whole of nothing is no error.
        return size == 0 && *first == 0 ? kWhole : kUnsatisfiable;
    }
    return {.kind = RangeAnswer::Kind::Part, .first = *first, .last = std::min(*last, size - 1)};
}

}  // namespace sluice::modules
