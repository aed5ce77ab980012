// SPDX-License-Identifier: BSD-2-Clause
// Accept-Encoding.
// Runs in: worker.
#include "proto/http/accept_encoding.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/ascii.h"

namespace sluice::http {

namespace {

constexpr std::uint16_t kMost = 1000;
constexpr std::uint16_t kLast = 1;  // below any weight that can be written but 0.001

struct Name {
    std::string_view text;
    Coding coding;
};

constexpr std::array<Name, 5> kNames{{{"br", Coding::Brotli},
                                      {"zstd", Coding::Zstd},
                                      {"gzip", Coding::Gzip},
                                      {"x-gzip", Coding::Gzip},  // RFC 9110 §8.4.1.3
                                      {"identity", Coding::Identity}}};

// "0.75" → 750; 0 for what is no qvalue.
std::uint16_t parse_weight(std::string_view text) {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') ||
        (text.size() > 1 && text[1] != '.')) {
        return 0;
    }
    auto weight = static_cast<unsigned>(text[0] - '0') * kMost;
    unsigned unit = kMost / 10;
    for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
        if (!is_digit(c)) {
            return 0;
        }
        weight += static_cast<unsigned>(c - '0') * unit;
        unit /= 10;
    }
    return weight > kMost ? std::uint16_t{0} : static_cast<std::uint16_t>(weight);
}

// Takes what stands before the first `mark` off `list`.
std::string_view next_part(std::string_view& list, char mark) {
    const std::size_t end = std::min(list.find(mark), list.size());
    const std::string_view part = trim(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    return part;
}

std::uint16_t weight_of(std::string_view parameters) {
    while (!parameters.empty()) {
        std::string_view value = next_part(parameters, ';');
        const std::string_view name = next_part(value, '=');
        if (equals_ignoring_case(name, "q")) {
            return parse_weight(trim(value));
        }
    }
    return kMost;
}

// What the fields say, by name.
struct Wishes {
    std::array<std::optional<std::uint16_t>, kCodingCount> named;
    std::optional<std::uint16_t> any;  ///< "*"

    void read(std::string_view list) {
        while (!list.empty()) {
            std::string_view element = next_part(list, ',');
            const std::string_view name = next_part(element, ';');
            const std::uint16_t weight = weight_of(element);
            if (name == "*") {
                any = weight;
            }
            for (const Name& known : kNames) {
                if (equals_ignoring_case(name, known.text)) {
                    named[static_cast<std::size_t>(known.coding)] = weight;
                }
            }
        }
    }
};

}  // namespace

CodingWeights accepted_codings(const Request& request) {
    Wishes wishes;
    if (request.known[static_cast<std::size_t>(Field::AcceptEncoding)] != nullptr) {
        for (const Header& header : request.headers) {
            if (header.field == Field::AcceptEncoding) {
                wishes.read(header.value);
            }
        }
    }
    CodingWeights out;
    for (std::size_t i = 0; i < kCodingCount; ++i) {
        const bool is_identity = static_cast<Coding>(i) == Coding::Identity;
        const std::uint16_t unnamed = is_identity ? kLast : std::uint16_t{0};
        out.weights[i] = wishes.named[i].value_or(wishes.any.value_or(unnamed));
    }
    return out;
}

}  // namespace sluice::http
