// SPDX-License-Identifier: BSD-2-Clause
// The sending thread of one message sink.
// Runs in: logger (a thread of it).
#include "logger/message_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <system_error>

#include "sys/clock.h"
#include "sys/epoll.h"

namespace sluice::logger {

namespace {

constexpr Millis kFirstPause{100};
constexpr Millis kLongestPause{5000};
constexpr Millis kNoLimit{-1};

/// The first frame of a row; all of it where it is none.
std::string_view first_frame(std::string_view frames) {
    std::uint32_t size = 0;
    if (frames.size() < MessageWriter::kFrameBytes) {
        return frames;
    }
    std::memcpy(&size, frames.data(), sizeof size);
    return frames.substr(0, MessageWriter::kFrameBytes + std::size_t{size});
}

}  // namespace

std::size_t MessageWriter::begin_frame(std::string& out, std::uint8_t severity) {
    const std::size_t start = out.size();
    out.append(sizeof(std::uint32_t), '\0');
    out.push_back(static_cast<char>(severity));
    return start;
}

void MessageWriter::end_frame(std::string& out, std::size_t start) {
    const auto size = static_cast<std::uint32_t>(out.size() - start - kFrameBytes);
    std::memcpy(out.data() + start, &size, sizeof size);
}

std::uint64_t MessageWriter::count_frames(std::string_view frames) {
    std::uint64_t count = 0;
    for (; !frames.empty(); ++count) {
        frames.remove_prefix(first_frame(frames).size());
    }
    return count;
}

Result<std::unique_ptr<Writer>> MessageWriter::start(shm::Backlog& backlog,
                                                    std::unique_ptr<MessageLink> link) {
    std::unique_ptr<MessageWriter> writer(new MessageWriter(backlog, std::move(link)));
    TRY(writer->queue_.open());
    try {
        writer->thread_ = std::thread(&MessageWriter::run, writer.get());
    } catch (const std::system_error&) {
        return fail("pthread_create()", EAGAIN);
    }
    return writer;
}

MessageWriter::~MessageWriter() {
    if (thread_.joinable()) {
        queue_.stop();
        thread_.join();
    }
}

void MessageWriter::run() {
    sys::UniqueFd next;
    while (queue_.collect(next)) {
        if (next) {
            watch(false);
            link_->reopen(std::move(next));
            state_ = State::Idle;
        }
        if (state_ == State::Idle) {
            link_->look();
        }
        if (state_ == State::Idle || time_left() == Millis::zero()) {
            send_all();
        }
        wait();
    }
}

std::string_view MessageWriter::first() const {
    return first_frame(released_lines());
}

Millis MessageWriter::time_left() const {
    if (state_ == State::Idle || until_ == Millis::zero()) {
        return kNoLimit;
    }
    return std::max(until_ - sys::monotonic_now(), Millis::zero());
}

void MessageWriter::wait() {
    watch(state_ == State::Blocked);
    std::array<epoll_event, 2> events{};
    const auto count = sys::epoll_wait(queue_.epoll(), events, time_left());
    for (std::size_t i = 0; i < count.value_or(0); ++i) {
        if (events[i].data.ptr == nullptr) {
            queue_.hush();
        } else {
            state_ = State::Idle;
            is_impatient_ = false;
        }
    }
}

void MessageWriter::send_all() {
    const bool was_blocked = state_ == State::Blocked;
    state_ = State::Idle;
    if (was_blocked) {
        // It had its time and is still full.
        is_impatient_ = true;
    }
    while (!first().empty() && send_first()) {
    }
    queue_.set_error(is_impatient_ ? EAGAIN : link_->error());
    queue_.drop(link_->take_late_losses());
}

/// False where the thread must wait before it goes on.
bool MessageWriter::send_first() {
    const std::string_view frame = first();
    if (frame.size() < kFrameBytes) {
        // Nothing of ours: an earlier logger died of what it did to the backlog.
        give_up_all();
        return true;
    }
    const Message message{.bytes = frame.substr(kFrameBytes),
                          .severity = static_cast<std::uint8_t>(frame[kFrameBytes - 1])};
    switch (link_->send(message)) {
        case Sent::Whole:
            pause_ = Millis::zero();
            is_impatient_ = false;
            finish_first();
            return true;
        case Sent::Lost:
            queue_.drop(1);
            finish_first();
            return true;
        case Sent::Blocked:
            if (is_impatient_ && link_->patience() != Millis::zero()) {
                give_up_all();
                return false;
            }
            state_ = State::Blocked;
            until_ = link_->patience() == Millis::zero() ? Millis::zero()
                                                         : sys::monotonic_now() + link_->patience();
            return false;
        case Sent::Broken:
            pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
            state_ = State::BackingOff;
            until_ = sys::monotonic_now() + pause_;
            return false;
    }
    return false;
}

void MessageWriter::finish_first() {
    backlog_.take_away(first().size());
}

void MessageWriter::give_up_all() {
    while (!first().empty()) {
        queue_.drop(1);
        finish_first();
    }
}

void MessageWriter::watch(bool on) {
    if (watched_ >= 0) {
        static_cast<void>(sys::epoll_remove(queue_.epoll(), watched_));
        watched_ = -1;
    }
    if (on && sys::epoll_add(queue_.epoll(), link_->fd(), EPOLLOUT, this)) {
        watched_ = link_->fd();
    }
}

}  // namespace sluice::logger
