// SPDX-License-Identifier: BSD-2-Clause
// Writing to one log destination.
// Runs in: logger.
#include "logger/sink.h"

#include "sys/epoll.h"
#include "sys/file.h"

namespace sluice::logger {

namespace {

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

Result<> Sink::open(sys::UniqueFd fd, ipc::SinkKind kind) {
    if (kind == ipc::SinkKind::Null) {
        discards_ = true;
        return {};
    }
    if (stream_) {
        stream_->reopen(std::move(fd));
    } else if (TRY(can_block(fd.get()))) {
        handed_ = settled();
        stream_ = TRY(StreamWriter::start(std::move(fd)));
        fd_.reset();
    } else {
        fd_ = std::move(fd);
        lines_.restart_line();
        retry_at_ = Millis{};
    }
    discards_ = false;
    return {};
}

bool Sink::take(std::string_view line) {
    if (discards_) {
        return true;
    }
    const std::uint64_t kept = taken_ - settled();
    if (kept + line.size() + 1 > kBacklogBytes) {
        ++dropped_;
        return false;
    }
    lines_.add(line);
    taken_ += line.size() + 1;
    return true;
}

void Sink::flush(Millis now) {
    if (lines_.empty()) {
        return;
    }
    if (stream_) {
        stream_->push(lines_.take_all());
        return;
    }
    write_out(now);
}

void Sink::write_out(Millis now) {
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
    return stream_ ? handed_ + stream_->settled() : taken_ - lines_.size();
}

}  // namespace sluice::logger
