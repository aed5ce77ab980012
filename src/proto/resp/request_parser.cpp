// SPDX-License-Identifier: BSD-2-Clause
// Reading requests: a count, then sizes and bytes; or a line.
// Runs in: worker.
#include "proto/resp/request_parser.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "proto/resp/inline_words.h"
#include "proto/resp/integer.h"

namespace sluice::resp {

namespace {

/// The line "NUMBER\r\n" behind the type's mark.
struct NumberLine {
    bool is_whole = false;
    std::optional<std::int64_t> number;
    std::size_t size = 0;  ///< with its end
};

NumberLine read_number(const char* from, std::size_t size) {
    const auto* const end = static_cast<const char*>(std::memchr(from, '\r', size));
    const std::size_t length = end == nullptr ? size : static_cast<std::size_t>(end - from);
    if (end == nullptr || length + 2 > size) {
        return {};
    }
    return {.is_whole = true, .number = parse_integer({from, length}), .size = length + 2};
}

/// Requests of more words are not worth a second way to read them.
constexpr std::uint32_t kPlainWords = 64;

/// Reads what is all there and has short numbers, as nearly always.
class PlainReader {
  public:
    static constexpr std::uint32_t kNone = UINT32_MAX;

    explicit PlainReader(std::string_view input)
        : begin_(input.data()), at_(begin_), end_(begin_ + input.size()) {}

    /// The line "{mark}NUMBER\r\n"; kNone: it is not all there, or something else.
    [[nodiscard]] std::uint32_t number(char mark) {
        if (end_ - at_ < kShortestLine || at_[0] != mark) {
            return kNone;
        }
        const std::uint32_t first = digit(at_[1]);
        if (first <= 9 && at_[2] == '\r') {
            at_ += kShortestLine;
            return first;
        }
        return longer_number(first);
    }

    /// `size` bytes and the two behind, which are not looked at, as in redis-server. False: they are
    /// not all there.
    [[nodiscard]] bool bytes(std::uint32_t size, const char*& from) {
        if (end_ - at_ < std::int64_t{size} + 2) {
            return false;
        }
        from = at_;
        at_ += size + 2;
        return true;
    }

    [[nodiscard]] std::size_t done() const { return static_cast<std::size_t>(at_ - begin_); }

  private:
    static constexpr std::ptrdiff_t kShortestLine = 4;
    static constexpr std::uint32_t kMost = 9'999'999;

    static std::uint32_t digit(char c) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(c)) - '0';
    }

    /// No number begins with 0 here.
    [[nodiscard]] std::uint32_t longer_number(std::uint32_t number) {
        if (number - 1 > 8) {
            return kNone;
        }
        const char* at = at_ + 2;
        for (; at != end_ && digit(*at) <= 9 && number <= kMost; ++at) {
            number = number * 10 + digit(*at);
        }
        if (end_ - at < 2 || *at != '\r') {
            return kNone;
        }
        at_ = at + 2;
        return number;
    }

    const char* begin_;
    const char* at_;
    const char* end_;
};

}  // namespace

/// Where a request is not plain, nothing has happened.
bool RequestParser::read_plain(std::string_view input, Request& request) {
    PlainReader reader(input);
    const std::uint32_t count = reader.number('*');
    if (count > kPlainWords) {
        return false;
    }
    request.words.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t size = reader.number('$');
        const char* from = nullptr;
        if (size == PlainReader::kNone || size > limits_.argument || !reader.bytes(size, from)) {
            return false;
        }
        request.words.emplace_back(from, size);
    }
    size_ = reader.done();
    return true;
}

Reading RequestParser::more(std::size_t missing) {
    missing_ = missing;
    return Reading::More;
}

Reading RequestParser::broken(std::string_view complaint) {
    complaint_size_ = complaint.copy(complaint_, sizeof complaint_);
    return Reading::Broken;
}

void RequestParser::restart() {
    at_ = searched_ = 0;
    count_left_ = bulk_left_ = kUnknown;
}

Reading RequestParser::read(std::string_view input, Request& request) {
    const bool is_first = at_ == 0;
    if (is_first && read_plain(input, request)) [[likely]] {
        return Reading::Request;
    }
    Reading reading = scan(input, request);
    if (reading == Reading::Request && !is_first) {
        // What was found in earlier pieces was not kept: now all of it is here.
        restart();
        reading = scan(input, request);
    }
    if (reading == Reading::Request) {
        size_ = at_;
        restart();
    } else if (reading == Reading::More && input.size() >= limits_.request) {
        return broken("too big request");
    }
    return reading;
}

Reading RequestParser::scan(std::string_view input, Request& request) {
    request.words.clear();
    if (input.empty()) {
        return more(1);
    }
    if (input.front() != '*') {
        return read_line(input, request);
    }
    if (count_left_ == kUnknown) {
        if (const Reading reading = read_count(input); reading != Reading::Request) {
            return reading;
        }
    }
    return read_bulks(input, request);
}

/// Request: the count is known, and may be 0.
Reading RequestParser::read_count(std::string_view input) {
    const NumberLine line = read_number(input.data() + 1, input.size() - 1);
    if (!line.is_whole) {
        return input.size() > kLongestLine ? broken("too big mbulk count string") : more(1);
    }
    if (!line.number || *line.number > kMostArguments) {
        return broken("invalid multibulk length");
    }
    at_ = 1 + line.size;
    count_left_ = std::max<std::int64_t>(*line.number, 0);
    return Reading::Request;
}

Reading RequestParser::read_bulk_size(std::string_view input) {
    const std::size_t left = input.size() - at_;
    if (left > 0 && input[at_] != '$') {
        constexpr std::string_view kExpected = "expected '$', got '";
        const char mark = input[at_];
        char words[kExpected.size() + 2];
        kExpected.copy(words, kExpected.size());
        words[kExpected.size()] = mark == '\r' || mark == '\n' ? ' ' : mark;
        words[kExpected.size() + 1] = '\'';
        return broken({words, sizeof words});
    }
    const NumberLine line = left > 0 ? read_number(input.data() + at_ + 1, left - 1) : NumberLine{};
    if (!line.is_whole) {
        return left > kLongestLine ? broken("too big bulk count string") : more(1);
    }
    if (!line.number || *line.number < 0 ||
        static_cast<std::uint64_t>(*line.number) > limits_.argument) {
        return broken("invalid bulk length");
    }
    at_ += 1 + line.size;
    bulk_left_ = *line.number;
    return Reading::Request;
}

Reading RequestParser::read_bulks(std::string_view input, Request& request) {
    while (count_left_ > 0) {
        if (bulk_left_ == kUnknown) {
            if (const Reading reading = read_bulk_size(input); reading != Reading::Request) {
                return reading;
            }
        }
        const auto bytes = static_cast<std::size_t>(bulk_left_);
        const std::size_t left = input.size() - at_;
        // As redis-server: the two bytes behind are not looked at.
        if (left < bytes + 2) {
            return more(bytes + 2 - left);
        }
        request.words.emplace_back(input.data() + at_, bytes);
        at_ += bytes + 2;
        bulk_left_ = kUnknown;
        --count_left_;
    }
    return Reading::Request;
}

Reading RequestParser::read_line(std::string_view input, Request& request) {
    const std::size_t end = input.find('\n', searched_);
    if (end == input.npos) {
        searched_ = input.size();
        return input.size() > kLongestLine ? broken("too big inline request") : more(1);
    }
    at_ = end + 1;
    const std::size_t length = end - (end > 0 && input[end - 1] == '\r' ? 1 : 0);
    if (!split_words(input.substr(0, length), request)) {
        return broken("unbalanced quotes in request");
    }
    return Reading::Request;
}

}  // namespace sluice::resp
