// SPDX-License-Identifier: BSD-2-Clause
// Chain: pushing and consuming pieces.
// Runs in: worker.
#include "net/chain.h"

#include <algorithm>

#include "base/bug.h"

namespace sluice::net {

bool Chain::push(const Piece& piece) {
    if (piece.size == 0) {
        return true;
    }
    if (end_ == kCapacity) {
        if (first_ == 0) {
            return false;
        }
        std::copy(pieces_.begin() + static_cast<std::ptrdiff_t>(first_), pieces_.end(),
                  pieces_.begin());
        end_ -= first_;
        first_ = 0;
    }
    pieces_[end_++] = piece;
    bytes_ += piece.size;
    return true;
}

void Chain::consume(std::size_t count) {
    BUG_UNLESS(count <= bytes_, "more consumed than the chain holds");
    bytes_ -= count;
    while (count > 0) {
        Piece& piece = pieces_[first_];
        const std::size_t taken = std::min(count, piece.size);
        count -= taken;
        if (taken == piece.size) {
            ++first_;
            continue;
        }
        piece.size -= taken;
        if (piece.is_file()) {
            piece.offset += static_cast<off_t>(taken);
        } else {
            piece.data += taken;
        }
    }
    if (empty()) {
        first_ = end_ = 0;
    }
}

void Chain::clear() {
    first_ = end_ = 0;
    bytes_ = 0;
}

}  // namespace sluice::net
