// SPDX-License-Identifier: BSD-2-Clause
// Facts: everything that a configuration needs from outside, behind one interface. The master
// answers by system calls and records the answers in a bundle; every other process answers from the
// bundle, so that all compile the same generation without a system call.
// Runs in: master (live), any (from a bundle).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace sluice::conf {

struct Account {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    friend bool operator==(const Account&, const Account&) = default;
};

class Facts {
  public:
    virtual ~Facts() = default;

    /// The whole file. Lives: as long as the Facts.
    [[nodiscard]] virtual Result<std::string_view> file(std::string_view path) = 0;
    /// Paths that match, sorted; none is no error.
    [[nodiscard]] virtual Result<std::vector<std::string>> glob(std::string_view pattern) = 0;
    [[nodiscard]] virtual std::optional<std::string> env(std::string_view name) = 0;
    [[nodiscard]] virtual std::optional<Account> user(std::string_view name) = 0;
    [[nodiscard]] virtual std::optional<std::uint32_t> group(std::string_view name) = 0;
    /// Textual addresses of a host name: "127.0.0.1", "[::1]".
    [[nodiscard]] virtual Result<std::vector<std::string>> resolve(std::string_view host) = 0;
    /// CPUs that this server may use: affinity and cgroup quota honoured; at least 1.
    [[nodiscard]] virtual int cpus() = 0;
    /// Whether the master runs as root: then it may bind to port 80.
    [[nodiscard]] virtual bool is_root() = 0;
    [[nodiscard]] virtual std::string host_name() = 0;
    /// Directory that relative paths start from (-p), ending in '/'.
    [[nodiscard]] virtual std::string prefix() = 0;
    /// Path of the error log where no error_log says otherwise (-e), absolute, or "stderr".
    [[nodiscard]] virtual std::string default_error_log() = 0;
    /// The stable id of a listening address, given once per key for the master's life.
    [[nodiscard]] virtual ListenerId listener_id(std::string_view key) = 0;
    /// The stable id of a log destination.
    [[nodiscard]] virtual SinkId sink_id(std::string_view target) = 0;

    /// The stable id of what is counted of a server or location; nothing where none is left.
    [[nodiscard]] virtual std::optional<SeriesId> series_id(std::string_view /*name*/) {
        return SeriesId{};
    }
    /// The stable id of a shared zone.
    [[nodiscard]] virtual ZoneId zone_id(std::string_view /*key*/) { return ZoneId{}; }
};

}  // namespace sluice::conf
