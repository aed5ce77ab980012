// SPDX-License-Identifier: BSD-2-Clause
// Client: what a handler answers without a peer: a text, an echo, a conversation; and the gentle end.
// Runs in: worker.
#include <algorithm>
#include <span>

#include "net/chain.h"
#include "proto/stream/conversation.h"
#include "proto/tcp/client.h"
#include "proto/tcp/protocol.h"

namespace sluice::tcp {

namespace {

constexpr std::size_t kEchoBuffer = 16 * 1024;
constexpr Millis kLingering{5'000};
/// What one client may have of a turn before others have theirs.
constexpr std::size_t kTurnBytes = 256 * 1024;
/// Answers up to this are simply sent.
constexpr std::size_t kSmallAnswer = 32 * 1024;

}  // namespace

void Client::reply(std::string_view text) {
    text_ = text;
    go(State::Replying);
    wake();
}

void Client::echo(Millis idle) {
    idle_ = idle;
    go(State::Echoing);
    wake();
}

bool Client::converse(stream::Conversation& conversation, Millis idle) {
    conversation_ = &conversation;
    idle_ = idle;
    go(State::Conversing);
    wake();
    return true;
}

Client::Step Client::send_reply() {
    net::Chain chain;
    static_cast<void>(chain.push_memory(text_));
    const net::Written written = client_.write(chain);
    text_.remove_prefix(written.bytes);
    session_.sent += written.bytes;
    switch (written.outcome) {
        case net::Written::Outcome::Blocked:
            return wait_for(Millis(60'000));
        case net::Written::Outcome::Yield:
            return Step::Wait;
        case net::Written::Outcome::Done:
            break;
        default:
            return conclude(stream::kOk);
    }
    return close_gently();
}

/// The session is over, but what it sent is still on its way.
Client::Step Client::close_gently() {
    finish_session(stream::kOk);
    client_.clear_deadline();
    go(State::Lingering);
    if (protocol_.worker().is_retiring || !client_.shutdown_write()) {
        protocol_.destroy(*this);
        return Step::Gone;
    }
    return Step::Again;
}

// Answers go out before more is read: who does not read them cannot ask for more.
Client::Step Client::converse_on() {
    if (turn_bytes_ >= kTurnBytes) {
        turn_bytes_ = 0;
        client_.yield();  // others have their turn first
        return Step::Wait;
    }
    if (!conversation_->to_send().empty()) {
        return has_heard_ ? put_answer_off() : say();
    }
    if (conversation_->is_over()) {
        return close_gently();
    }
    return hear();
}

/// To the end of the turn, when all that was ready has been heard.
Client::Step Client::put_answer_off() {
    has_heard_ = false;
    turn_bytes_ = 0;
    client_.yield();
    return Step::Wait;
}

Client::Step Client::say() {
    if (!client_.is_writable()) {
        return wait_for(idle_);
    }
    const std::string_view text = conversation_->to_send();
    if (text.size() <= kSmallAnswer) [[likely]] {
        return say_small(text);
    }
    net::Chain chain;
    static_cast<void>(chain.push_memory(text));
    const net::Written written = client_.write(chain);
    conversation_->sent(written.bytes);
    session_.sent += written.bytes;
    turn_bytes_ += written.bytes;  // a long answer must not take all of a turn either
    if (written.bytes > 0) {
        client_.set_deadline_in(idle_);
    }
    switch (written.outcome) {
        case net::Written::Outcome::Done:
        case net::Written::Outcome::Blocked:
            return Step::Again;
        case net::Written::Outcome::Yield:
            return Step::Wait;
        default:
            return conclude(stream::kOk);
    }
}

/// Without what write() does for the sake of others, who do not suffer from so little.
Client::Step Client::say_small(std::string_view text) {
    const Result<sys::Transfer> done = client_.send(text);
    if (!done) {
        return conclude(stream::kOk);
    }
    if (done->size > 0) {
        conversation_->sent(done->size);
        session_.sent += done->size;
        turn_bytes_ += done->size;
        client_.set_deadline_in(idle_);
    }
    return Step::Again;
}

Client::Step Client::hear() {
    if (preread().empty() && !client_.is_readable()) {
        return wait_for(idle_);
    }
    const std::span<char> room = conversation_->room();
    if (room.empty()) {
        return conclude(stream::kInternalError);  // it wants neither to hear nor to say anything
    }
    std::size_t count = std::min(preread().size(), room.size());
    if (count > 0) {
        std::copy_n(preread().begin(), count, room.begin());
        begin_ += count;
        conversation_->heard(count);
        return Step::Again;
    }
    const Result<sys::Transfer> got = client_.recv(room);
    if (!got || got->is_end) {
        return conclude(stream::kOk);
    }
    if (got->size > 0) {
        turn_bytes_ += got->size;
        session_.received += got->size;
        client_.set_deadline_in(idle_);
        conversation_->heard(got->size);
        has_heard_ = true;
    }
    return Step::Again;
}

Client::Step Client::send_echo() {
    if (!make_buffer(kEchoBuffer)) {
        return conclude(stream::kInternalError);
    }
    if (begin_ < end_) {
        if (!client_.is_writable()) {
            return watch();
        }
        net::Chain chain;
        static_cast<void>(chain.push_memory(preread()));
        const net::Written written = client_.write(chain);
        begin_ += written.bytes;
        session_.sent += written.bytes;
        client_.set_deadline_in(idle_);
        if (written.outcome == net::Written::Outcome::Broken) {
            return conclude(stream::kOk);
        }
        return written.outcome == net::Written::Outcome::Yield ? Step::Wait : Step::Again;
    }
    begin_ = end_ = 0;
    if (turn_bytes_ >= kTurnBytes) {
        turn_bytes_ = 0;
        client_.yield();
        return Step::Wait;
    }
    if (!client_.is_readable()) {
        return wait_for(idle_);
    }
    const Result<sys::Transfer> got = client_.recv(buffer_);
    if (!got || got->is_end) {
        return conclude(stream::kOk);
    }
    end_ = got->size;
    turn_bytes_ += got->size;
    session_.received += got->size;
    return Step::Again;
}

// What the client still sends must not turn our reply into a reset.
Client::Step Client::linger() {
    if (client_.discard(protocol_.scratch()) == net::Drain::Ended) {
        protocol_.destroy(*this);
        return Step::Gone;
    }
    if (!client_.has_deadline()) {
        client_.set_deadline_in(kLingering);
    }
    if (!client_.watch()) {
        protocol_.destroy(*this);
        return Step::Gone;
    }
    return Step::Wait;
}

}  // namespace sluice::tcp
