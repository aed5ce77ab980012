// SPDX-License-Identifier: BSD-2-Clause
// Futex calls.
// Runs in: any.
#include "sys/futex.h"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sluice::sys {

static_assert(kFutexWaiters == FUTEX_WAITERS && kFutexOwnerDied == FUTEX_OWNER_DIED &&
              kFutexOwner == FUTEX_TID_MASK);

void futex_wait(std::uint32_t& word, std::uint32_t expected, Millis limit) {
    const timespec time{.tv_sec = limit.count() / 1000,
                        .tv_nsec = static_cast<long>(limit.count() % 1000) * 1'000'000};
    // EAGAIN, EINTR and ETIMEDOUT all mean the same: look again.
    static_cast<void>(
        ::syscall(SYS_futex, &word, FUTEX_WAIT, expected, &time, nullptr, 0));
}

void futex_wake_one(std::uint32_t& word) {
    static_cast<void>(::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0));
}

bool thread_exists(pid_t tid) {
    return ::kill(tid, 0) == 0 || errno != ESRCH;
}

Result<> RobustOwner::start(RobustOwner& owner) {
    static_assert(sizeof(Head) == sizeof(robust_list_head));
    owner.head_ = {.list = &owner.head_, .futex_offset = 0, .list_op_pending = nullptr};
    if (::syscall(SYS_set_robust_list, &owner.head_, sizeof owner.head_) != 0) {
        return fail("set_robust_list()");
    }
    owner.tid_ = static_cast<std::uint32_t>(::syscall(SYS_gettid));
    return {};
}

RobustOwner::~RobustOwner() {
    if (tid_ != 0) {
        static_cast<void>(::syscall(SYS_set_robust_list, nullptr, sizeof head_));
    }
}

}  // namespace sluice::sys
