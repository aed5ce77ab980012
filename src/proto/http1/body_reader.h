// SPDX-License-Identifier: BSD-2-Clause
// BodyReader: finds the end of a request body, by count or by chunks (llhttp decodes those). It
// holds no bytes.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <string_view>

#include <llhttp.h>

#include "proto/http/request.h"

namespace sluice::http1 {

class BodyReader {
  public:
    enum class Outcome : std::uint8_t { More, Done, Malformed };

    struct Step {
        Outcome outcome = Outcome::More;
        std::size_t used = 0;  ///< bytes of the input that belong to the body
    };

    /// Starts on the body that `request` announces.
    void begin(const http::Request& request);
    /// Takes the next bytes of the connection; those behind `used` are the next request's.
    [[nodiscard]] Step feed(std::string_view bytes);

    [[nodiscard]] bool is_done() const { return kind_ == Kind::None; }

    [[nodiscard]] bool is_chunked() const { return kind_ == Kind::Chunked; }

    /// Bytes still to come of a counted body.
    [[nodiscard]] std::uint64_t remaining() const { return remaining_; }

    /// Content received so far, framing not counted.
    [[nodiscard]] std::uint64_t content() const { return content_; }

  private:
    enum class Kind : std::uint8_t { None, Counted, Chunked };

    static int on_body(llhttp_t* parser, const char* at, std::size_t size);
    static int on_complete(llhttp_t* parser);

    [[nodiscard]] Step feed_chunked(std::string_view bytes);
    [[nodiscard]] bool is_too_wordy() const;

    Kind kind_ = Kind::None;
    std::uint64_t remaining_ = 0;
    std::uint64_t content_ = 0;
    std::uint64_t received_ = 0;  // chunked: framing included
    llhttp_t chunks_;
};

}  // namespace sluice::http1
