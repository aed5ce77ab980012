// SPDX-License-Identifier: BSD-2-Clause
// ReserveFd: one descriptor kept for the moment when there are no more. Given up for a moment it
// lets the worker take a waiting connection off the queue and close it, instead of leaving the
// client, and a level-triggered event, hanging.
// Runs in: worker.
#pragma once

#include "base/error.h"
#include "sys/unique_fd.h"

namespace sluice::net {

class ReserveFd {
  public:
    /// Opens the reserve where it is not open. Fails: EMFILE, ENFILE; try again later.
    [[nodiscard]] Result<> refill();
    /// Closes one connection that waits at `listening`, by means of the reserve. True if one was
    /// closed. The reserve is open again afterwards unless another thread or process was faster.
    [[nodiscard]] bool shed(int listening);

    [[nodiscard]] bool is_full() const { return reserve_.is_open(); }

  private:
    sys::UniqueFd reserve_;
};

}  // namespace sluice::net
