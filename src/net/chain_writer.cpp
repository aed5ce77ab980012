// SPDX-License-Identifier: BSD-2-Clause
// The chain writer: one step sends either the memory at the front or the file range there.
// Runs in: worker.
#include "net/chain_writer.h"

#include <algorithm>
#include <array>

#include "sys/socket.h"

namespace sluice::net {

namespace {

// The memory pieces at the front of a chain, cut to the budget.
struct Run {
    std::array<iovec, Chain::kCapacity> pieces;
    std::size_t count = 0;
    std::size_t bytes = 0;
    bool is_before_file = false;
};

Run memory_run(const Chain& chain, std::size_t budget) {
    Run run;
    while (run.count < chain.size() && !chain[run.count].is_file() && run.bytes < budget) {
        const Piece& piece = chain[run.count];
        const std::size_t size = std::min(piece.size, budget - run.bytes);
        // iovec is the kernel's type for both directions; sending does not write through it.
        run.pieces[run.count++] = {const_cast<char*>(piece.data), size};
        run.bytes += size;
    }
    run.is_before_file = run.count < chain.size() && run.bytes < budget;
    return run;
}

Result<sys::Transfer> send_memory(int fd,
                                  const Chain& chain,
                                  std::size_t budget,
                                  Corking corking) {
    const Piece& front = chain.front();
    if (chain.size() == 1 && front.size <= budget) [[likely]] {
        return sys::send(fd, {front.data, front.size}, 0);
    }
    const Run run = memory_run(chain, budget);
    // With MSG_MORE the kernel holds back a partial packet until the file's first bytes fill it.
    const int flags = run.is_before_file && corking == Corking::On ? MSG_MORE : 0;
    if (run.count == 1) {
        const iovec& only = run.pieces[0];
        return sys::send(fd, {static_cast<const char*>(only.iov_base), only.iov_len}, flags);
    }
    return sys::send_vector(fd, std::span(run.pieces).first(run.count), flags);
}

Result<sys::Transfer> send_file(int fd, const Piece& piece, std::size_t budget) {
    off_t offset = piece.offset;
    return sys::sendfile(fd, piece.fd, &offset, std::min(piece.size, budget));
}

}  // namespace

// A partial transfer does not end the loop: sendfile also stops early for reasons of its own, and
// only EAGAIN promises an edge.
Written write_chain(int fd, Chain& chain, std::size_t budget, Corking corking) {
    Written written;
    while (!chain.empty()) {
        const std::size_t left = budget - written.bytes;
        if (left == 0) {
            written.outcome = Written::Outcome::Yield;
            return written;
        }
        const Piece& front = chain.front();
        const Result<sys::Transfer> step =
            front.is_file() ? send_file(fd, front, left) : send_memory(fd, chain, left, corking);
        if (!step) {
            written.outcome = Written::Outcome::Broken;
            written.error = step.error();
            return written;
        }
        if (step->is_blocked) {
            written.outcome = Written::Outcome::Blocked;
            return written;
        }
        if (step->is_end) {
            written.outcome = Written::Outcome::Short;
            return written;
        }
        chain.consume(step->size);
        written.bytes += step->size;
    }
    return written;
}

}  // namespace sluice::net
