// SPDX-License-Identifier: BSD-2-Clause
// SkimmedBody: one range of a body that gives everything in order and nothing twice, such as an
// upstream's reply: what stands before the range is dropped, what follows it is never asked for.
// Runs in: worker.
#pragma once

#include "proto/http/body.h"
#include "proto/http/byte_ranges.h"

namespace sluice::http {

/// Owner: the exchange, as of any Body; it closes `whole`.
class SkimmedBody final : public Body {
  public:
    SkimmedBody(Body& whole, const ByteRange& range)
        : whole_(whole), before_(range.first), left_(range.size()) {}

    Pull pull(net::Chain& out, std::size_t max) override;
    void close() noexcept override { whole_.close(); }

  private:
    Body& whole_;
    std::uint64_t before_;  ///< still to be dropped
    std::uint64_t left_;    ///< still to be given
};

}  // namespace sluice::http
