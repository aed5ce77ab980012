// SPDX-License-Identifier: BSD-2-Clause
// MultipartBody: several ranges of one representation, each behind a part head, in the form of
// multipart/byteranges (RFC 9110 §14.6) that nginx gives. Its size does not depend on how many
// ranges there are.
// Runs in: worker.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "proto/http/body.h"
#include "proto/http/byte_ranges.h"

namespace sluice::http {

/// The heads of the parts. Lives: the exchange's arena.
struct PartHeads {
    static constexpr std::size_t kBoundarySize = 20;
    static constexpr std::size_t kEndSize = kBoundarySize + 8;  ///< "\r\n--boundary--\r\n"

    std::array<char, kBoundarySize> boundary{};
    std::string_view content_type;  ///< of the representation; empty: no such line
    std::uint64_t size = 0;         ///< of the whole representation

    /// Bytes of the head of this part.
    [[nodiscard]] std::size_t measure(const ByteRange& range) const;
    /// Writes that many and gives the place behind them.
    char* write(const ByteRange& range, char* out) const;
    /// Writes kEndSize bytes.
    char* write_end(char* out) const;
};

/// Owner: the exchange, as of any Body; it closes the body that it takes ranges of.
class MultipartBody final : public Body {
  public:
    static constexpr std::size_t kPartsPerPull = 6;  ///< two pieces each; a wire takes 14

    struct Source {
        Body* body = nullptr;     ///< one that can select(); null: `memory`
        std::string_view memory;  ///< the whole representation
    };

    /// `ranges`: a field's value that was judged Several. `room` takes kPartsPerPull of the largest
    /// part heads.
    MultipartBody(const Source& source,
                  std::string_view ranges,
                  const PartHeads& heads,
                  std::span<char> room)
        : source_(source), reader_(ranges, heads.size), heads_(heads), room_(room) {}

    Pull pull(net::Chain& out, std::size_t max) override;
    void close() noexcept override;

  private:
    Pull begin_part(net::Chain& out);
    Pull give(net::Chain& out, std::size_t max);

    Source source_;
    RangeReader reader_;
    const PartHeads& heads_;
    std::span<char> room_;
    char* at_ = nullptr;      ///< in room_: where the next head goes
    ByteRange left_;          ///< of the part that is being given
};

}  // namespace sluice::http
