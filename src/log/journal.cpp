// SPDX-License-Identifier: BSD-2-Clause
// Where this process's log lines go.
// Runs in: any.
#include "log/journal.h"

#include <string>

#include "log/line_prefix.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sluice::log {

namespace {

// The one global of the log (listed in base/README.md): who takes this process's lines.
Journal* g_installed = nullptr;

}  // namespace

Journal::Journal(int fd, Level threshold) : fd_(fd), threshold_(threshold), pid_(sys::own_pid()) {}

Journal::~Journal() {
    if (g_installed == this) {
        g_installed = nullptr;
    }
}

void Journal::install() {
    g_installed = this;
}

Journal* Journal::installed() {
    return g_installed;
}

void Journal::use_fd(int fd, Level threshold) {
    fd_ = fd;
    threshold_ = threshold;
}

void Journal::refresh_pid() {
    pid_ = sys::own_pid();
}

void Journal::put(const Destination& to, Level level, std::string_view text) {
    if (lanes_ != nullptr) {
        for (const Target& target : to.targets()) {
            if (level <= (target.is_alert ? target.level : live_level_.value_or(target.level))) {
                lanes_->write_error(target.sink, level, pid_, text);
            }
        }
        return;
    }
    if (level > threshold_) {
        return;
    }
    const Millis wall = sys::wall_now();
    const int offset = sys::utc_offset_seconds(std::chrono::floor<UnixSeconds>(wall));
    std::string line = line_prefix(wall, offset, level, pid_);
    line += text;
    line += '\n';
    // Nobody is left to tell where this descriptor refuses the line.
    static_cast<void>(sys::write_all(fd_, line));
}

}  // namespace sluice::log
