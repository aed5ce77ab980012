// SPDX-License-Identifier: BSD-2-Clause
// Log destinations.
// Runs in: master.
#include "master/sinks.h"

#include <fcntl.h>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "log/log.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sluice::master {

namespace {

constexpr int kLogFlags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY;
constexpr mode_t kLogMode = 0644;

/// Descriptor 1 or 2 where the target means this process's own output; else -1.
int standard_fd(std::string_view target) {
    if (target == "stderr" || target == "/dev/stderr") {
        return 2;
    }
    return target == "/dev/stdout" ? 1 : -1;
}

ipc::SinkKind kind_of(std::string_view target, int fd) {
    if (target == "/dev/null") {
        return ipc::SinkKind::Null;
    }
    const Result<sys::FileInfo> info = sys::file_info(fd);
    return info && info->is_regular() ? ipc::SinkKind::File : ipc::SinkKind::Stream;
}

}  // namespace

std::expected<void, std::string> Sinks::open_into(Sink& sink) {
    const int standard = standard_fd(sink.target);
    Result<sys::UniqueFd> fd = standard >= 0 ? sys::duplicate(standard)
                                             : sys::open(sink.target.c_str(), kLogFlags, kLogMode);
    if (!fd) {
        return std::unexpected(
            fmt::format("{}", log::Failure{fd.error(), "\"" + sink.target + "\""}));
    }
    sink.kind = kind_of(sink.target, fd->get());
    sink.fd = std::move(*fd);
    return {};
}

std::expected<void, std::vector<std::string>> Sinks::open(const conf::Generation& next) {
    std::vector<std::string> errors;
    for (const conf::SinkSpec& spec : next.sinks()) {
        if (sinks_.contains(spec.id)) {
            continue;
        }
        if (spec.kind > conf::SinkKind::Stdout) {
            errors.push_back(fmt::format("log to \"{}\" is not supported yet", spec.target));
            continue;
        }
        Sink sink;
        sink.target = spec.target;
        if (auto opened = open_into(sink); !opened) {
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

void Sinks::roll_back() {
    std::erase_if(sinks_, [](const auto& entry) { return entry.second.is_candidate; });
}

void Sinks::commit() {
    for (auto& [id, sink] : sinks_) {
        sink.is_candidate = false;
    }
}

std::vector<std::string> Sinks::reopen(const conf::Account* owner) {
    std::vector<std::string> errors;
    for (auto& [id, sink] : sinks_) {
        if (standard_fd(sink.target) >= 0) {
            continue;
        }
        Sink again;
        again.target = sink.target;
        if (auto opened = open_into(again); !opened) {
            errors.push_back(std::move(opened).error());
            continue;
        }
        again.is_candidate = sink.is_candidate;
        sink = std::move(again);
        if (owner != nullptr && sink.kind == ipc::SinkKind::File) {
            // As nginx does, so that the log can be read and rotated by the server's user.
            static_cast<void>(sys::change_owner(sink.target.c_str(), owner->uid, owner->gid));
        }
    }
    return errors;
}

std::vector<SinksMessage> Sinks::messages(bool candidates_only) const {
    std::vector<SinksMessage> out;
    for (const auto& [id, sink] : sinks_) {
        if (candidates_only && !sink.is_candidate) {
            continue;
        }
        if (out.empty() || out.back().fds.size() == ipc::kMaxSinks) {
            out.emplace_back();
        }
        out.back().message.sinks.push_back({.id = id, .kind = sink.kind, .path = sink.target});
        out.back().fds.push_back(sink.fd.get());
    }
    return out;
}

}  // namespace sluice::master
