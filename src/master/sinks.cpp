// SPDX-License-Identifier: BSD-2-Clause
// Log destinations.
// Runs in: master.
#include "master/sinks.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "log/error_log_conf.h"
#include "log/log.h"
#include "master/sink_files.h"
#include "sys/file.h"

namespace sluice::master {

namespace {

ipc::SinkKind kind_of(std::string_view path, int fd) {
    if (path == "/dev/null") {
        return ipc::SinkKind::Null;
    }
    const Result<sys::FileInfo> info = sys::file_info(fd);
    return info && info->is_regular() ? ipc::SinkKind::File : ipc::SinkKind::Stream;
}

CommandLines copied(std::span<const conf::Command> commands) {
    CommandLines out;
    for (const conf::Command command : commands) {
        out.emplace_back(command.begin(), command.end());
    }
    return out;
}

ipc::SyslogEntry entry_of(const conf::SyslogSpec& spec) {
    return {.address = std::string(spec.address),
            .tag = std::string(spec.tag),
            .host = std::string(spec.host),
            .facility = spec.facility,
            .severity = spec.severity,
            .is_stream = spec.is_stream,
            .is_rfc5424 = spec.is_rfc5424,
            .counts_octets = spec.counts_octets};
}

ipc::FileCacheEntry entry_of(const conf::LogFileCache& cache) {
    return {.max = cache.max,
            .inactive_millis = static_cast<std::uint64_t>(cache.inactive.count()),
            .min_uses = cache.min_uses,
            .valid_millis = static_cast<std::uint64_t>(cache.valid.count())};
}

/// What the logger is told; `kind` is known for sure only once the sink is open.
ipc::SinkEntry entry_of(const conf::SinkSpec& spec) {
    ipc::SinkEntry out{
        .id = spec.id,
        .path = std::string(spec.target),
        .buffer = spec.buffering.size.count,
        .flush_millis = static_cast<std::uint64_t>(spec.buffering.flush.count()),
        .gzip_level = spec.buffering.gzip_level,
        .alert_pause_millis = static_cast<std::uint64_t>(spec.alert_pause.count()),
        .syslog = entry_of(spec.syslog),
        .file_cache = entry_of(spec.file_cache)};
    switch (spec.kind) {
        case conf::SinkKind::Syslog:
            out.kind = ipc::SinkKind::Syslog;
            break;
        case conf::SinkKind::Alert:
            out.kind = ipc::SinkKind::Alert;
            break;
        case conf::SinkKind::Fifo:
            out.kind = ipc::SinkKind::Fifo;
            break;
        case conf::SinkKind::Queue:
            out.kind = ipc::SinkKind::Queue;
            break;
        case conf::SinkKind::Pipeline:
            out.kind = ipc::SinkKind::Stream;
            break;
        case conf::SinkKind::Paths:
            out.kind = ipc::SinkKind::Paths;
            break;
        case conf::SinkKind::File:
        case conf::SinkKind::Stderr:
        case conf::SinkKind::Stdout:
            break;
    }
    return out;
}

/// What the error_log directives say of a sink.
void mark(ipc::SinkEntry& entry, const conf::Generation& generation) {
    const log::Destination& main = log::main_destination(generation);
    entry.is_json = log::writes_json(generation, entry.id);
    for (const log::Target& target : main.targets()) {
        if (target.sink == entry.id) {
            entry.is_main = entry.kind != ipc::SinkKind::Alert;
            entry.main_level = static_cast<std::uint8_t>(target.level);
        }
    }
}

bool is_file(conf::SinkKind kind) {
    return kind == conf::SinkKind::File || kind == conf::SinkKind::Stderr ||
           kind == conf::SinkKind::Stdout;
}

}  // namespace

Sinks::Sink Sinks::made_of(const conf::SinkSpec& spec) {
    Sink sink;
    sink.kind = spec.kind;
    sink.path = spec.path;
    sink.commands = copied(spec.commands);
    sink.entry = entry_of(spec);
    return sink;
}

Result<> Sinks::open_into(Sink& sink) {
    const char* const path = sink.path.c_str();
    switch (sink.kind) {
        case conf::SinkKind::Syslog:
        case conf::SinkKind::Alert:
        case conf::SinkKind::Paths:
            return {};
        case conf::SinkKind::Pipeline:
            sink.borrowed_fd = TRY(programs_.open(sink.entry.id, sink.commands));
            return {};
        case conf::SinkKind::Fifo:
            sink.fd = TRY(open_log_fifo(path));
            return {};
        case conf::SinkKind::Queue:
            sink.fd = TRY(open_log_queue(path));
            return {};
        case conf::SinkKind::Stderr:
            sink.fd = TRY(sys::duplicate(2));
            break;
        case conf::SinkKind::Stdout:
            sink.fd = TRY(sys::duplicate(1));
            break;
        case conf::SinkKind::File:
            sink.fd = TRY(open_log_file(path));
            break;
    }
    sink.entry.kind = kind_of(sink.path, sink.fd.get());
    return {};
}

std::expected<void, std::string> Sinks::open_checked(Sink& sink) {
    if (const Result<> opened = open_into(sink); !opened) {
        return std::unexpected(
            fmt::format("{}", log::Failure{opened.error(), "\"" + sink.entry.path + "\""}));
    }
    return {};
}

std::expected<void, std::vector<std::string>> Sinks::open(const conf::Generation& next) {
    std::vector<std::string> errors;
    for (const conf::SinkSpec& spec : next.sinks()) {
        if (const auto known = sinks_.find(spec.id); known != sinks_.end()) {
            ipc::SinkEntry entry = entry_of(spec);
            mark(entry, next);
            entry.kind = known->second.entry.kind;
            if (entry != known->second.entry) {
                known->second.next = std::move(entry);
            }
            continue;
        }
        Sink sink = made_of(spec);
        mark(sink.entry, next);
        if (auto opened = open_checked(sink); !opened) {
            std::string text = std::move(opened).error();
            if (spec.at.line != 0 && spec.at.file < next.tree().files.size()) {
                text +=
                    fmt::format(" in {}:{}", next.tree().files[spec.at.file].path, spec.at.line);
            }
            errors.push_back(std::move(text));
            continue;
        }
        sinks_.emplace(spec.id, std::move(sink));
    }
    if (!errors.empty()) {
        roll_back();
        return std::unexpected(std::move(errors));
    }
    return {};
}

void Sinks::close(SinkId id, const Sink& sink) {
    if (sink.kind == conf::SinkKind::Pipeline) {
        programs_.close(id);
    }
}

void Sinks::roll_back() {
    for (auto& [id, sink] : sinks_) {
        sink.next.reset();
        if (sink.is_candidate) {
            close(id, sink);
        }
    }
    std::erase_if(sinks_, [](const auto& entry) { return entry.second.is_candidate; });
}

bool Sinks::commit(const conf::Generation& now) {
    std::set<SinkId> named;
    for (const conf::SinkSpec& spec : now.sinks()) {
        named.insert(spec.id);
    }
    bool is_any_leaving = false;
    for (auto& [id, sink] : sinks_) {
        sink.is_candidate = false;
        if (sink.next) {
            sink.entry = *std::exchange(sink.next, std::nullopt);
        }
        sink.is_leaving = !named.contains(id) && !is_file(sink.kind);
        sink.entry.is_main = sink.entry.is_main && named.contains(id);
        is_any_leaving = is_any_leaving || sink.is_leaving;
    }
    return is_any_leaving;
}

std::vector<SinkId> Sinks::close_leaving() {
    std::vector<SinkId> out;
    for (const auto& [id, sink] : sinks_) {
        if (sink.is_leaving) {
            close(id, sink);
            out.push_back(id);
        }
    }
    std::erase_if(sinks_, [](const auto& entry) { return entry.second.is_leaving; });
    return out;
}

std::vector<std::string> Sinks::reopen(const conf::Account* owner) {
    std::vector<std::string> errors;
    for (auto& [id, sink] : sinks_) {
        if (sink.kind != conf::SinkKind::File && sink.kind != conf::SinkKind::Fifo) {
            continue;
        }
        Sink again;
        again.kind = sink.kind;
        again.path = sink.path;
        again.entry = sink.entry;
        if (auto opened = open_checked(again); !opened) {
            errors.push_back(std::move(opened).error());
            continue;
        }
        sink.fd = std::move(again.fd);
        sink.entry = again.entry;
        if (owner != nullptr && sink.entry.kind == ipc::SinkKind::File) {
            // As nginx does, so that the log can be read and rotated by the server's user.
            static_cast<void>(sys::change_owner(sink.path.c_str(), owner->uid, owner->gid));
        }
    }
    return errors;
}

std::vector<SinksMessage> Sinks::messages(bool candidates_only) const {
    std::vector<SinksMessage> out;
    for (const auto& [id, sink] : sinks_) {
        if (candidates_only && !sink.is_candidate && !sink.next) {
            continue;
        }
        if (out.empty() || out.back().message.sinks.size() == ipc::kMaxSinks) {
            if (!out.empty()) {
                out.back().message.has_more = true;
            }
            out.emplace_back();
        }
        const ipc::SinkEntry& entry = sink.next ? *sink.next : sink.entry;
        out.back().message.sinks.push_back(entry);
        if (entry.has_fd()) {
            out.back().fds.push_back(sink.borrowed_fd >= 0 ? sink.borrowed_fd : sink.fd.get());
        }
    }
    return out;
}

const CommandLines* Sinks::alert_commands(SinkId id) const {
    const auto found = sinks_.find(id);
    const bool is_one = found != sinks_.end() && found->second.kind == conf::SinkKind::Alert;
    return is_one ? &found->second.commands : nullptr;
}

}  // namespace sluice::master
