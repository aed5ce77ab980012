// SPDX-License-Identifier: BSD-2-Clause
// SyslogHeader: what stands before the text of a syslog message: RFC 3164 §4.1 as nginx writes it
// (local time, name in lower case, tag), or RFC 5424 §6.2 (UTC with milliseconds).
// Runs in: logger.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>

#include "base/units.h"
#include "ipc/message.h"

namespace sluice::logger {

class SyslogHeader {
  public:
    explicit SyslogHeader(ipc::SyslogEntry entry) : entry_(std::move(entry)) {}

    /// The fields of one message.
    struct Fields {
        std::uint8_t severity = 0;
        Millis wall{};
        pid_t pid = 0;  ///< 0: not known; only RFC 5424 tells it
    };

    void append(std::string& out, const Fields& fields);

    [[nodiscard]] const ipc::SyslogEntry& entry() const { return entry_; }

  private:
    void append_old(std::string& out, const Fields& fields);
    void append_new(std::string& out, const Fields& fields) const;

    ipc::SyslogEntry entry_;
    UnixSeconds second_{-1};
    std::string time_and_names_;  ///< RFC 3164: the same for all messages of a second
};

}  // namespace sluice::logger
