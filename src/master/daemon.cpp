// SPDX-License-Identifier: BSD-2-Clause
// Going to the background.
// Runs in: master.
#include "master/daemon.h"

#include <array>
#include <fcntl.h>
#include <span>
#include <utility>

#include "sys/file.h"
#include "sys/process.h"

namespace sluice::master {

namespace {

/// 0 where the background process said that it serves; 1 where it ended without a word.
int wait_for_verdict(const sys::UniqueFd& from) {
    if (!sys::set_nonblocking(from.get(), false)) {
        return 1;
    }
    std::array<char, 1> word{};
    const Result<sys::Transfer> got = sys::read(from.get(), word);
    return got && got->size == 1 ? 0 : 1;
}

}  // namespace

Result<> silence(std::span<const int> fds) {
    const sys::UniqueFd null = TRY(sys::open("/dev/null", O_RDWR));
    for (const int fd : fds) {
        TRY(sys::duplicate_to(null.get(), fd));
    }
    return {};
}

Result<Daemonized> go_to_background() {
    sys::Pipe pipe = TRY(sys::pipe());
    const pid_t pid = TRY(sys::fork_process());
    Daemonized out;
    if (pid != 0) {
        pipe.write_end.reset();
        out.exit_code = wait_for_verdict(pipe.read_end);
        return out;
    }
    TRY(sys::new_session());
    constexpr std::array<int, 2> kInputAndOutput = {0, 1};
    TRY(silence(kInputAndOutput));
    out.verdict = std::move(pipe.write_end);
    return out;
}

void report_serving(sys::UniqueFd verdict) {
    if (!verdict.is_open()) {
        return;
    }
    constexpr std::array<char, 1> kWord = {'s'};
    static_cast<void>(sys::write(verdict.get(), kWord));
    // Until now errors could be read where the server was started from.
    constexpr std::array<int, 1> kErrors = {2};
    static_cast<void>(silence(kErrors));
}

}  // namespace sluice::master
