// SPDX-License-Identifier: BSD-2-Clause
// Pause: how a command of the command line waits, and ends when it is told to; and how it complains.
// Runs in: any (the command line).
#pragma once

#include <array>
#include <csignal>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/units.h"
#include "sys/epoll.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/unique_fd.h"

namespace sluice::master {

inline void complain(std::string_view text) {
    static_cast<void>(sys::write_all(2, fmt::format("sluice: {}\n", text)));
}

/// All signals are blocked in this program: one that asks to end is read from here.
class Pause {
  public:
    /// `also`: a descriptor whose input ends a wait too, or -1.
    [[nodiscard]] Result<> open(int also = -1) {
        signals_ = TRY(sys::signalfd_all());
        epoll_ = TRY(sys::epoll_create());
        if (also != -1) {
            TRY(sys::epoll_add(epoll_.get(), also, EPOLLIN, nullptr));
        }
        return sys::epoll_add(epoll_.get(), signals_.get(), EPOLLIN, nullptr);
    }

    /// False where the user wants to leave.
    [[nodiscard]] bool wait(Millis limit) {
        std::array<epoll_event, 2> events{};
        const auto count = sys::epoll_wait(epoll_.get(), events, limit);
        if (!count) {
            return false;
        }
        for (bool has_more = *count > 0; has_more;) {
            const auto signal = sys::read_signal(signals_.get());
            has_more = signal && signal->has_value();
            if (has_more && ((*signal)->number == SIGINT || (*signal)->number == SIGTERM ||
                             (*signal)->number == SIGHUP || (*signal)->number == SIGPIPE)) {
                return false;
            }
        }
        return true;
    }

  private:
    sys::UniqueFd signals_;
    sys::UniqueFd epoll_;
};

}  // namespace sluice::master
