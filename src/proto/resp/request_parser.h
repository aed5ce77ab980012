// SPDX-License-Identifier: BSD-2-Clause
// RequestParser: requests of RESP2 and RESP3 clients, as they come in: arrays of bulk strings, or
// lines of words ("inline commands"). It parses in place, goes on where it stood when more has come,
// and says what is wrong in the words that clients of redis-server know.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::resp {

/// A request: the command's name, then what belongs to it. Kept from request to request so that its
/// memory is.
struct Request {
    std::vector<std::string_view> words;
    std::string line;  ///< where the words of a line lie, unescaped
};

/// Longest line: an inline command, or a number in front of what it counts.
inline constexpr std::size_t kLongestLine = std::size_t{64} * 1024;
inline constexpr std::int64_t kMostArguments = 1024 * 1024;

struct RequestLimits {
    std::size_t argument = 512 * 1024 * 1024;  ///< bytes of one argument
    std::size_t request = 1024 * 1024 * 1024;  ///< bytes of a whole request
};

enum class Reading : std::uint8_t {
    Request,  ///< a whole one; its words may be none at all (an empty line)
    More,     ///< it goes on in what has not come yet
    Broken,   ///< complaint() says why; there is no way to go on
};

class RequestParser {
  public:
    explicit RequestParser(const RequestLimits& limits) : limits_(limits) {}

    /// Reads the request that `input` begins with. After More, `input` must begin with the same bytes.
    /// On Request `request` has its words, which lie in `input`, or in `request` itself.
    [[nodiscard]] Reading read(std::string_view input, Request& request);

    /// Bytes of the request, after Request.
    [[nodiscard]] std::size_t size() const { return size_; }

    /// After More: how many bytes are missing at least.
    [[nodiscard]] std::size_t missing() const { return missing_; }

    /// After Broken: what redis-server says, without "Protocol error: ".
    [[nodiscard]] std::string_view complaint() const { return {complaint_, complaint_size_}; }

  private:
    static constexpr std::int64_t kUnknown = -1;

    [[nodiscard]] bool read_plain(std::string_view input, Request& request);
    [[nodiscard]] Reading scan(std::string_view input, Request& request);
    [[nodiscard]] Reading read_count(std::string_view input);
    [[nodiscard]] Reading read_bulk_size(std::string_view input);
    [[nodiscard]] Reading read_bulks(std::string_view input, Request& request);
    [[nodiscard]] Reading read_line(std::string_view input, Request& request);
    [[nodiscard]] Reading more(std::size_t missing);
    [[nodiscard]] Reading broken(std::string_view complaint);
    void restart();

    RequestLimits limits_;
    std::size_t at_ = 0;                 ///< where reading stands
    std::size_t searched_ = 0;           ///< of a line: no end before this
    std::int64_t count_left_ = kUnknown;  ///< arguments that are not there yet
    std::int64_t bulk_left_ = kUnknown;   ///< size of the argument that is read
    std::size_t size_ = 0;
    std::size_t missing_ = 0;
    std::size_t complaint_size_ = 0;
    char complaint_[56] = {};
};

}  // namespace sluice::resp
