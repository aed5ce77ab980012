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

#include "logger/same_file.h"
#include "sys/clock.h"
#include "sys/epoll.h"
#include "sys/file.h"
#include "sys/truncate.h"

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

StreamWriter::StreamWriter(shm::Backlog& backlog, sys::UniqueFd fd, const Options& options)
    : Writer(backlog), options_(options), fd_(std::move(fd)) {}

Result<std::unique_ptr<Writer>> StreamWriter::start(shm::Backlog& backlog,
                                                    sys::UniqueFd fd,
                                                    const Options& options) {
    std::unique_ptr<StreamWriter> writer(new StreamWriter(backlog, std::move(fd), options));
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
    const bool goes_on = queue_.collect(next);
    if (next) {
        unwatch();
        if (!is_same_file(fd_.get(), next.get())) {
            backlog_.restart_line();
            member_.forget();
        }
        fd_ = std::move(next);
        is_always_ready_ = false;
        state = State::Idle;
    }
    if (state == State::Idle) {
        state = next_state();
    }
    return goes_on;
}

StreamWriter::State StreamWriter::next_state() const {
    return released_lines().empty() ? State::Idle : State::Writing;
}

StreamWriter::State StreamWriter::wait(State state) {
    Millis limit = kNoLimit;
    if (state == State::Writing) {
        watch();
        if (is_always_ready_) {
            return write_some();
        }
    } else {
        // An idle descriptor whose reader has gone would report that without end.
        unwatch();
    }
    if (state == State::BackingOff) {
        limit = retry_at_ - sys::monotonic_now();
        if (limit <= Millis::zero()) {
            return next_state();
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
    return write_some();
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
    const std::string_view lost = released_lines();
    queue_.drop(static_cast<std::uint64_t>(std::ranges::count(lost, '\n')));
    backlog_.take_away(lost.size());
    return State::Idle;
}

StreamWriter::State StreamWriter::write_some() {
    if (options_.gzip_level != 0) {
        return write_compressed();
    }
    return backlog_.is_torn() ? end_torn_line() : write_piece();
}

/// An earlier logger may have written the start of a line: it ends here, and stands whole on the next.
StreamWriter::State StreamWriter::end_torn_line() {
    const auto done = sys::write(fd_.get(), std::string_view("\n"));
    if (!done) {
        return on_failure(done.error().code);
    }
    if (done->size == 1) {
        backlog_.restart_line();
    }
    return State::Writing;
}

StreamWriter::State StreamWriter::write_piece() {
    backlog_.begin_write();
    const auto done =
        sys::write(fd_.get(), next_piece(backlog_.unwritten(queue_.released())));
    backlog_.wrote(done ? done->size : 0);
    if (!done) {
        return on_failure(done.error().code);
    }
    if (!done->is_blocked) {
        queue_.set_error(0);
    }
    return next_state();
}

/// What a killed logger wrote of a member is cut off again: no reader gets past a torn one. Not where
/// the log was reopened meanwhile: what stands in another file is whole.
void StreamWriter::open_member() {
    const auto file = sys::file_info(fd_.get());
    const bool is_regular = file && file->is_regular();
    std::uint64_t size = is_regular ? file->size : 0;
    if (is_regular && backlog_.is_torn() && backlog_.file_inode() == file->inode &&
        backlog_.file_size() < size && sys::truncate(fd_.get(), backlog_.file_size())) {
        size = backlog_.file_size();
    }
    backlog_.restart_line();
    member_.make(released_lines(), options_.gzip_level);
    backlog_.begin_write(size, is_regular ? file->inode : 0);
}

StreamWriter::State StreamWriter::write_compressed() {
    if (!member_.is_open()) {
        open_member();
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
        backlog_.take_away(source);
    }
    return next_state();
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
