// SPDX-License-Identifier: BSD-2-Clause
// Session: the end of the connection: its last lines are written, what still comes is read and
// dropped, what it holds is given back.
// Runs in: worker.
#include <algorithm>

#include "log/journal.h"
#include "proto/http1/protocol.h"
#include "proto/http1/session.h"
#include "proto/http1/talk.h"

namespace sluice::http1 {

// nginx writes error lines, and those of logs that they name, before it closes: who sees the end may
// look for the line, or move its file away. Ours are written by the logger a moment later, and the
// end is what waits for it. A logger that is stuck makes nobody wait but those whom it surprised.
void Session::hold_end_for_log() {
    const log::Journal* const journal = log::Journal::installed();
    log::LaneLog* const lanes = journal == nullptr ? nullptr : journal->lanes();
    if (lanes == nullptr || lanes->is_written(lanes->awaited()) || lanes->is_stuck()) {
        return;
    }
    talk_->waits_for_log = true;
    talk_->log_mark = lanes->awaited();
    talk_->log_limit = loop().now() + Talk::kLogLimit;
    lanes->hurry();
}

bool Session::waits_for_log() {
    Talk& talk = *talk_;
    if (!talk.waits_for_log) {
        return false;
    }
    const log::Journal* const journal = log::Journal::installed();
    log::LaneLog* const lanes = journal == nullptr ? nullptr : journal->lanes();
    if (lanes == nullptr || lanes->is_written(talk.log_mark)) {
        talk.waits_for_log = false;
    } else if (loop().now() >= talk.log_limit) {
        lanes->note_stuck();
        talk.waits_for_log = false;
    }
    return talk.waits_for_log;
}

Step Session::step_closing() {
    Talk& talk = *talk_;
    const Step step = flush();
    if (step != Step::Again) {
        return step;
    }
    if (waits_for_log()) {
        return Step::Wait;
    }
    const bool has_unread =
        talk.has_unread || talk.begin < talk.filled || talk.leftover_size > 0 || is_readable();
    const bool lingers = talk.lingering == http::Lingering::Always ||
                         (talk.lingering == http::Lingering::On && has_unread);
    if (!lingers || !shutdown_write()) {
        return destroy();
    }
    moment_ = loop().now() + talk.linger_time;
    timeout_ms_ = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(talk.linger_timeout.count(), 0, INT32_MAX));
    protocol_.give_back(talk);
    talk_ = nullptr;
    go(State::Lingering);
    return Step::Again;
}

Step Session::step_lingering() {
    return discard(protocol_.scratch()) == net::Drain::Ended ? destroy() : Step::Wait;
}

Step Session::destroy() {
    protocol_.outbox().clear();
    protocol_.destroy(*this);
    return Step::Gone;
}

void Session::abandon() {
    if (talk_ == nullptr) {
        return;
    }
    if (talk_->is_running) {
        if (talk_->exchange.reply.status == 0) {
            talk_->exchange.reply.status = 499;  // nginx's number for a client that left
        }
        close_books();
        talk_->exchange.end();
    }
    talk_->forget_request();
    protocol_.give_back(*talk_);
    talk_ = nullptr;
}

}  // namespace sluice::http1
