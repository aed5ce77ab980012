// SPDX-License-Identifier: BSD-2-Clause
// The writing thread of one stream. It waits in epoll for room and writes at most PIPE_BUF bytes at
// a time, ending at a line where it can: such a write to a pipe neither blocks nor mixes with what
// other processes write.
// Runs in: logger (a thread of it).
#include "logger/stream_writer.h"

#include <array>
#include <system_error>

#include <climits>

#include "sys/clock.h"
#include "sys/epoll.h"
#include "sys/file.h"

namespace sluice::logger {

namespace {

constexpr Millis kBackOff{1000};
constexpr Millis kNoLimit{-1};

std::string_view next_piece(std::string_view lines) {
    if (lines.size() <= PIPE_BUF) {
        return lines;
    }
    const std::string_view piece = lines.substr(0, PIPE_BUF);
    const std::size_t end = piece.rfind('\n');
    return end == std::string_view::npos ? piece : piece.substr(0, end + 1);
}

}  // namespace

StreamWriter::StreamWriter(sys::UniqueFd fd, sys::UniqueFd bell, sys::UniqueFd epoll)
    : bell_(std::move(bell)), epoll_(std::move(epoll)), fd_(std::move(fd)) {}

Result<std::unique_ptr<StreamWriter>> StreamWriter::start(sys::UniqueFd fd) {
    sys::UniqueFd bell = TRY(sys::eventfd());
    sys::UniqueFd epoll = TRY(sys::epoll_create());
    TRY(sys::epoll_add(epoll.get(), bell.get(), EPOLLIN, nullptr));
    std::unique_ptr<StreamWriter> writer(
        new StreamWriter(std::move(fd), std::move(bell), std::move(epoll)));
    try {
        writer->thread_ = std::thread(&StreamWriter::run, writer.get());
    } catch (const std::system_error&) {
        return fail("pthread_create()", EAGAIN);
    }
    return writer;
}

StreamWriter::~StreamWriter() {
    if (!thread_.joinable()) {
        return;
    }
    {
        const std::lock_guard guard(lock_);
        is_stopping_ = true;
    }
    static_cast<void>(sys::eventfd_signal(bell_.get()));
    thread_.join();
}

void StreamWriter::push(std::string_view lines) {
    {
        const std::lock_guard guard(lock_);
        queue_.append(lines);
    }
    static_cast<void>(sys::eventfd_signal(bell_.get()));
}

void StreamWriter::reopen(sys::UniqueFd fd) {
    {
        const std::lock_guard guard(lock_);
        next_fd_ = std::move(fd);
    }
    static_cast<void>(sys::eventfd_signal(bell_.get()));
}

void StreamWriter::run() {
    State state = State::Idle;
    while (collect(state)) {
        state = wait(state);
    }
}

/// Takes over what the logger left for us; false where we are to end.
bool StreamWriter::collect(State& state) {
    const std::lock_guard guard(lock_);
    if (next_fd_) {
        unwatch();
        fd_ = std::move(next_fd_);
        is_always_ready_ = false;
        current_.restart_line();
        state = State::Idle;
    }
    current_.add_lines(queue_);
    queue_.clear();
    if (state == State::Idle && !current_.empty()) {
        state = State::Writing;
    }
    return !is_stopping_;
}

StreamWriter::State StreamWriter::wait(State state) {
    Millis limit = kNoLimit;
    if (state == State::Writing) {
        watch();
        if (is_always_ready_) {
            return write_piece();
        }
    } else {
        // An idle descriptor whose reader has gone would report that without end.
        unwatch();
    }
    if (state == State::BackingOff) {
        limit = retry_at_ - sys::monotonic_now();
        if (limit <= Millis::zero()) {
            return current_.empty() ? State::Idle : State::Writing;
        }
    }
    std::array<epoll_event, 2> events{};
    const auto count = sys::epoll_wait(epoll_.get(), events, limit);
    if (!count) {
        return back_off();
    }
    bool is_ready = false;
    for (std::size_t i = 0; i < *count; ++i) {
        if (events[i].data.ptr != nullptr) {
            is_ready = true;
        } else {
            static_cast<void>(sys::eventfd_drain(bell_.get()));
        }
    }
    return is_ready ? write_piece() : state;
}

StreamWriter::State StreamWriter::back_off() {
    retry_at_ = sys::monotonic_now() + kBackOff;
    return State::BackingOff;
}

StreamWriter::State StreamWriter::write_piece() {
    const std::size_t before = current_.size();
    const auto done = sys::write(fd_.get(), next_piece(current_.unwritten()));
    if (!done) {
        error_.store(done.error().code, std::memory_order_relaxed);
        return back_off();
    }
    error_.store(0, std::memory_order_relaxed);
    current_.wrote(done->size);
    settled_.fetch_add(before - current_.size(), std::memory_order_release);
    return current_.empty() ? State::Idle : State::Writing;
}

void StreamWriter::watch() {
    if (is_watched_ || is_always_ready_) {
        return;
    }
    // epoll refuses what never blocks (EPERM): a log reopened as a plain file.
    is_watched_ = sys::epoll_add(epoll_.get(), fd_.get(), EPOLLOUT, this).has_value();
    is_always_ready_ = !is_watched_;
}

void StreamWriter::unwatch() {
    if (is_watched_) {
        static_cast<void>(sys::epoll_remove(epoll_.get(), fd_.get()));
        is_watched_ = false;
    }
}

}  // namespace sluice::logger
