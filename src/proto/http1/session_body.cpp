// SPDX-License-Identifier: BSD-2-Clause
// Session: the request's body, kept for a handler that asked for it or dropped.
// Runs in: worker.
#include <algorithm>

#include "base/ascii.h"
#include "log/log.h"
#include "proto/http1/protocol.h"
#include "proto/http1/session.h"
#include "proto/http1/talk.h"

namespace sluice::http1 {

namespace {

constexpr std::uint32_t kReadsPerTurn = 16;      // of 64 KiB at most
constexpr std::size_t kChunkedRead = 16 * 1024;  // what may be read past a chunked body's end

}  // namespace

// A handler waits for the body.
Step Session::step_collecting() {
    Talk& talk = *talk_;
    if (talk.body.is_done()) {
        return end_body(0);
    }
    const std::string_view buffered = talk.behind_head();
    if (buffered.empty()) {
        return receive_body();
    }
    // A small body that came with its head stays where it is.
    const http::BodyPlan plan = http::body_plan(*talk.exchange.location->core);
    if (talk.body.content() == 0 && !talk.body.is_chunked() &&
        talk.body.remaining() <= std::min<std::uint64_t>(buffered.size(), plan.buffer_size.count)) {
        const BodyReader::Step step = talk.body.feed(buffered);
        use_input(step.used);
        talk.exchange.body.refer_to(step.content);
        return Step::Again;
    }
    return take_body(buffered);
}

// The reply is decided; what the client sends as a body is read and dropped, so that the next
// request is found behind it.
Step Session::step_body() {
    Talk& talk = *talk_;
    const bool is_refused = talk.exchange.reply.closes;
    if (talk.body.is_done() || is_refused || awaits_continue()) {
        talk.has_unread = talk.has_unread || !talk.body.is_done();
        go(State::Replying);
        return Step::Again;
    }
    const std::string_view buffered = talk.behind_head();
    return buffered.empty() ? receive_body() : take_body(buffered);
}

// RFC 9110 §10.1.1: a client that waits for 100 is not invited to send what nobody wants. Whether
// it sends it all the same cannot be known, so the connection ends with the reply.
bool Session::awaits_continue() const {
    const Talk& talk = *talk_;
    return talk.expects_continue() && !talk.has_continued && talk.body.content() == 0 &&
           talk.next == talk.filled;
}

// Bytes of the page.
Step Session::take_body(std::string_view bytes) {
    const BodyReader::Step step = talk_->body.feed(bytes);
    use_input(step.used);
    return judge_body(step);
}

void Session::use_input(std::size_t count) {
    talk_->next += count;
    talk_->exchange.timings.request_length += static_cast<std::int64_t>(count);
}

Step Session::judge_body(const BodyReader::Step& step) {
    if (step.outcome == BodyReader::Outcome::Malformed) {
        return end_body(400);
    }
    const std::uint64_t limit = talk_->exchange.location->core->client_max_body_size->count;
    if (limit != 0 && talk_->body.content() > limit) {
        return end_body(413);
    }
    if (state_ == State::Collecting && !step.content.empty()) {
        if (const int status = talk_->exchange.keep_body(step.content); status != 0) {
            return end_body(status);
        }
    }
    return Step::Again;
}

// The body is whole (0), or the request is answered with `status` and the connection ends.
Step Session::end_body(int status) {
    if (status != 0) {
        talk_->has_unread = true;
        talk_->exchange.reply.closes = true;
    }
    if (state_ != State::Collecting) {
        return answer(status);
    }
    talk_->wants_body = false;
    const bool is_decided = talk_->exchange.body_ended(status);
    talk_->exchange.reply.closes = talk_->exchange.reply.closes || status != 0;
    return leave_phases(is_decided);
}

// The page holds the head that the exchange views, so a body is read elsewhere: to where it is
// kept if that can be, else to memory that all sessions share.
Step Session::receive_body() {
    Talk& talk = *talk_;
    if (send_continue() == Step::Gone) {
        return Step::Gone;
    }
    if (!is_readable() || talk.reads >= kReadsPerTurn) {
        return Step::Wait;
    }
    ++talk.reads;
    const bool is_direct = state_ == State::Collecting && !talk.body.is_chunked();
    std::span<char> into = protocol_.scratch();
    if (is_direct) {
        const Result<std::span<char>> room = talk.exchange.body.room();
        if (!room) {
            return end_body(talk.exchange.note_body_trouble(room.error()));
        }
        into = *room;
    }
    into = into.first(talk.body.is_chunked() ? kChunkedRead
                                             : static_cast<std::size_t>(std::min<std::uint64_t>(
                                                   into.size(), talk.body.remaining())));
    const auto received = recv(into);
    if (!received || received->is_end) {
        return lose_body();
    }
    if (received->is_blocked) {
        return Step::Wait;
    }
    const std::string_view bytes(into.data(), received->size);
    return is_direct ? keep_received(bytes) : take_received(bytes);
}

// Bytes of a counted body that are where they are kept already.
Step Session::keep_received(std::string_view bytes) {
    BodyReader::Step step = talk_->body.feed(bytes);
    talk_->exchange.timings.request_length += static_cast<std::int64_t>(step.used);
    talk_->exchange.body.commit(step.used);
    step.content = {};
    return judge_body(step);
}

Step Session::take_received(std::string_view bytes) {
    Talk& talk = *talk_;
    BodyReader::Step step;
    while (step.outcome == BodyReader::Outcome::More && !bytes.empty()) {
        step = talk.body.feed(bytes);
        talk.exchange.timings.request_length += static_cast<std::int64_t>(step.used);
        bytes.remove_prefix(step.used);
        if (step.outcome == BodyReader::Outcome::Done && !bytes.empty()) {
            talk.leftover_size = bytes.size();
            talk.leftover = std::make_unique_for_overwrite<char[]>(bytes.size());
            std::copy_n(bytes.data(), bytes.size(), talk.leftover.get());
        }
        const State before = state_;
        const Step next = judge_body(step);
        if (next != Step::Again || state_ != before) {
            return next;
        }
        if (talk.has_unread) {
            return next;  // refused
        }
    }
    return Step::Again;
}

// The client has gone before its body was whole.
Step Session::lose_body() {
    if (state_ == State::Collecting) {
        talk_->exchange.reply.status = 400;  // for the log, as nginx has it
    }
    // Replies to the requests before this one may still wait in the outbox.
    return flush() == Step::Gone ? Step::Gone : destroy();
}

// RFC 9110 §10.1.1: only for a client that waits for it. Replies to earlier requests may fill the
// outbox; flush() leaves it empty, also where they cannot leave yet.
Step Session::send_continue() {
    if (talk_->has_continued || !talk_->expects_continue()) {
        return Step::Again;
    }
    talk_->has_continued = true;
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    if (protocol_.outbox().room() < kContinue.size() && flush() == Step::Gone) {
        return Step::Gone;
    }
    protocol_.outbox().append(kContinue);
    return Step::Again;
}

// client_body_timeout counts from the last bytes; with client_body_min_rate each byte of the body
// buys time as well, and only that.
Millis Session::body_deadline() const {
    const Talk& talk = *talk_;
    const http::CoreConf& core = *talk.exchange.location->core;
    const Millis timeout = *core.client_body_timeout;
    const Millis pause_end = loop().now() + timeout;
    const std::uint64_t rate = core.client_body_min_rate->count;
    if (rate == 0) {
        return pause_end;
    }
    const std::uint64_t bought =
        std::min<std::uint64_t>(talk.body.content() / rate, 1'000'000'000) * 1000;
    return std::min(pause_end,
                    talk.body_started + timeout + Millis(static_cast<std::int64_t>(bought)));
}

// Too slow: answered, because the client is in the middle of a request and waits for nothing else.
void Session::time_out_body() {
    if (*talk_->exchange.location->core->reset_timedout_connection) {
        talk_->exchange.discard_reply();
        talk_->exchange.reply.status = 408;  // for the log
        reset();
        static_cast<void>(destroy());
        return;
    }
    const Step step = end_body(408);
    if (step == Step::Again) {
        run();
    } else if (step == Step::Wait) {
        settle();
    }
}

}  // namespace sluice::http1
