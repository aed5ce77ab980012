// SPDX-License-Identifier: BSD-2-Clause
// ReserveFd: giving up and taking back the last descriptor.
// Runs in: worker.
#include "net/reserve_fd.h"

#include "sys/file.h"
#include "sys/socket.h"

namespace sluice::net {

Result<> ReserveFd::refill() {
    if (!reserve_) {
        reserve_ = TRY(sys::open("/dev/null", O_RDONLY));
    }
    return {};
}

bool ReserveFd::shed(int listening) {
    reserve_.reset();
    const bool has_shed = sys::accept(listening, nullptr, nullptr).has_value();
    (void)refill();  // the caller sees is_full() and tries again later
    return has_shed;
}

}  // namespace sluice::net
