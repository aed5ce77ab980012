// SPDX-License-Identifier: BSD-2-Clause
// Session: its turns, and the states before a reply is decided. Those after it are in
// session_reply.cpp, the end of the connection in session_end.cpp.
// Runs in: worker.
#include "proto/http1/session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/bug.h"
#include "proto/http/router.h"
#include "proto/http/trace.h"
#include "proto/http/variable_slots.h"
#include "proto/http1/parser.h"
#include "proto/http1/protocol.h"
#include "proto/http1/talk.h"

namespace sluice::http1 {

namespace {

constexpr std::uint16_t bit(State state) {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(state));
}

// kAllowed[from]: the states that may follow. Any state may end in destruction.
constexpr std::array<std::uint16_t, 10> kAllowed = [] {
    std::array<std::uint16_t, 10> table{};
    const auto allow = [&table](State from, std::uint16_t to) {
        table[static_cast<std::size_t>(from)] = to;
    };
    allow(State::Idle, bit(State::Head));
    allow(State::Proxy, bit(State::Head) | bit(State::Idle));
    allow(State::Head,
          bit(State::Idle) | bit(State::Deciding) | bit(State::Collecting) | bit(State::Body));
    allow(State::Deciding, bit(State::Collecting) | bit(State::Body));
    allow(State::Collecting, bit(State::Deciding) | bit(State::Body));
    allow(State::Body, bit(State::Replying) | bit(State::Deciding));
    allow(State::Replying,
          bit(State::Sending) | bit(State::Idle) | bit(State::Head) | bit(State::Closing));
    allow(State::Sending, bit(State::Idle) | bit(State::Head) | bit(State::Closing));
    allow(State::Closing, bit(State::Lingering));
    return table;
}();

std::uint32_t narrow(std::uint64_t value) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, UINT32_MAX / 2));
}

}  // namespace

Session::Session(Http1& protocol,
                 event::Loop& loop,
                 sys::UniqueFd socket,
                 const net::Address& peer,
                 ListenerId listener,
                 std::uint64_t number)
    : net::Connection(loop, std::move(socket), peer, listener),
      protocol_(protocol),
      number_(number),
      started_(loop.now()) {
    on_event = &Session::on_event_of;
    on_deadline = &Session::on_deadline_of;
}

void Session::on_event_of(net::Connection& connection) {
    Session& session = static_cast<Session&>(connection);
    if (session.is_left_in_pause()) {
        static_cast<void>(session.destroy());
        return;
    }
    session.run();
}

// While limit_rate holds a reply back, or a rule the request (limit_req, auth_delay), nothing is
// written that could fail, so a FIN that comes then is taken for a client that left, as nginx takes
// it. One that came with the request, or before the pause, is not: such clients still read.
bool Session::is_left_in_pause() const {
    if (talk_ == nullptr || !is_peer_leaving() || !talk_->chain.empty()) {
        return false;
    }
    return talk_->is_throttled || (state_ == State::Deciding && talk_->exchange.is_delayed);
}

void Session::on_deadline_of(net::Connection& connection) {
    Session& session = static_cast<Session&>(connection);
    const Talk* const talk = session.talk_;
    if (talk != nullptr && talk->chain.empty() &&
        (session.state_ == State::Body || session.state_ == State::Collecting)) {
        session.time_out_body();
        return;
    }
    const bool is_paused = talk != nullptr && (talk->is_throttled || talk->waits_for_log);
    if (is_paused && talk->chain.empty()) {
        session.run();
        return;
    }
    const bool is_in_head = session.state_ == State::Head;
    if (is_in_head) {
        session.note_unfinished(408);
    }
    if (talk != nullptr &&
        (is_in_head ? *session.port_core().reset_timedout_connection : talk->resets_on_timeout)) {
        session.reset();
    }
    static_cast<void>(session.destroy());
}

// A head that never came whole: nobody is answered, but the log has it, as with nginx.
void Session::note_unfinished(int status) {
    Talk& talk = *talk_;
    if (talk.is_running || port_ == nullptr) {
        return;
    }
    start_exchange();
    http::Exchange& exchange = talk.exchange;
    note_request_line(talk.input(), talk.scan, exchange.request);
    exchange.timings.request_length = static_cast<std::int64_t>(talk.input().size());
    exchange.location = exchange.server->root;
    exchange.reply.status = static_cast<std::uint16_t>(status);
}

bool Session::may_be_shed() const {
    return loop().now() - moment_ >= *port_core().keepalive_min_timeout;
}

bool Session::adopt() {
    const conf::GenerationRef& current = protocol_.worker().current;
    if (generation_.get() == current.get()) {
        return port_ != nullptr;
    }
    // A port that left the configuration is served on with the last generation that had it.
    if (const http::Port* const port = http::find_port(*current, listener()); port != nullptr) {
        generation_ = current;
        port_ = port;
    }
    return port_ != nullptr;
}

void Session::run() {
    if (talk_ != nullptr) {
        talk_->reads = 0;
        if (!talk_->chain.empty() && state_ != State::Sending && state_ != State::Closing) {
            // Replies of an earlier turn come first; nothing is read before they have left.
            const Step step = flush();
            if (step == Step::Gone) {
                return;
            }
            if (step == Step::Wait) {
                set_deadlines();
                return;
            }
        }
    }
    Step next = Step::Again;
    while (next == Step::Again) {
        next = step();
    }
    if (next == Step::Wait) {
        settle();
    }
}

Step Session::step() {
    switch (state_) {
        case State::Idle:
            return step_idle();
        case State::Head:
            return step_head();
        case State::Proxy:
            return step_proxy();
        case State::Deciding:
            return step_deciding();
        case State::Collecting:
            return step_collecting();
        case State::Body:
            return step_body();
        case State::Replying:
            return step_replying();
        case State::Sending:
            return step_sending();
        case State::Closing:
            return step_closing();
        case State::Lingering:
            return step_lingering();
    }
    return destroy();
}

void Session::go(State next) {
    BUG_UNLESS((kAllowed[static_cast<std::size_t>(state_)] & bit(next)) != 0,
               "http1 session: transition that the table does not allow");
    state_ = next;
    if (next == State::Head) {
        protocol_.meter().count_request();
    }
}

// The row of a session that is not idle. The rules of a request run while the state is still Head.
net::ConnectionRow Session::busy_row() const {
    if (state_ == State::Proxy && talk_ == nullptr) {
        return net::ConnectionRow::Waiting;
    }
    const bool is_reading = state_ == State::Proxy || (state_ == State::Head && !talk_->is_running);
    return is_reading ? net::ConnectionRow::Reading : net::ConnectionRow::Writing;
}

void Session::publish_state() {
    const net::ConnectionRow row =
        state_ == State::Idle ? net::ConnectionRow::Waiting : busy_row();
    if (row != counted_as_) {
        protocol_.connection_rows().subtract(counted_as_);
        protocol_.connection_rows().add(row);
        counted_as_ = row;
    }
}

Step Session::step_idle() {
    if (!is_readable() || (talk_ != nullptr && talk_->reads > 0)) {
        return Step::Wait;
    }
    if (talk_ == nullptr) {
        talk_ = &protocol_.take_talk(*this);
        protocol_.note_busy(*this);
    }
    const Step step = receive_head(Talk::kPageSize);
    if (step == Step::Again) {
        static_cast<void>(adopt());
        talk_->head_started = loop().now();
        go(State::Head);
    }
    return step;
}

// One recv behind what is buffered.
Step Session::receive_head(std::size_t limit) {
    if (talk_->reads > 0 || !is_readable()) {
        return Step::Wait;
    }
    // Replies that are made leave first: what is read now may be the client's FIN, and end all.
    if (protocol_.outbox().has_news() || !talk_->chain.empty()) {
        if (const Step step = flush(); step != Step::Again) {
            return step;
        }
    }
    if (talk_->room() == 0) {
        talk_->make_room(limit);
    }
    ++talk_->reads;
    const auto received = recv({talk_->page.get() + talk_->filled, talk_->room()});
    if (!received || received->is_end) {
        if (state_ == State::Head) {
            note_unfinished(400);
        }
        return destroy();
    }
    if (received->is_blocked) {
        return Step::Wait;
    }
    talk_->filled += received->size;
    return Step::Again;
}

Step Session::step_head() {
    const HeadLimits limits = head_limits();
    switch (talk_->scan.feed(talk_->input(), limits)) {
        case HeadScan::Outcome::Complete:
            return begin_exchange(limits);
        case HeadScan::Outcome::Fault:
            return refuse(talk_->scan.fault());
        case HeadScan::Outcome::More:
            break;
    }
    return receive_head(std::max<std::size_t>(limits.total, Talk::kPageSize));
}

HeadLimits Session::head_limits() const {
    const http::CoreConf& core = port_core();
    const std::uint64_t first = core.client_header_buffer_size->count;
    const http::BufferSizes& large = *core.large_client_header_buffers;
    HeadLimits limits;
    limits.line = narrow(std::max(first, large.size));
    limits.total = narrow(first + large.count * large.size);
    limits.headers = narrow(*core.max_headers);
    limits.ignores_invalid = *core.ignore_invalid_headers;
    limits.allows_underscores = *core.underscores_in_headers;
    limits.allows_bare_lf = generation_->is_compat();
    return limits;
}

const Rehearsal* Session::rehearsal() const {
    return protocol_.rehearsal();
}

const http::CoreConf& Session::port_core() const {
    return *port_->default_server->root->core;
}

void Session::start_exchange() {
    Talk& talk = *talk_;
    http::Exchange& exchange = talk.exchange;
    talk.is_running = true;
    talk.next = talk.begin + talk.scan.size();
    exchange.generation = generation_;
    exchange.meter = &protocol_.meter();
    exchange.port = port_;
    exchange.server = port_->default_server;
    exchange.timings.started = talk.head_started;
    exchange.timings.started_wall = loop().wall_seconds();
    exchange.timings.now = loop().now();
    exchange.timings.wall = loop().wall();
    exchange.timings.request_length = talk.scan.size();
    exchange.request.is_pipelined = talk.handled > 0;
    if (protocol_.rehearsal() != nullptr) [[unlikely]] {
        exchange.trace = protocol_.rehearsal()->trace;
    }
    ++requests_;
}

Step Session::begin_exchange(const HeadLimits& limits) {
    start_exchange();
    Talk& talk = *talk_;
    http::Exchange& exchange = talk.exchange;
    HeadFault fault = parse_head(talk.input(), talk.scan, limits, talk.arena, exchange.request);
    if (fault == HeadFault::None) {
        fault = fill_target(exchange.request, *port_core().merge_slashes, talk.arena);
    }
    if (fault != HeadFault::None) {
        return refuse(fault);
    }
    const script::Pattern* pattern = nullptr;
    const std::string_view host = exchange.request.host;
    if (exchange.trace == nullptr) [[likely]] {
        exchange.server = &http::find_server(*port_, host, pattern);
    } else {
        exchange.server = &http::find_server(*port_, host, pattern, *exchange.trace);
    }
    if (pattern != nullptr &&
        !http::keep_captures(exchange, *pattern, exchange.request.host)) {
        return refuse(HeadFault::NoMemory);
    }
    talk.body.begin(exchange.request);
    talk.body_started = loop().now();
    return leave_phases(http::run_phases(exchange));
}

// The phases have come to a reply, or something waits.
Step Session::leave_phases(bool is_decided) {
    const State next = is_decided          ? State::Body
                       : talk_->wants_body ? State::Collecting
                                           : State::Deciding;
    if (next != state_) {
        go(next);
    }
    return next == State::Deciding ? Step::Wait : Step::Again;
}

// A head that cannot be served: answered, and the connection ends, because where the next request
// begins is unknown.
Step Session::refuse(HeadFault fault) {
    Talk& talk = *talk_;
    if (!talk.is_running) {
        start_exchange();
        note_request_line(talk.input(), talk.scan, talk.exchange.request);
    }
    if (talk.exchange.request.version == http::Version::Http09) {
        talk.exchange.request.version = http::Version::Http10;  // the answer has a head
    }
    talk.exchange.request.uri = "/";
    talk.exchange.request.keeps_alive = false;
    talk.has_unread = true;
    talk.next = talk.filled;
    tell(talk.exchange, http::Topic::Request, conf::Position{}, "refused before a server is chosen");
    constexpr int kHeadersTooLarge = 494;  // nginx's number: shown as 400 with a text of its own
    return answer(fault == HeadFault::HeadersTooLarge ? kHeadersTooLarge : status_of(fault));
}

// Replaces whatever reply there is by the one for `status`; the connection ends with it.
Step Session::answer(int status) {
    http::Exchange& exchange = talk_->exchange;
    exchange.discard_reply();
    exchange.body.fail_reading();
    exchange.reply.closes = true;
    if (exchange.location == nullptr) {
        exchange.location = exchange.server->root;
    }
    if (exchange.finish(status) == http::Verdict::Decided) {
        exchange.cursor.phase = http::Phase::Head;
    }
    exchange.reply.closes = true;
    return leave_phases(http::run_phases(exchange));
}

Step Session::step_deciding() {
    if (!talk_->is_decided && !talk_->wants_body) {
        return Step::Wait;
    }
    const bool is_decided =
        std::exchange(talk_->is_decided, false);  // an error page may wait again
    return leave_phases(is_decided);
}

// Nothing more can be done in this turn: what is queued leaves, the next event is prepared.
void Session::settle() {
    if (talk_ != nullptr && flush() == Step::Gone) {
        return;
    }
    if (state_ == State::Idle) {
        rest();
    }
    publish_state();
    if (state_ == State::Deciding && talk_->exchange.is_delayed) {
        look_for_fin();
    }
    if (!watch()) {
        static_cast<void>(destroy());
        return;
    }
    set_deadlines();
    const bool takes_input = state_ == State::Idle || state_ == State::Head ||
                             state_ == State::Proxy ||
                             state_ == State::Collecting || state_ == State::Body;
    const bool is_blocked = talk_ != nullptr && !talk_->chain.empty();
    if (takes_input && !is_blocked && is_readable()) {
        yield();
    }
}

// Idle: the talk goes back, unless replies are still queued in it.
void Session::rest() {
    if (talk_ == nullptr || !talk_->chain.empty()) {
        return;
    }
    protocol_.give_back(*talk_);
    talk_ = nullptr;
    moment_ = loop().now();
    protocol_.note_idle(*this);
    static_cast<void>(adopt());  // an idle connection keeps no old generation alive
}

void Session::set_deadlines() {
    if (talk_ != nullptr && !talk_->chain.empty() && !holds_back()) {
        set_deadline_in(talk_->send_timeout);
        return;
    }
    switch (state_) {
        case State::Proxy:
        case State::Idle:
            // Before its first request a connection has as long as a head may take.
            if (requests_ == 0) {
                set_deadline(started_ + *port_core().client_header_timeout);
            } else {
                set_deadline_in(Millis(timeout_ms_));
            }
            break;
        case State::Head:
            set_deadline(talk_->head_started + *port_core().client_header_timeout);
            break;
        case State::Collecting:
        case State::Body:
            set_deadline(body_deadline());
            break;
        case State::Replying:
        case State::Sending:
        case State::Closing:
        case State::Deciding:
            if (talk_ != nullptr && (state_ == State::Deciding || talk_->waits_for_body)) {
                clear_deadline();
            } else if (talk_ != nullptr && talk_->waits_for_log) {
                set_deadline_in(Talk::kLogPause);
            } else if (talk_ != nullptr && talk_->is_throttled) {
                set_deadline(talk_->reply_started + talk_->rate.next_allowance(talk_->committed));
            } else if (talk_ != nullptr) {
                set_deadline_in(talk_->send_timeout);
            }
            break;
        case State::Lingering:
            set_deadline(std::min(loop().now() + Millis(timeout_ms_), moment_));
            break;
    }
}

}  // namespace sluice::http1
