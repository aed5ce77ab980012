// SPDX-License-Identifier: BSD-2-Clause
// Relay: what a broken side means for the other, when both directions are done, and what is told.
// Runs in: worker.
#include "proto/tcp/relay.h"

#include <cerrno>

namespace sluice::tcp {

void Relay::lose_source(Direction& way, const Error& error) {
    way.state = Direction::State::Ending;
    note_failure(*way.from, error);
}

// What the lost side had sent before is still passed on: a server may answer, and close, before it
// has read everything.
void Relay::lose_destination(Direction& way, const Error& error) {
    way.state = Direction::State::Ended;
    note_failure(*way.to, error);
    release(way);
}

void Relay::note_failure(const net::OwnedConnection& side, const Error& error) {
    if (has_failed_) {
        return;
    }
    has_failed_ = true;
    has_moved_ = true;  // another time-out counts
    const RelayEnd end = error.code == ENOMEM ? RelayEnd::NoMemory
                         : &side == up_.from  ? RelayEnd::ClientFailed
                                              : RelayEnd::UpstreamFailed;
    failure_ = {end, error};
}

/// Its source has ended, too, but not all that it sent is passed on; the side that waits for it is
/// there.
bool Relay::is_owed(const Direction& way) const {
    const RelayEnd broken = &way == &down_ ? RelayEnd::ClientFailed : RelayEnd::UpstreamFailed;
    const bool has_more = way.state == Direction::State::Open ? way.from->is_peer_closed()
                                                              : way.is_holding();
    return way.state != Direction::State::Ended && has_more &&
           !(has_failed_ && failure_.end == broken);
}

/// Looks whether `way` has come to its end and the relay with it; true when it has, and then the
/// relay may be destroyed.
bool Relay::has_concluded(Direction& way) {
    using State = Direction::State;
    if (way.state == State::Ending && !way.is_holding()) {
        const bool goes_on = options_.is_half_close && !has_failed_;
        if (goes_on) {
            (void)way.to->shutdown_write();  // fails for one that has gone, which recv will tell
        }
        way.state = State::Ended;
        const Direction& other = &way == &up_ ? down_ : up_;
        if (is_owed(other)) {
            return false;
        }
        if (!goes_on || other.state == State::Ended) {
            const RelayEnd closed =
                &way == &up_ ? RelayEnd::ClientClosed : RelayEnd::UpstreamClosed;
            end(has_failed_ ? failure_ : RelayOutcome{.end = closed});
            return true;
        }
    } else if (up_.state == State::Ended && down_.state == State::Ended) {
        end(failure_);
        return true;
    }
    return false;
}

void Relay::end(const RelayOutcome& outcome) {
    const RelayOutcome told = outcome;
    is_running_ = false;
    release(up_);
    release(down_);
    up_.from->clear_deadline();
    up_.to->clear_deadline();
    on_end(*this, told);
}

}  // namespace sluice::tcp
