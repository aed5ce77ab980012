// SPDX-License-Identifier: BSD-2-Clause
// Messages to bytes and back. One walk() per message names its fields for both directions, so that
// reader and writer cannot disagree. Numbers are little-endian and of fixed width.
// Runs in: master, worker, logger.
#include "ipc/message.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <type_traits>
#include <utility>

#include "base/bug.h"

namespace sluice::ipc {

namespace {

class Writer {
  public:
    template <std::integral Int>
    void number(const Int& value) {
        auto bits = static_cast<std::make_unsigned_t<Int>>(value);
        for (std::size_t i = 0; i < sizeof(Int); ++i) {
            bytes_.push_back(static_cast<char>(static_cast<unsigned char>(bits & 0xff)));
            if constexpr (sizeof(Int) > 1) {
                bits = static_cast<decltype(bits)>(bits >> 8);
            }
        }
    }

    void flag(const bool& value) { number(static_cast<std::uint8_t>(value ? 1 : 0)); }

    void text(const std::string& value, std::size_t limit) {
        const std::size_t size = std::min(value.size(), limit);
        number(static_cast<std::uint16_t>(size));
        bytes_.append(value, 0, size);
    }

    template <class T, class Visit>
    void list(const std::vector<T>& values, std::size_t limit, Visit visit) {
        BUG_UNLESS(values.size() <= limit, "an ipc list is longer than its limit");
        number(static_cast<std::uint16_t>(values.size()));
        for (const T& value : values) {
            visit(value);
        }
    }

    std::string take() { return std::move(bytes_); }

  private:
    std::string bytes_;
};

class Reader {
  public:
    explicit Reader(std::span<const char> bytes) : bytes_(bytes) {}

    template <std::integral Int>
    void number(Int& value) {
        if (bytes_.size() < sizeof(Int)) {
            return break_off();
        }
        std::make_unsigned_t<Int> bits = 0;
        for (std::size_t i = sizeof(Int); i-- > 0;) {
            const auto byte = static_cast<unsigned char>(bytes_[i]);
            if constexpr (sizeof(Int) > 1) {
                bits = static_cast<decltype(bits)>(bits << 8);
            }
            bits = static_cast<decltype(bits)>(bits | byte);
        }
        value = static_cast<Int>(bits);
        bytes_ = bytes_.subspan(sizeof(Int));
    }

    void flag(bool& value) {
        std::uint8_t byte = 0;
        number(byte);
        if (byte > 1) {
            return break_off();
        }
        value = byte == 1;
    }

    void text(std::string& value, std::size_t limit) {
        std::uint16_t size = 0;
        number(size);
        if (size > limit || size > bytes_.size()) {
            return break_off();
        }
        value.assign(bytes_.data(), size);
        bytes_ = bytes_.subspan(size);
    }

    template <class T, class Visit>
    void list(std::vector<T>& values, std::size_t limit, Visit visit) {
        std::uint16_t count = 0;
        number(count);
        if (count > limit) {
            return break_off();
        }
        // Grows with the bytes that are there, not with the count that was claimed.
        for (std::size_t i = 0; i < count && !is_broken_; ++i) {
            visit(values.emplace_back());
        }
    }

    void break_off() {
        is_broken_ = true;
        bytes_ = {};
    }

    [[nodiscard]] bool is_complete() const { return !is_broken_ && bytes_.empty(); }

  private:
    std::span<const char> bytes_;
    bool is_broken_ = false;
};

constexpr std::size_t kMaxCpus = 1024;

template <class M, class T>
concept Is = std::same_as<std::remove_const_t<M>, T>;

/// Whom the receiver becomes.
void walk_identity(auto& io, auto& m) {
    io.flag(m.drops_user);
    io.number(m.uid);
    io.number(m.gid);
    io.text(m.user_name, kMaxText);
}

template <Is<Hello> M>
void walk(auto& io, M& m) {
    io.number(m.slot.value);
    io.number(m.epoch);
    io.number(m.worker_index);
    io.number(m.worker_count);
    io.number(m.restarts);
    io.number(m.generation.value);
    io.number(m.cpu);
    io.list(m.cpus, kMaxCpus, [&](auto& cpu) { io.number(cpu); });
    io.number(m.level);
    io.flag(m.is_canary);
    walk_identity(io, m);
    io.number(m.fd_limit);
    io.number(m.core_limit);
    io.flag(m.has_core_limit);
    io.number(m.priority);
    io.text(m.working_directory, kMaxText);
}

template <Is<Listeners> M>
void walk(auto& io, M& m) {
    io.list(m.grants, kMaxFds, [&](auto& grant) {
        io.number(grant.id.value);
        io.number(grant.member);
        io.flag(grant.is_exclusive);
    });
    io.flag(m.applies_now);
}

template <Is<Release> M>
void walk(auto& io, M& m) {
    io.number(m.id.value);
    io.number(m.member);
}

template <class M>
concept NamesGeneration =
    Is<M, Prepare> || Is<M, Commit> || Is<M, Abort> || Is<M, Ready> || Is<M, Committed>;

template <NamesGeneration M>
void walk(auto& io, M& m) {
    io.number(m.generation.value);
}

template <class M>
concept HasNoFields = Is<M, Stop> || Is<M, Reopened> || Is<M, Drained> || Is<M, DrainAndExit>;

template <HasNoFields M>
void walk(auto& /*io*/, M& /*m*/) {}

template <Is<Retire> M>
void walk(auto& io, M& m) {
    io.number(m.deadline_millis);
}

template <Is<SetLogLevel> M>
void walk(auto& io, M& m) {
    io.number(m.level);
}

template <Is<Refused> M>
void walk(auto& io, M& m) {
    io.number(m.generation.value);
    io.text(m.text, kMaxText);
}

template <Is<Draining> M>
void walk(auto& io, M& m) {
    io.number(m.connections);
}

template <Is<LoggerHello> M>
void walk(auto& io, M& m) {
    io.number(m.slots);
    walk_identity(io, m);
}

template <Is<Zones> M>
void walk(auto& io, M& m) {
    io.list(m.ids, kMaxFds, [&](auto& id) { io.number(id.value); });
}

template <Is<SaveZone> M>
void walk(auto& io, M& m) {
    io.number(m.id.value);
    walk_identity(io, m);
    io.text(m.kind, kMaxText);
    io.number(m.layout);
    io.number(m.cell_bytes);
    io.number(m.bytes);
    io.number(m.shards);
}

template <Is<ZoneSaved> M>
void walk(auto& io, M& m) {
    io.number(m.id.value);
    io.number(m.entries);
    io.number(m.bytes);
    io.number(m.failure);
}

template <Is<DataFile> M>
void walk(auto& io, M& m) {
    io.number(m.generation.value);
    io.number(m.index);
    io.number(m.modified);
    io.number(m.taken);
}

void walk_kind(Writer& io, const SinkKind& kind) {
    io.number(std::to_underlying(kind));
}

void walk_kind(Reader& io, SinkKind& kind) {
    std::uint8_t value = 0;
    io.number(value);
    if (value > std::to_underlying(SinkKind::Paths)) {
        return io.break_off();
    }
    kind = static_cast<SinkKind>(value);
}

void walk_syslog(auto& io, auto& syslog) {
    io.text(syslog.address, kMaxSyslogText);
    io.text(syslog.tag, kMaxSyslogText);
    io.text(syslog.host, kMaxSyslogText);
    io.number(syslog.facility);
    io.number(syslog.severity);
    io.flag(syslog.is_stream);
    io.flag(syslog.is_rfc5424);
    io.flag(syslog.counts_octets);
}

template <Is<Sinks> M>
void walk(auto& io, M& m) {
    io.list(m.sinks, kMaxSinks, [&](auto& sink) {
        io.number(sink.id.value);
        walk_kind(io, sink.kind);
        io.text(sink.path, kMaxSinkPath);
        io.number(sink.buffer);
        io.number(sink.flush_millis);
        io.number(sink.gzip_level);
        io.flag(sink.is_json);
        io.number(sink.alert_pause_millis);
        io.flag(sink.is_main);
        io.number(sink.main_level);
        if (sink.kind == SinkKind::Syslog) {
            walk_syslog(io, sink.syslog);
        }
        if (sink.kind == SinkKind::Paths) {
            io.number(sink.file_cache.max);
            io.number(sink.file_cache.inactive_millis);
            io.number(sink.file_cache.min_uses);
            io.number(sink.file_cache.valid_millis);
        }
    });
    io.flag(m.has_more);
}

template <Is<DropSinks> M>
void walk(auto& io, M& m) {
    io.list(m.sinks, kMaxSinks, [&](auto& id) { io.number(id.value); });
}

template <Is<Alert> M>
void walk(auto& io, M& m) {
    io.number(m.sink.value);
    io.number(m.level);
    io.number(m.pid);
    io.number(m.wall_millis);
    io.number(m.suppressed);
    io.text(m.text, kMaxText);
}

bool is_from(Sender sender, const Message& message) {
    return std::visit(
        [&]<class M>(const M&) {
            constexpr bool is_worker_s = Is<M, Ready> || Is<M, Refused> || Is<M, Committed> ||
                                         Is<M, Draining> || Is<M, Drained> ||
                                         Is<M, ZoneSaved>;
            switch (sender) {
                case Sender::Worker:
                    return is_worker_s;
                case Sender::Logger:
                    return Is<M, Drained> || Is<M, Alert>;
                case Sender::Master:
                    return !is_worker_s && !Is<M, Alert>;
            }
            return false;
        },
        message);
}

/// A value-initialised message of type number `index`, which must be in range.
template <std::size_t... I>
Message blank(std::size_t index, std::index_sequence<I...>) {
    constexpr std::array<Message (*)(), sizeof...(I)> kMakers = {
        [] { return Message(std::in_place_index<I>); }...};
    return kMakers[index]();
}

}  // namespace

std::string encode(const Message& message) {
    Writer writer;
    writer.number(static_cast<std::uint8_t>(message.index()));
    std::visit([&](const auto& m) { walk(writer, m); }, message);
    std::string bytes = writer.take();
    BUG_UNLESS(bytes.size() <= kMaxMessage, "an ipc message is larger than its limit");
    return bytes;
}

std::optional<Message> decode(std::span<const char> bytes, Sender sender) {
    constexpr std::size_t kKinds = std::variant_size_v<Message>;
    if (bytes.empty() || static_cast<unsigned char>(bytes[0]) >= kKinds) {
        return std::nullopt;
    }
    Message message =
        blank(static_cast<unsigned char>(bytes[0]), std::make_index_sequence<kKinds>());
    if (!is_from(sender, message)) {
        return std::nullopt;
    }
    Reader reader(bytes.subspan(1));
    std::visit([&](auto& m) { walk(reader, m); }, message);
    if (!reader.is_complete()) {
        return std::nullopt;
    }
    return message;
}

bool fds_fit(const Message& message, std::size_t count) {
    return count == std::visit(
                        []<class M>(const M& m) -> std::size_t {
                            if constexpr (Is<M, Hello>) {
                                return 4;
                            } else if constexpr (Is<M, Listeners>) {
                                return m.grants.size();
                            } else if constexpr (Is<M, Prepare> || Is<M, DataFile>) {
                                return 1;
                            } else if constexpr (Is<M, LoggerHello>) {
                                return 3;
                            } else if constexpr (Is<M, SaveZone>) {
                                return 2;
                            } else if constexpr (Is<M, Zones>) {
                                return m.ids.size();
                            } else if constexpr (Is<M, Sinks>) {
                                return static_cast<std::size_t>(
                                    std::ranges::count_if(m.sinks, &SinkEntry::has_fd));
                            } else {
                                return 0;
                            }
                        },
                        message);
}

const char* name_of(const Message& message) {
    static constexpr std::array<const char*, std::variant_size_v<Message>> kNames = {
        "Hello",     "Listeners", "Release",     "Prepare",     "Commit", "Abort",
        "Retire",    "Stop",      "SetLogLevel", "Reopened",    "Ready",  "Refused",
        "Committed", "Draining",  "Drained",     "LoggerHello", "Sinks",  "DrainAndExit",
        "DropSinks", "Alert",     "Zones",       "SaveZone",    "ZoneSaved",
        "DataFile"};
    return kNames[message.index()];
}

}  // namespace sluice::ipc
