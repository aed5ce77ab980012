// SPDX-License-Identifier: BSD-2-Clause
// PipePool: pipes through which bulk data goes from socket to socket. A relay borrows one while
// bytes are in it; the last one returned is the next one taken, so that mostly one is in use.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <vector>

#include "sys/unique_fd.h"

namespace sluice::net {

/// Both ends of a pipe; none by default. Owner: whoever holds it.
struct Pipe {
    sys::UniqueFd read_end;
    sys::UniqueFd write_end;
    std::size_t capacity = 0;  ///< bytes that one splice into it may ask for

    [[nodiscard]] bool is_open() const { return read_end.is_open(); }
};

struct PipePoolLimits {
    /// Asked of the kernel for every pipe. It counts a user's pages in all pipes (16,384 at most
    /// for all workers together); what it refuses stays at 64 KiB. Units: bytes.
    std::size_t pipe_size = 256 * 1024;
    std::size_t most = 64;      ///< pipes that exist at a time, borrowed ones included
    std::size_t retained = 16;  ///< pipes kept while nobody uses them
};

/// One worker's pipes.
class PipePool {
  public:
    explicit PipePool(const PipePoolLimits& limits = {});
    PipePool(const PipePool&) = delete;
    PipePool& operator=(const PipePool&) = delete;

    /// An empty pipe; not open where the limit is reached or the kernel has none: copy instead.
    [[nodiscard]] Pipe take();
    /// Takes back a pipe in which `left` bytes are. Only an empty one is used again, any other is
    /// closed: its bytes are another connection's business.
    void give_back(Pipe pipe, std::size_t left);

    /// Pipes that are borrowed now.
    [[nodiscard]] std::size_t borrowed() const { return borrowed_; }

    [[nodiscard]] std::size_t retained() const { return free_.size(); }

  private:
    [[nodiscard]] Pipe open();

    PipePoolLimits limits_;
    std::vector<Pipe> free_;
    std::size_t borrowed_ = 0;
    std::size_t refusals_left_ = 0;  ///< take() says no so often before the kernel is asked again
};

}  // namespace sluice::net
