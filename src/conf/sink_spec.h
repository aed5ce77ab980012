// SPDX-License-Identifier: BSD-2-Clause
// SinkSpec: a log destination that a configuration asks the master to open: its kind, where it is,
// and how lines get there. Directives make it with log/sink_spec.
// Runs in: any.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/units.h"
#include "conf/tree.h"

namespace sluice::conf {

enum class SinkKind : std::uint8_t {
    File,      ///< `path`: regular file, terminal, /dev/null …
    Stderr,    ///< the master's descriptor 2
    Stdout,    ///< the master's descriptor 1
    Syslog,    ///< `syslog`
    Pipeline,  ///< `commands`, which the master runs
    Fifo,      ///< `path`: a named pipe, made where it is missing
    Queue,     ///< `path`: the name of a POSIX message queue, made where it is missing
    Paths,     ///< `file_cache`: files that the lines name, which the logger opens
    Alert,     ///< `commands`, run by the master once per event (log_alert)
};

/// The words of one command; the first is the program, searched in PATH.
using Command = std::span<const std::string_view>;

/// A syslog receiver and how it wants its messages.
struct SyslogSpec {
    std::string_view address;     ///< "127.0.0.1:514", "[::1]:514", "unix:/path"
    std::string_view tag;         ///< also APP-NAME
    std::string_view host;        ///< this machine's name; empty: nohostname
    std::uint8_t facility = 23;   ///< local7
    std::uint8_t severity = 6;    ///< info; of access lines, error lines have their own
    bool is_stream = false;       ///< TCP, or a Unix stream socket
    bool is_rfc5424 = false;      ///< else RFC 3164
    bool counts_octets = false;   ///< RFC 6587 framing on streams; else a line feed ends a message
    friend bool operator==(const SyslogSpec&, const SyslogSpec&) = default;
};

/// buffer=, flush=, gzip= of access_log. They belong to the sink: all its lines go through them.
struct SinkBuffering {
    Bytes size{};                 ///< lines are held until so many bytes wait; 0: not held
    Millis flush{};               ///< the longest time a line is held; 0: no limit
    std::uint8_t gzip_level = 0;  ///< 1 … 9; 0: not compressed
    friend bool operator==(const SinkBuffering&, const SinkBuffering&) = default;
};

/// open_log_file_cache: which files of a sink of Paths stay open.
struct LogFileCache {
    std::uint64_t max = 0;  ///< 0: none
    Millis inactive{10'000};
    std::uint64_t min_uses = 1;
    Millis valid{60'000};
    friend bool operator==(const LogFileCache&, const LogFileCache&) = default;
};

/// One log destination to open.
struct SinkSpec {
    SinkId id;
    std::string_view target;  ///< names it for ever: absolute path, "stderr", "syslog:…", "|command"
    Position at;
    SinkKind kind = SinkKind::File;
    std::string_view path;
    std::span<const Command> commands;  ///< joined by pipes
    SyslogSpec syslog;
    SinkBuffering buffering;
    LogFileCache file_cache;
    Millis alert_pause{};  ///< Alert: least time between two runs of the command
};

}  // namespace sluice::conf
