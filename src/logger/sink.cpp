// SPDX-License-Identifier: BSD-2-Clause
// Writing to one log destination.
// Runs in: logger.
#include "logger/sink.h"

#include <algorithm>

#include "log/escape.h"
#include "logger/message_writer.h"
#include "logger/queue_link.h"
#include "logger/stream_writer.h"
#include "logger/syslog_link.h"
#include "sys/epoll.h"
#include "sys/file.h"

namespace sluice::logger {

namespace {

/// nginx's NGX_MAX_ERROR_STR: longer error lines are cut for syslog.
constexpr std::size_t kMaxSyslogError = 2048;
/// How often a sink that has not written everything is looked after.
constexpr Millis kCare{200};

/// Whether writing to `fd` may block. epoll accepts exactly those descriptors: it refuses regular
/// files and /dev/null with EPERM.
Result<bool> can_block(int fd) {
    const sys::UniqueFd epoll = TRY(sys::epoll_create());
    const Result<> added = sys::epoll_add(epoll.get(), fd, EPOLLOUT, nullptr);
    if (!added && added.error().code != EPERM) {
        return std::unexpected(added.error());
    }
    return added.has_value();
}

}  // namespace

Result<> Sink::open(const ipc::SinkEntry& entry, sys::UniqueFd fd) {
    if (held_since_) {
        // As nginx does at USR1: what was held belongs to the old file.
        held_since_.reset();
        write_out(Millis::max() - kRetry);
    }
    const ipc::SinkEntry old = std::exchange(entry_, entry);
    discards_ = entry.kind == ipc::SinkKind::Null;
    Result<> opened{};
    switch (entry.kind) {
        case ipc::SinkKind::Null:
        case ipc::SinkKind::Alert:
            return {};
        case ipc::SinkKind::Syslog:
            opened = writer_ && old.syslog == entry.syslog ? Result<>{} : open_syslog(entry);
            break;
        case ipc::SinkKind::Queue:
            opened = open_queue(std::move(fd));
            break;
        case ipc::SinkKind::File:
        case ipc::SinkKind::Stream:
        case ipc::SinkKind::Fifo:
            opened = open_descriptor(std::move(fd));
            break;
    }
    if (!opened) {
        entry_ = old;
    }
    return opened;
}

Result<> Sink::open_descriptor(sys::UniqueFd fd) {
    if (writer_) {
        writer_->reopen(std::move(fd));
        return {};
    }
    if (entry_.gzip_level != 0 || TRY(can_block(fd.get()))) {
        const std::uint64_t settled_before = settled();
        writer_ = TRY(StreamWriter::start(
            std::move(fd), {.drops_unread = entry_.kind == ipc::SinkKind::Fifo,
                            .gzip_level = entry_.gzip_level}));
        handed_ = settled_before;
        fd_.reset();
        return {};
    }
    fd_ = std::move(fd);
    lines_.restart_line();
    retry_at_ = Millis{};
    return {};
}

/// A receiver that moved gets a new thread; what the old one had not sent is lost and counted.
Result<> Sink::open_syslog(const ipc::SinkEntry& entry) {
    std::unique_ptr<Writer> writer =
        TRY(MessageWriter::start(std::make_unique<SyslogLink>(entry.syslog)));
    if (writer_) {
        dropped_ += writer_->dropped() + (is_settled() ? 0 : 1);
    }
    handed_ = taken_ - frames_.size();
    writer_ = std::move(writer);
    syslog_.emplace(entry.syslog);
    return {};
}

Result<> Sink::open_queue(sys::UniqueFd fd) {
    if (writer_) {
        writer_->reopen(std::move(fd));
        return {};
    }
    writer_ = TRY(MessageWriter::start(std::make_unique<QueueLink>(std::move(fd))));
    return {};
}

bool Sink::take(std::string_view line, const LineMeta& meta) {
    if (discards_) {
        return true;
    }
    const std::uint64_t kept = taken_ - settled();
    if (kept + line.size() + 1 > kBacklogBytes + entry_.buffer) {
        ++dropped_;
        return false;
    }
    if (takes_messages()) {
        stage_message(line, meta);
        return true;
    }
    lines_.add(line);
    taken_ += line.size() + 1;
    return true;
}

void Sink::stage_message(std::string_view line, const LineMeta& meta) {
    const auto severity = static_cast<std::uint8_t>(meta.level);
    const std::size_t start = MessageWriter::begin_frame(frames_, severity);
    if (syslog_) {
        const std::uint8_t own = syslog_->entry().severity;
        syslog_->append(frames_, {.severity = meta.is_access ? own : severity,
                                  .wall = meta.wall,
                                  .pid = meta.pid});
        if (!meta.is_access && line.size() > kMaxSyslogError) {
            line = log::cut_at_escape(line, kMaxSyslogError);
        }
    }
    frames_.append(line);
    MessageWriter::end_frame(frames_, start);
    taken_ += frames_.size() - start;
}

bool Sink::is_held(Millis now) const {
    if (lines_.size() >= entry_.buffer) {
        return false;
    }
    const Millis limit(static_cast<std::int64_t>(entry_.flush_millis));
    return limit == Millis::zero() || !held_since_ || now - *held_since_ < limit;
}

void Sink::flush(Millis now) {
    if (!frames_.empty()) {
        writer_->push(frames_);
        frames_.clear();
        return;
    }
    if (lines_.empty()) {
        return;
    }
    if (entry_.buffer != 0) {
        if (is_held(now)) {
            held_since_ = held_since_.value_or(now);
            return;
        }
        held_since_.reset();
    }
    write_out(now);
}

void Sink::write_out(Millis now) {
    if (writer_) {
        writer_->push(lines_.take_all());
        return;
    }
    if (error_ != 0 && now < retry_at_) {
        return;
    }
    while (!lines_.empty()) {
        const auto done = sys::write(fd_.get(), lines_.unwritten());
        if (!done || done->size == 0) {
            error_ = done ? EAGAIN : done.error().code;
            retry_at_ = now + kRetry;
            return;
        }
        lines_.wrote(done->size);
    }
    error_ = 0;
}

std::uint64_t Sink::settled() const {
    return writer_ ? handed_ + writer_->settled() : taken_ - lines_.size();
}

std::optional<Millis> Sink::care_at(Millis now) const {
    if (is_settled()) {
        return std::nullopt;
    }
    if (held_since_ && entry_.buffer != 0) {
        const Millis limit(static_cast<std::int64_t>(entry_.flush_millis));
        return limit == Millis::zero() ? std::nullopt : std::optional(*held_since_ + limit);
    }
    return now + kCare;
}

std::string_view Sink::operation() const {
    switch (entry_.kind) {
        case ipc::SinkKind::Syslog:
            return "send()";
        case ipc::SinkKind::Queue:
            return "mq_send()";
        default:
            return "write()";
    }
}

}  // namespace sluice::logger
