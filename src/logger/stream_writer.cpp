// SPDX-License-Identifier: BSD-2-Clause
// The writing thread of one stream. It waits in epoll for room and writes at most PIPE_BUF bytes at
// a time, ending at a line where it can: such a write to a pipe neither blocks nor mixes with what
// other processes write.
// Runs in: logger (a thread of it).
#include "logger/stream_writer.h"

#include <algorithm>
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

StreamWriter::StreamWriter(sys::UniqueFd fd, const Options& options)
    : options_(options), fd_(std::move(fd)) {}

Result<std::unique_ptr<Writer>> StreamWriter::start(sys::UniqueFd fd, const Options& options) {
    std::unique_ptr<StreamWriter> writer(new StreamWriter(std::move(fd), options));
    TRY(writer->queue_.open());
    try {
        writer->thread_ = std::thread(&StreamWriter::run, writer.get());
    } catch (const std::system_error&) {
        return fail("pthread_create()", EAGAIN);
    }
    return writer;
}

StreamWriter::~StreamWriter() {
    if (thread_.joinable()) {
        queue_.stop();
        thread_.join();
    }
}

void StreamWriter::run() {
    State state = State::Idle;
    while (collect(state)) {
        state = wait(state);
    }
}

/// Takes over what the logger left for us; false where we are to end.
bool StreamWriter::collect(State& state) {
    sys::UniqueFd next;
    const bool goes_on = queue_.collect(collected_, next);
    if (next) {
        unwatch();
        fd_ = std::move(next);
        is_always_ready_ = false;
        current_.restart_line();
        member_.restart();
        state = State::Idle;
    }
    current_.add_lines(collected_);
    collected_.clear();
    if (state == State::Idle && !current_.empty()) {
        state = State::Writing;
    }
    return goes_on;
}

StreamWriter::State StreamWriter::wait(State state) {
    Millis limit = kNoLimit;
    if (state == State::Writing) {
        watch();
        if (is_always_ready_) {
            return options_.gzip_level != 0 ? write_compressed() : write_piece();
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
    const auto count = sys::epoll_wait(queue_.epoll(), events, limit);
    if (!count) {
        return back_off();
    }
    bool is_ready = false;
    for (std::size_t i = 0; i < *count; ++i) {
        if (events[i].data.ptr != nullptr) {
            is_ready = true;
        } else {
            queue_.hush();
        }
    }
    if (!is_ready) {
        return state;
    }
    return options_.gzip_level != 0 ? write_compressed() : write_piece();
}

StreamWriter::State StreamWriter::back_off() {
    retry_at_ = sys::monotonic_now() + kBackOff;
    return State::BackingOff;
}

StreamWriter::State StreamWriter::on_failure(int code) {
    queue_.set_error(code);
    return code == EPIPE && options_.drops_unread ? drop_all() : back_off();
}

/// A FIFO that nobody reads takes nothing. The next line asks again, so a reader that comes is
/// served by itself.
StreamWriter::State StreamWriter::drop_all() {
    const std::string lost = current_.take_all();
    queue_.drop(static_cast<std::uint64_t>(std::count(lost.begin(), lost.end(), '\n')));
    queue_.settle(lost.size());
    return State::Idle;
}

StreamWriter::State StreamWriter::write_piece() {
    const std::size_t before = current_.size();
    const auto done = sys::write(fd_.get(), next_piece(current_.unwritten()));
    if (!done) {
        return on_failure(done.error().code);
    }
    if (!done->is_blocked) {
        queue_.set_error(0);
    }
    current_.wrote(done->size);
    queue_.settle(before - current_.size());
    return current_.empty() ? State::Idle : State::Writing;
}

StreamWriter::State StreamWriter::write_compressed() {
    if (!member_.is_open()) {
        member_.make(current_.unwritten(), options_.gzip_level);
    }
    const auto done = sys::write(fd_.get(), member_.unwritten());
    if (!done) {
        return on_failure(done.error().code);
    }
    if (!done->is_blocked) {
        queue_.set_error(0);
    }
    const std::size_t source = member_.source_bytes();
    if (member_.wrote(done->size)) {
        current_.wrote(source);
        queue_.settle(source);
    }
    return current_.empty() ? State::Idle : State::Writing;
}

void StreamWriter::watch() {
    if (is_watched_ || is_always_ready_) {
        return;
    }
    // epoll refuses what never blocks (EPERM): a log reopened as a plain file.
    is_watched_ = sys::epoll_add(queue_.epoll(), fd_.get(), EPOLLOUT, this).has_value();
    is_always_ready_ = !is_watched_;
}

void StreamWriter::unwatch() {
    if (is_watched_) {
        static_cast<void>(sys::epoll_remove(queue_.epoll(), fd_.get()));
        is_watched_ = false;
    }
}

}  // namespace sluice::logger
