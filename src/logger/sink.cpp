// SPDX-License-Identifier: BSD-2-Clause
// Writing to one log destination.
// Runs in: logger.
#include "logger/sink.h"

#include <algorithm>

#include "log/escape.h"
#include "logger/message_writer.h"
#include "logger/queue_link.h"
#include "logger/same_file.h"
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
/// Larger buffers count as this: half of a backlog, so that there is room for what waits.
constexpr std::uint64_t kLargestBuffer = shm::Backlog::kCapacity / 2;

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

/// Whether nothing stands in the file behind its last line end, as far as we may read it.
bool ends_with_a_line(int fd) {
    const auto info = sys::file_info(fd);
    if (!info || !info->is_regular()) {
        return false;
    }
    if (info->size == 0) {
        return true;
    }
    // Our descriptor is for writing only.
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    const auto file = sys::open(path.c_str(), O_RDONLY | O_NONBLOCK);
    char last = 0;
    return file && sys::read_at(file->get(), {&last, 1}, static_cast<off_t>(info->size - 1)) &&
           last == '\n';
}

}  // namespace

Result<> Sink::open(const ipc::SinkEntry& entry, sys::UniqueFd fd) {
    if (held_since_) {
        // As nginx does at USR1: what was held belongs to the old file.
        held_since_.reset();
        retry_at_ = Millis{};
        write_out(retry_at_);
    }
    const ipc::SinkEntry old = std::exchange(entry_, entry);
    const Result<> opened = open_kind(old, std::move(fd));
    if (!opened) {
        entry_ = old;
    }
    return opened;
}

Result<> Sink::open_kind(const ipc::SinkEntry& old, sys::UniqueFd fd) {
    if (entry_.kind == ipc::SinkKind::Null || entry_.kind == ipc::SinkKind::Alert ||
        entry_.kind == ipc::SinkKind::Paths) {
        return {};
    }
    if (!backlog_.is_open()) {
        backlog_ = TRY(shm::Backlog::open(store_, entry_.id));
    }
    switch (entry_.kind) {
        case ipc::SinkKind::Syslog:
            return writer_ && old.syslog == entry_.syslog ? Result<>{} : open_syslog();
        case ipc::SinkKind::Queue:
            return open_queue(std::move(fd));
        default:
            return open_descriptor(old, std::move(fd));
    }
}

Result<> Sink::open_descriptor(const ipc::SinkEntry& old, sys::UniqueFd fd) {
    if (writer_ && old.gzip_level == entry_.gzip_level) {
        writer_->reopen(std::move(fd));
        return {};
    }
    if (writer_) {
        // Compressed otherwise, or not any more. The thread's file is one that does not block.
        end_writer();
    }
    if (entry_.gzip_level != 0 || TRY(can_block(fd.get()))) {
        writer_ = TRY(StreamWriter::start(
            backlog_, std::move(fd), {.drops_unread = entry_.kind == ipc::SinkKind::Fifo,
                                      .gzip_level = entry_.gzip_level}));
        fd_.reset();
        return {};
    }
    if (fd_ ? !is_same_file(fd_.get(), fd.get())
            : backlog_.is_torn() && ends_with_a_line(fd.get())) {
        backlog_.restart_line();
    }
    fd_ = std::move(fd);
    retry_at_ = Millis{};
    return {};
}

/// A receiver that moved gets a new thread, which goes on where the old one stopped.
Result<> Sink::open_syslog() {
    end_writer();
    writer_ = TRY(MessageWriter::start(backlog_, std::make_unique<SyslogLink>(entry_.syslog)));
    syslog_.emplace(entry_.syslog);
    return {};
}

void Sink::end_writer() {
    if (writer_) {
        dropped_ += writer_->dropped();
        writer_.reset();
    }
}

void Sink::give_up() {
    end_writer();
    if (is_settled()) {
        return;
    }
    const std::string_view rest = backlog_.lines(backlog_.head());
    dropped_ += takes_messages() ? MessageWriter::count_frames(rest)
                                 : static_cast<std::uint64_t>(std::ranges::count(rest, '\n'));
    backlog_.take_away(rest.size());
}

Result<> Sink::open_queue(sys::UniqueFd fd) {
    if (writer_) {
        writer_->reopen(std::move(fd));
        return {};
    }
    writer_ = TRY(MessageWriter::start(backlog_, std::make_unique<QueueLink>(std::move(fd))));
    return {};
}

bool Sink::take(std::string_view line, const LineMeta& meta) {
    if (entry_.kind == ipc::SinkKind::Null) {
        return true;
    }
    if (takes_messages()) {
        return take_message(line, meta);
    }
    if (!backlog_.is_open() || backlog_.room() <= line.size()) {
        return drop_line();
    }
    backlog_.add_line(line);
    staged_ += line.size() + 1;
    return true;
}

bool Sink::drop_line() {
    ++dropped_;
    return false;
}

bool Sink::take_message(std::string_view line, const LineMeta& meta) {
    const auto severity = static_cast<std::uint8_t>(meta.level);
    frame_.clear();
    const std::size_t start = MessageWriter::begin_frame(frame_, severity);
    if (syslog_) {
        const std::uint8_t own = syslog_->entry().severity;
        syslog_->append(frame_, {.severity = meta.is_access ? own : severity,
                                 .wall = meta.wall,
                                 .pid = meta.pid});
        if (!meta.is_access && line.size() > kMaxSyslogError) {
            line = log::cut_at_escape(line, kMaxSyslogError);
        }
    }
    frame_.append(line);
    MessageWriter::end_frame(frame_, start);
    if (!backlog_.is_open() || backlog_.room() < frame_.size()) {
        return drop_line();
    }
    backlog_.add(frame_);
    staged_ += frame_.size();
    return true;
}

/// Bytes that wait for flush() to let them go.
std::size_t Sink::waiting() const {
    if (!backlog_.is_open()) {
        return 0;
    }
    return writer_ ? static_cast<std::size_t>(backlog_.head() - writer_->released())
                   : backlog_.size();
}

bool Sink::is_held(Millis now) const {
    if (waiting() >= std::min(entry_.buffer, kLargestBuffer)) {
        return false;
    }
    const Millis limit(static_cast<std::int64_t>(entry_.flush_millis));
    return limit == Millis::zero() || !held_since_ || now - *held_since_ < limit;
}

void Sink::flush(Millis now) {
    staged_ = 0;
    if (waiting() == 0) {
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
        writer_->release(backlog_.head());
        return;
    }
    if (!fd_ || (error_ != 0 && now < retry_at_)) {
        return;
    }
    while (!backlog_.empty()) {
        if (!write_some()) {
            retry_at_ = now + kRetry;
            return;
        }
    }
    error_ = 0;
    backlog_.rewind_if_empty();
}

/// False, with the error noted, where nothing could be written.
bool Sink::write_some() {
    // An earlier logger may have written the start of a line: it ends here, and stands whole on the
    // next.
    const bool is_torn = backlog_.is_torn();
    backlog_.begin_write();
    const auto done =
        sys::write(fd_.get(), is_torn ? std::string_view("\n") : backlog_.unwritten(backlog_.head()));
    const std::size_t size = done ? done->size : 0;
    if (!is_torn) {
        backlog_.wrote(size);
    } else if (size != 0) {
        backlog_.restart_line();
    }
    if (size == 0) {
        error_ = done ? EAGAIN : done.error().code;
    }
    return size != 0;
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
