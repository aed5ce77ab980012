// SPDX-License-Identifier: BSD-2-Clause
// The pid file.
// Runs in: master.
#include "master/pidfile.h"

#include <fcntl.h>
#include <limits>

#include "base/ascii.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sluice::master {

Result<> PidFile::write(pid_t pid) {
    const std::string temporary = path_ + "." + std::to_string(pid) + ".tmp";
    // Somebody may have planted the temporary name: O_EXCL follows no link and opens nothing old.
    static_cast<void>(sys::unlink(temporary.c_str()));
    {
        const sys::UniqueFd file =
            TRY(sys::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644));
        if (Result<> written = sys::write_all(file.get(), std::to_string(pid) + "\n"); !written) {
            static_cast<void>(sys::unlink(temporary.c_str()));
            return written;
        }
    }
    if (Result<> renamed = sys::rename(temporary.c_str(), path_.c_str()); !renamed) {
        static_cast<void>(sys::unlink(temporary.c_str()));
        return renamed;
    }
    is_old_ = false;
    return {};
}

Result<> PidFile::check() const {
    const std::string temporary = path_ + "." + std::to_string(sys::own_pid()) + ".tmp";
    static_cast<void>(sys::unlink(temporary.c_str()));
    TRY(sys::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644));
    return sys::unlink(temporary.c_str());
}

void PidFile::remove(pid_t pid) {
    const std::string at = current_path();
    if (path_.empty() || read_pid(at) != pid) {
        return;
    }
    static_cast<void>(sys::unlink(at.c_str()));
}

Result<> PidFile::become_old() {
    TRY(sys::rename(path_.c_str(), old_path().c_str()));
    is_old_ = true;
    return {};
}

Result<> PidFile::become_current() {
    TRY(sys::rename(old_path().c_str(), path_.c_str()));
    is_old_ = false;
    return {};
}

Result<pid_t> read_pid(const std::string& path) {
    const std::string text = TRY(sys::read_file(path.c_str(), 64));
    std::string_view line = text;
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) {
        line.remove_suffix(1);
    }
    const std::optional<std::uint64_t> number = parse_decimal(trim(line));
    constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<pid_t>::max());
    if (!number || *number == 0 || *number > kLargest) {
        return fail("invalid PID number", EINVAL);
    }
    return static_cast<pid_t>(*number);
}

}  // namespace sluice::master
