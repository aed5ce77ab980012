// SPDX-License-Identifier: BSD-2-Clause
// BodyReader: finds the end of a request body, by count or by chunks, and gives its content as
// views of the input. It holds no bytes.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <string_view>

#include "proto/http/request.h"
#include "proto/http1/chunk_decoder.h"

namespace sluice::http1 {

class BodyReader {
  public:
    enum class Outcome : std::uint8_t {
        More,  ///< feed what is left of the input, or wait for more
        Done,  ///< the body has ended behind `used` bytes
        Malformed,
    };

    struct Step {
        Outcome outcome = Outcome::More;
        std::size_t used = 0;        ///< bytes of the input that belong to the body
        std::string_view content{};  ///< a view of the input; with Done too
    };

    /// Starts on the body that `request` announces.
    void begin(const http::Request& request);
    /// Takes bytes of the connection, up to the end of one run of content; those behind `used` are
    /// for the next call, or the next request's.
    [[nodiscard]] Step feed(std::string_view bytes);

    [[nodiscard]] bool is_done() const { return kind_ == Kind::None; }

    [[nodiscard]] bool is_chunked() const { return kind_ == Kind::Chunked; }

    /// Bytes still to come of a counted body.
    [[nodiscard]] std::uint64_t remaining() const { return remaining_; }

    /// Content received so far, framing not counted.
    [[nodiscard]] std::uint64_t content() const { return content_; }

  private:
    enum class Kind : std::uint8_t { None, Counted, Chunked };

    [[nodiscard]] Step feed_chunked(std::string_view bytes);

    Kind kind_ = Kind::None;
    std::uint64_t remaining_ = 0;
    std::uint64_t content_ = 0;
    ChunkDecoder chunks_;
};

}  // namespace sluice::http1
