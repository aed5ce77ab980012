// SPDX-License-Identifier: BSD-2-Clause
// SkimmedBody: dropping what is before the range.
// Runs in: worker.
#include "proto/http/skimmed_body.h"

#include <algorithm>
#include <limits>

namespace sluice::http {

Pull SkimmedBody::pull(net::Chain& out, std::size_t max) {
    net::Chain pulled;
    const std::uint64_t room = std::numeric_limits<std::size_t>::max() - before_;
    const Pull outcome = whole_.pull(
        pulled, static_cast<std::size_t>(before_ + std::min({left_, std::uint64_t{max}, room})));
    const std::uint64_t dropped = std::min<std::uint64_t>(before_, pulled.bytes());
    pulled.consume(static_cast<std::size_t>(dropped));
    before_ -= dropped;
    for (std::size_t i = 0; i < pulled.size() && left_ > 0; ++i) {
        net::Piece piece = pulled[i];
        piece.size = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size, left_));
        if (!out.push(piece)) {
            return Pull::Broken;
        }
        left_ -= piece.size;
    }
    if (left_ == 0) {
        return Pull::End;
    }
    return outcome == Pull::End ? Pull::Broken : outcome;
}

}  // namespace sluice::http
