// SPDX-License-Identifier: BSD-2-Clause
// The closed list of messages between the master and its children, and their bytes. Each message is
// one SOCK_SEQPACKET record; descriptors travel beside it. Decoding is bounded and total, because
// the root master reads what unprivileged processes write. Runs in: master, worker, logger.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/units.h"

namespace sluice::ipc {

/// Largest encoded message.
inline constexpr std::size_t kMaxMessage = 32 * 1024;
/// Most descriptors beside one message.
inline constexpr std::size_t kMaxFds = 250;
/// Longer texts are cut when encoded and refused when decoded.
inline constexpr std::size_t kMaxText = 4096;
/// Most sinks in one Sinks message.
inline constexpr std::size_t kMaxSinks = 32;
/// Longest path of a sink; it is for messages only, so longer ones are cut.
inline constexpr std::size_t kMaxSinkPath = 400;
/// Longest text of a SyslogEntry.
inline constexpr std::size_t kMaxSyslogText = 120;

// ---- master → worker ----

/// First message to a new worker: who it is and what to run.
/// Descriptors, in this order: bundle memfd, shared-log memfd, eventfd that wakes the logger,
/// metrics memfd.
/// The worker drops to uid/gid, compiles the bundle and answers Ready{generation} or Refused. It
/// accepts nothing before Commit{generation}. A canary exits 0 after Ready and gets no listeners.
struct Hello {
    SlotId slot;                      ///< its place in the shared log and metrics tables
    std::uint32_t epoch = 0;          ///< counts the owners of that slot
    std::uint32_t worker_index = 0;   ///< 0 … worker_processes-1
    std::uint32_t worker_count = 1;   ///< configured worker_processes
    std::uint32_t restarts = 0;       ///< how often a worker of that index was started again
    GenerationNumber generation;      ///< of the bundle
    std::int32_t cpu = -1;            ///< CPU to pin to; -1 none. Used where `cpus` is empty
    std::vector<std::uint16_t> cpus;  ///< worker_cpu_affinity's mask as CPU numbers; empty: none
    std::uint8_t level = 0;  ///< what SetLogLevel would set, plus 1; 0: as configured
    bool is_canary = false;
    bool drops_user = false;  ///< whether the four fields below apply (master is root)
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::string user_name;         ///< for initgroups
    std::uint64_t fd_limit = 0;    ///< RLIMIT_NOFILE; 0 leaves it
    std::uint64_t core_limit = 0;  ///< RLIMIT_CORE where has_core_limit
    bool has_core_limit = false;
    std::int32_t priority = 0;      ///< nice value, applied where not 0
    std::string working_directory;  ///< empty: unchanged
    friend bool operator==(const Hello&, const Hello&) = default;
};

/// One listening socket that a Listeners message carries.
struct ListenerGrant {
    ListenerId id;
    std::uint16_t member = 0;  ///< which socket of a reuseport group; 0 for a shared socket
    bool is_exclusive = true;  ///< shared by workers: register with EPOLLEXCLUSIVE
    friend bool operator==(const ListenerGrant&, const ListenerGrant&) = default;
};

/// Descriptors of listeners that this worker does not hold; descriptor i belongs to grants[i].
/// Several follow one another where there are more than kMaxFds. The worker stores them and accepts
/// on those that its committed generation names: with `applies_now` at once (a reuseport member
/// taken over from a dead worker), otherwise from the next Commit on. An Abort drops those that no
/// committed generation names. A pair {id, member} that the worker holds already is replaced.
struct Listeners {
    std::vector<ListenerGrant> grants;
    bool applies_now = false;
    friend bool operator==(const Listeners&, const Listeners&) = default;
};

/// Stop accepting on one socket and close the descriptor. A member of a reuseport group is another
/// worker's from now on, with the connections in its queue; a leaving listener is nobody's. One
/// that is not held is no error.
struct Release {
    ListenerId id;
    std::uint16_t member = 0;
    friend bool operator==(const Release&, const Release&) = default;
};

/// Compile the bundle (the one descriptor) and answer Ready or Refused; change nothing yet.
struct Prepare {
    GenerationNumber generation;
    friend bool operator==(const Prepare&, const Prepare&) = default;
};

/// Use the prepared generation for new connections and requests; answer Committed. Listeners that
/// it does not name are still served for a second, on the generation before: no new client reaches
/// them, but handshakes may be under way. A Release of each follows.
struct Commit {
    GenerationNumber generation;
    friend bool operator==(const Commit&, const Commit&) = default;
};

/// Forget the prepared generation and the listeners granted for it. No answer.
struct Abort {
    GenerationNumber generation;
    friend bool operator==(const Abort&, const Abort&) = default;
};

/// Stop accepting, finish, answer Draining at once and Drained when nothing is left, then exit 0.
struct Retire {
    std::uint64_t deadline_millis = 0;  ///< from now; connections left then are closed. 0: no limit
    friend bool operator==(const Retire&, const Retire&) = default;
};

/// Exit at once.
struct Stop {
    friend bool operator==(const Stop&, const Stop&) = default;
};

/// Write error-log lines of `level` (0 … 7) and graver ones, whatever is configured, until the next
/// Commit. The logger: its own lines, until the next such message.
struct SetLogLevel {
    std::uint8_t level = 0;
    friend bool operator==(const SetLogLevel&, const SetLogLevel&) = default;
};

/// The master has reopened the logs and given them to the logger.
struct Reopened {
    friend bool operator==(const Reopened&, const Reopened&) = default;
};

// ---- worker → master ----

/// The generation is compiled and can be committed.
struct Ready {
    GenerationNumber generation;
    friend bool operator==(const Ready&, const Ready&) = default;
};

/// The generation cannot be used here; the text says why, one line.
struct Refused {
    GenerationNumber generation;
    std::string text;
    friend bool operator==(const Refused&, const Refused&) = default;
};

/// New connections use this generation from now on.
struct Committed {
    GenerationNumber generation;
    friend bool operator==(const Committed&, const Committed&) = default;
};

/// Answer to Retire: connections left. May be repeated.
struct Draining {
    std::uint32_t connections = 0;
    friend bool operator==(const Draining&, const Draining&) = default;
};

/// From a worker: no connection is left, it exits now. From the logger: every lane is empty.
struct Drained {
    friend bool operator==(const Drained&, const Drained&) = default;
};

// ---- master → logger ----

/// First message to a new logger. Descriptors: shared-log memfd, eventfd that wakes it, memfd of the
/// sinks' backlogs.
struct LoggerHello {
    std::uint16_t slots = 0;  ///< entries of the slot table in the shared log
    bool drops_user = false;  ///< whether uid, gid and user_name apply
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::string user_name;
    friend bool operator==(const LoggerHello&, const LoggerHello&) = default;
};

/// How the logger has to write to a sink.
enum class SinkKind : std::uint8_t {
    File,    ///< regular file, opened O_APPEND
    Stream,  ///< terminal, pipe or socket (/dev/stdout, a command's pipe): writing may block
    Null,    ///< `off` or /dev/null: discard
    Fifo,    ///< a named pipe: without a reader lines are dropped
    Queue,   ///< a POSIX message queue: full, lines are dropped
    Syslog,  ///< no descriptor: the logger connects to `syslog.address` itself
    Alert,   ///< no descriptor: lines go back to the master as Alert
    Paths,   ///< no descriptor: each line names its file, which the logger opens
};

/// open_log_file_cache; conf::LogFileCache as it travels.
struct FileCacheEntry {
    std::uint64_t max = 0;
    std::uint64_t inactive_millis = 0;
    std::uint64_t min_uses = 0;
    std::uint64_t valid_millis = 0;
    friend bool operator==(const FileCacheEntry&, const FileCacheEntry&) = default;
};

/// What a syslog receiver wants; conf::SyslogSpec as it travels.
struct SyslogEntry {
    std::string address;  ///< "127.0.0.1:514", "[::1]:514", "unix:/path"
    std::string tag;
    std::string host;  ///< empty: none
    std::uint8_t facility = 0;
    std::uint8_t severity = 0;  ///< of access lines
    bool is_stream = false;
    bool is_rfc5424 = false;
    bool counts_octets = false;
    friend bool operator==(const SyslogEntry&, const SyslogEntry&) = default;
};

struct SinkEntry {
    SinkId id{};
    SinkKind kind = SinkKind::File;
    std::string path{};              ///< for messages
    std::uint64_t buffer = 0;        ///< bytes that are held before a write; 0: none
    std::uint64_t flush_millis = 0;  ///< the longest time a line is held; 0: no limit
    std::uint8_t gzip_level = 0;     ///< 0: plain
    bool is_json = false;            ///< error lines are written as JSON objects
    std::uint64_t alert_pause_millis = 0;  ///< least time between two Alerts
    bool is_main = false;            ///< takes the logger's own lines: the main level's error_log
    std::uint8_t main_level = 0;     ///< then, and of an Alert: the least grave level it takes
    SyslogEntry syslog{};
    FileCacheEntry file_cache{};
    friend bool operator==(const SinkEntry&, const SinkEntry&) = default;

    [[nodiscard]] bool has_fd() const {
        return kind != SinkKind::Syslog && kind != SinkKind::Alert && kind != SinkKind::Paths;
    }
};

/// Opened log destinations; the descriptors belong to those entries that have one, in order. An id
/// that the logger knows gets the new descriptor and options (reopened); others are added. Several
/// messages may follow one another.
struct Sinks {
    std::vector<SinkEntry> sinks;
    bool has_more = false;  ///< a new logger drains nothing before it knows every sink
    friend bool operator==(const Sinks&, const Sinks&) = default;
};

/// No generation names these sinks any more: write what they hold and close them.
struct DropSinks {
    std::vector<SinkId> sinks;
    friend bool operator==(const DropSinks&, const DropSinks&) = default;
};

// ---- logger → master ----

/// An error line came that log_alert waits for.
struct Alert {
    SinkId sink{};                 ///< which log_alert
    std::uint8_t level = 0;        ///< of the line
    std::int32_t pid = 0;          ///< of the process that wrote it
    std::uint64_t wall_millis = 0;
    std::uint64_t suppressed = 0;  ///< lines since the last Alert that were not reported
    std::string text{};
    friend bool operator==(const Alert&, const Alert&) = default;
};

/// Write everything that the lanes hold, answer Drained, exit 0.
struct DrainAndExit {
    friend bool operator==(const DrainAndExit&, const DrainAndExit&) = default;
};

/// Descriptors of the shared zones that the generation of the next Hello or Prepare names;
/// descriptor i belongs to ids[i]. Several follow one another where there are more than kMaxFds. The
/// worker maps them when it compiles that generation, and refuses it where one is missing.
struct Zones {
    std::vector<ZoneId> ids;
    friend bool operator==(const Zones&, const Zones&) = default;
};

/// To a worker that was born for nothing else (it gets no Hello): write the entries of a zone to an
/// empty file, in its pool, and answer ZoneSaved. Descriptors: zone memfd, file.
struct SaveZone {
    ZoneId id;
    bool drops_user = false;  ///< whether uid, gid and user_name apply
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::string user_name{};
    std::string kind{};
    std::uint32_t layout = 0;
    std::uint32_t cell_bytes = 0;
    std::uint64_t bytes = 0;
    std::uint32_t shards = 0;
    friend bool operator==(const SaveZone&, const SaveZone&) = default;
};

/// Answer to SaveZone. The file is durable where `failure` is 0.
struct ZoneSaved {
    ZoneId id;
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    std::int32_t failure = 0;  ///< errno
    friend bool operator==(const ZoneSaved&, const ZoneSaved&) = default;
};

/// A file of data (conf::DataFile) of a generation: its copy, and when the file was written and taken,
/// in seconds of Unix time. Comes before the Hello or Prepare that names the generation; the worker
/// opens it when it has compiled that, and refuses it where one is missing. For the generation that
/// the worker has: it takes the place of the one before.
struct DataFile {
    GenerationNumber generation{};
    std::uint32_t index = 0;
    std::int64_t modified = 0;
    std::int64_t taken = 0;
    friend bool operator==(const DataFile&, const DataFile&) = default;
};

/// The order is the wire's type number; add at the end.
using Message = std::variant<Hello,
                             Listeners,
                             Release,
                             Prepare,
                             Commit,
                             Abort,
                             Retire,
                             Stop,
                             SetLogLevel,
                             Reopened,
                             Ready,
                             Refused,
                             Committed,
                             Draining,
                             Drained,
                             LoggerHello,
                             Sinks,
                             DrainAndExit,
                             DropSinks,
                             Alert,
                             Zones,
                             SaveZone,
                             ZoneSaved,
                             DataFile>;

/// Who wrote a message; decides which kinds are legal.
enum class Sender : std::uint8_t { Master, Worker, Logger };

/// The message's bytes; at most kMaxMessage. Texts past their limit are cut.
/// Requires: list sizes within kMaxFds and kMaxSinks.
[[nodiscard]] std::string encode(const Message& message);

/// The message in `bytes`, or nothing where they are no well-formed message of that sender.
[[nodiscard]] std::optional<Message> decode(std::span<const char> bytes, Sender sender);

/// Whether `count` descriptors are what the message needs.
[[nodiscard]] bool fds_fit(const Message& message, std::size_t count);

/// The message's name, for logs.
[[nodiscard]] const char* name_of(const Message& message);

}  // namespace sluice::ipc
