// SPDX-License-Identifier: BSD-2-Clause
// Session: the reply.
// Runs in: worker.
#include <algorithm>
#include <array>
#include <charconv>

#include "net/transfer.h"
#include "proto/http1/protocol.h"
#include "proto/http1/session.h"
#include "proto/http1/talk.h"
#include "sys/file.h"

namespace sluice::http1 {

namespace {

// Copied behind its head; larger ones are referenced.
constexpr std::size_t kCopiedBody = net::kTransferTable.copied_body;
constexpr std::size_t kCopiedPiece = 1024;  // of a body's memory: joins what the outbox holds
constexpr std::size_t kFrameRoom = 64;      // kept free there: both ends of a chunk
// Of a file: read behind its head, sent in one call.
constexpr std::size_t kCopiedRange = net::kTransferTable.memory_file;
// Of a live body, in the kernel: its own default lets a socket take 4 MiB, seconds of a stream.
constexpr std::size_t kLiveUnsent = 128 * 1024;
constexpr std::uint32_t kRequestsPerTurn = 64;  // pipelined, before others have their turn
constexpr int kPullsPerTurn = 8;
constexpr std::size_t kPullSize = std::size_t{1} << 30;

bool has_no_content(int status) {
    return status < 200 || status == 204 || status == 304;
}

// A small range of a large file is cheaper read behind its head and sent with it than sent by
// sendfile of its own. A file that has become shorter is left to sendfile, which tells.
bool join_outbox(Outbox& outbox, const net::Piece& piece, std::size_t most_memory) {
    if (piece.size + kFrameRoom > outbox.room() || piece.size > kCopiedRange) {
        return false;
    }
    if (!piece.is_file()) {
        if (piece.size > most_memory) {
            return false;
        }
        outbox.append({piece.data, piece.size});
        return true;
    }
    if (!outbox.has_news()) {
        return false;
    }
    const auto got = sys::read_at(piece.fd, {outbox.at(), piece.size}, piece.offset);
    if (!got || got->size != piece.size) {
        return false;
    }
    outbox.advance(piece.size);
    return true;
}

// A reply that only the log is to tell of.
bool is_silent(const http::Reply& reply) {
    const bool is_silent_status =
        reply.status == http::kNoAnswer || reply.status == 408 || reply.status == 499;
    return is_silent_status && reply.closes && reply.body == nullptr &&
           reply.memory_body.empty() && reply.content_type.empty();
}

// As nginx tells them: old Internet Explorers may hang behind a POST, old Safaris at the next
// request.
bool is_odd_browser(const http::Request& request, const http::KeepaliveDisable& disabled) {
    if (!disabled.safari && (request.method != http::Method::Post || !disabled.msie6)) {
        return false;
    }
    const std::string_view agent = request.get(http::Field::UserAgent);
    const std::size_t msie = agent.find("MSIE ");
    if (msie != agent.npos && agent.find("Opera") == agent.npos) {
        const std::string_view version = agent.substr(msie + 5);
        const bool is_old = version.size() > 1 && version[1] == '.' && version[0] <= '6' &&
                            (version[0] < '6' || agent.find("SV1") == agent.npos);
        return disabled.msie6 && is_old && request.method == http::Method::Post;
    }
    return disabled.safari && agent.find("Safari/") != agent.npos &&
           agent.find("Mac OS X") != agent.npos && agent.find("Chrome") == agent.npos;
}

}  // namespace

Step Session::step_replying() {
    Talk& talk = *talk_;
    http::Reply& reply = talk.exchange.reply;
    Outbox& outbox = protocol_.outbox();
    if (is_silent(reply)) {
        const Step step = flush();  // replies to the requests before this one
        if (step != Step::Again) {
            return step;
        }
        if (*talk.exchange.location->core->reset_timedout_connection) {
            reset();
        }
        return destroy();
    }
    const std::size_t bound = HeadWriter::bound(reply);
    if (bound + kFrameRoom > outbox.room()) {
        const Step step = flush();
        if (step != Step::Again) {
            return step;
        }
    }
    if (reply.body == nullptr) {
        reply.length = std::max(reply.length, static_cast<std::int64_t>(reply.memory_body.size()));
    }
    const Framing framing = decide_framing();
    if (talk.exchange.request.version != http::Version::Http09 && !write_head(framing, bound)) {
        return destroy();
    }
    talk.committed = talk.head_size;
    const bool is_bodiless = reply.is_head_only || has_no_content(reply.status);
    if (is_bodiless ||
        (reply.body == nullptr && reply.memory_body.empty() && !framing.is_chunked)) {
        return finish_exchange();
    }
    if (reply.body != nullptr) {
        if (reply.is_live) {
            limit_unsent(kLiveUnsent);
        }
        go(State::Sending);
        return Step::Again;
    }
    if (talk.rate.is_on() || framing.is_chunked) {
        talk.memory_left = reply.memory_body;
        go(State::Sending);
        return Step::Again;
    }
    talk.committed += reply.memory_body.size();
    if (reply.memory_body.size() <= std::min(kCopiedBody, outbox.room())) {
        outbox.append(reply.memory_body);
        return finish_exchange();
    }
    talk.is_body_complete = true;
    if (!talk.chain.push_memory(outbox.take()) || !talk.chain.push_memory(reply.memory_body)) {
        return destroy();
    }
    go(State::Sending);
    return Step::Again;
}

// A head that the outbox has no room for, even empty, gets memory of its own.
bool Session::write_head(const Framing& framing, std::size_t bound) {
    Talk& talk = *talk_;
    Outbox& outbox = protocol_.outbox();
    const bool is_large = bound > outbox.room();
    if (is_large) {
        talk.large_head = std::make_unique_for_overwrite<char[]>(bound);
    }
    char* const at = is_large ? talk.large_head.get() : outbox.at();
    talk.head_size =
        protocol_.head_writer().render(talk.exchange, framing, loop().wall_seconds(), at);
    if (is_large) {
        return talk.chain.push_memory({at, talk.head_size});
    }
    outbox.advance(talk.head_size);
    return true;
}

Framing Session::decide_framing() {
    Talk& talk = *talk_;
    http::Exchange& exchange = talk.exchange;
    const http::CoreConf& core = *exchange.location->core;
    talk.lingering = *core.lingering_close;
    talk.linger_time = *core.lingering_time;
    talk.linger_timeout = *core.lingering_timeout;
    talk.send_timeout = *core.send_timeout;
    talk.resets_on_timeout = *core.reset_timedout_connection;
    talk.postpone = exchange.reply.is_live ? 0 : core.postpone_output->count;
    talk.corking = *core.tcp_nopush ? net::Corking::On : net::Corking::Off;
    const bool is_limited = core.limit_rate->is_given || exchange.limit_rate >= 0;
    if (is_limited && exchange.trace == nullptr) {  // nobody waits for an explanation
        talk.rate = http::rate_limit_of(exchange);
        talk.reply_started = loop().now();
        look_for_fin();
    }
    if (*core.tcp_nodelay == is_delayed_) {
        is_delayed_ = !*core.tcp_nodelay;
        set_nodelay(!is_delayed_);
    }

    Framing framing;
    framing.keeps_alive = may_keep_alive(core);
    // RFC 9112 §6.1: a reply to HEAD may leave out a length that nobody knows.
    const bool is_silent = exchange.reply.is_head_only && exchange.reply.length < 0;
    if (!has_no_content(exchange.reply.status) && !is_silent) {
        const bool is_11 = exchange.request.version == http::Version::Http11;
        const bool may_chunk = is_11 && *core.chunked_transfer_encoding;
        // RFC 9112 §7.1.2: trailer fields need a chunked body.
        const bool has_trailers = exchange.trailers.run != nullptr && may_chunk;
        framing.has_length =
            exchange.reply.length >= 0 && (!has_trailers || exchange.reply.is_head_only);
        framing.is_chunked = !framing.has_length && may_chunk;
        if (!framing.has_length && !framing.is_chunked) {
            framing.keeps_alive = false;  // RFC 9112 §6.3: only the end of the connection ends it
        }
    }
    framing.keepalive_header = core.keepalive_timeout->header;
    timeout_ms_ = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(core.keepalive_timeout->timeout.count(), 0, INT32_MAX));
    talk.is_chunked = framing.is_chunked;
    talk.closes = !framing.keeps_alive;
    return framing;
}

bool Session::may_keep_alive(const http::CoreConf& core) const {
    const http::Exchange& exchange = talk_->exchange;
    return exchange.request.keeps_alive && !exchange.reply.closes && !talk_->has_unread &&
           core.keepalive_timeout->timeout.count() > 0 && requests_ < *core.keepalive_requests &&
           loop().now() - started_ < *core.keepalive_time && !protocol_.worker().is_retiring &&
           !is_odd_browser(exchange.request, *core.keepalive_disable);
}

Step Session::step_sending() {
    Talk& talk = *talk_;
    if (talk.is_cut) [[unlikely]] {
        reset();
        return destroy();
    }
    for (int pulls = 0; pulls < kPullsPerTurn; ++pulls) {
        const bool may_pull = talk.chain.empty() || holds_back();
        if (may_pull && !talk.is_body_complete && !talk.waits_for_body) {
            const Step step = pull_body();
            if (step != Step::Again) {
                return step;
            }
        }
        if (holds_back()) {
            if (talk.waits_for_body) {
                return Step::Wait;
            }
            continue;
        }
        const Step step = flush();
        if (step != Step::Again) {
            return step;
        }
        if (talk.is_body_complete) {
            return finish_exchange();
        }
        if (talk.waits_for_body) {
            const bool is_left = talk.exchange.reply.is_live && is_peer_closed();
            return is_left ? destroy() : Step::Wait;
        }
    }
    yield();
    return Step::Wait;
}

// How much of the body may leave at once; 0: not now.
std::size_t Session::pull_size() {
    Talk& talk = *talk_;
    const std::uint64_t chunk = talk.exchange.location->core->sendfile_max_chunk->count;
    std::uint64_t most = chunk == 0 ? kPullSize : std::min<std::uint64_t>(chunk, kPullSize);
    if (talk.rate.is_on()) {
        const Millis elapsed = loop().now() - talk.reply_started;
        most = std::min(most, talk.rate.allowance(talk.committed, elapsed));
        talk.is_throttled = most == 0;
    }
    return static_cast<std::size_t>(most);
}

// The next part of a reply's memory_body, where the whole may not leave at once.
http::Pull Session::pull_memory(net::Chain& out, std::size_t most) {
    std::string_view& left = talk_->memory_left;
    const std::string_view part = left.substr(0, most);
    left.remove_prefix(part.size());
    static_cast<void>(out.push_memory(part));  // an empty chain has room
    return left.empty() ? http::Pull::End : http::Pull::More;
}

Step Session::pull_body() {
    Talk& talk = *talk_;
    const std::size_t most = pull_size();
    if (most == 0) {
        return Step::Wait;
    }
    net::Chain pulled;
    http::Body* const body = talk.exchange.reply.body;
    switch (body != nullptr ? body->pull(pulled, most) : pull_memory(pulled, most)) {
        case http::Pull::More:
            break;
        case http::Pull::Later:
            talk.waits_for_body = true;
            break;
        case http::Pull::End:
            talk.is_body_complete = true;
            break;
        case http::Pull::Broken:
            reset();  // the client must not take what it has for the whole
            return destroy();
    }
    return push_pulled(pulled, talk.is_body_complete) ? Step::Again : destroy();
}

// Puts what the body gave behind what the outbox holds, in a chunk of its own where needed. Small
// pieces are copied: the body's memory is good until the next pull only.
bool Session::push_pulled(const net::Chain& pulled, bool is_last) {
    Talk& talk = *talk_;
    Outbox& outbox = protocol_.outbox();
    const std::size_t most_memory = std::max(kCopiedPiece, talk.postpone);
    const bool has_chunk = talk.is_chunked && pulled.bytes() > 0;
    if (has_chunk) {
        std::array<char, 18> line;
        char* at = std::to_chars(line.begin(), line.end(), pulled.bytes(), 16).ptr;
        *at++ = '\r';
        *at++ = '\n';
        put_frame({line.data(), static_cast<std::size_t>(at - line.data())});
    }
    bool is_good = true;
    for (std::size_t i = 0; i < pulled.size(); ++i) {
        if (!join_outbox(outbox, pulled[i], most_memory)) {
            is_good = is_good && talk.chain.push_memory(outbox.take()) && talk.chain.push(pulled[i]);
            talk.is_leaving = true;
        }
    }
    talk.committed += pulled.bytes();
    if (has_chunk) {
        put_frame("\r\n");
    }
    if (talk.is_chunked && is_last) {
        put_frame("0\r\n");
        is_good = is_good && put_trailers();
        put_frame("\r\n");
    }
    return is_good;
}

// RFC 9112 §7.1.2: fields behind the last chunk. What the outbox has no room for leaves from the
// arena, with the outbox before it.
bool Session::put_trailers() {
    Talk& talk = *talk_;
    http::Exchange& exchange = talk.exchange;
    if (exchange.trailers.run == nullptr) {
        return true;
    }
    static_cast<void>(exchange.trailers.run(exchange, exchange.trailers.settings));
    std::size_t size = 0;
    for (const http::ReplyHeader* at = exchange.reply.trailers; at != nullptr; at = at->next) {
        size += at->name.size() + at->value.size() + 4;
    }
    if (size == 0) {
        return true;
    }
    Outbox& outbox = protocol_.outbox();
    const bool fits = size + kFrameRoom <= outbox.room();
    char* const text = fits ? outbox.at() : static_cast<char*>(talk.arena.allocate(size, 1));
    if (text == nullptr) {
        return true;  // the body is whole without them
    }
    char* out = text;
    for (const http::ReplyHeader* at = exchange.reply.trailers; at != nullptr; at = at->next) {
        for (const std::string_view part : {at->name, std::string_view(": "), at->value,
                                            std::string_view("\r\n")}) {
            out = std::copy(part.begin(), part.end(), out);
        }
    }
    talk.committed += size;
    if (fits) {
        outbox.advance(size);
        return true;
    }
    talk.is_leaving = true;
    return talk.chain.push_memory(outbox.take()) && talk.chain.push_memory({text, size});
}

// The outbox has kFrameRoom for it.
void Session::put_frame(std::string_view bytes) {
    protocol_.outbox().append(bytes);
    talk_->committed += bytes.size();
}

// postpone_output: less than that does not leave while more of the body is to come. It never keeps
// earlier replies waiting, nor what limit_rate lets go.
bool Session::holds_back() const {
    const Talk& talk = *talk_;
    if (state_ != State::Sending || talk.is_body_complete || talk.is_leaving ||
        talk.rate.is_on()) {
        return false;
    }
    const Outbox& outbox = protocol_.outbox();
    const std::size_t waiting = talk.chain.bytes() + outbox.news();
    return waiting > 0 && waiting < talk.postpone && waiting <= talk.committed &&
           outbox.room() >= 2 * kFrameRoom;
}

// Sizes and times as the log phase wants them.
void Session::close_books() {
    Talk& talk = *talk_;
    http::Timings& timings = talk.exchange.timings;
    timings.now = loop().now();
    timings.wall = loop().wall();
    const std::size_t sent = talk.committed - std::min(talk.committed, talk.chain.bytes());
    timings.bytes_sent = static_cast<std::int64_t>(sent);
    timings.body_bytes_sent = static_cast<std::int64_t>(sent - std::min(sent, talk.head_size));
}

Step Session::finish_exchange() {
    Talk& talk = *talk_;
    close_books();
    talk.exchange.timings.is_complete = true;
    talk.exchange.end();
    talk.forget_request();
    talk.begin = talk.next;
    ++talk.handled;
    if (talk.closes) {
        hold_end_for_log();
        go(State::Closing);
        return Step::Again;
    }
    if (talk.leftover_size > 0) {
        talk.put_back({talk.leftover.get(), talk.leftover_size});
        talk.leftover.reset();
        talk.leftover_size = 0;
    }
    if (talk.begin == talk.filled) {
        talk.begin = talk.next = talk.filled = 0;
        go(State::Idle);
        return Step::Again;
    }
    static_cast<void>(adopt());
    talk.head_started = loop().now();
    go(State::Head);
    if (talk.handled % kRequestsPerTurn == 0) {
        yield();
        return Step::Wait;
    }
    // A blocked client gets no further replies made for it. A large head is in the chain now, and
    // what is read already brings no further event.
    return talk.chain.empty() ? Step::Again : flush();
}

// Again: nothing is left to send now. Wait: the kernel takes no more. Gone: the connection failed.
Step Session::flush() {
    Talk& talk = *talk_;
    Outbox& outbox = protocol_.outbox();
    const bool is_held = holds_back();
    if (outbox.has_news() && !talk.chain.push_memory(outbox.take())) {
        return destroy();
    }
    if (is_held) {
        save_unsent();
        return Step::Again;
    }
    if (talk.chain.empty()) {
        outbox.clear();
        return Step::Again;
    }
    if (!is_writable()) {
        save_unsent();
        return Step::Wait;
    }
    talk.is_leaving = true;
    const net::Written written = write(talk.chain, talk.corking);
    switch (written.outcome) {
        case net::Written::Outcome::Done:
            outbox.clear();
            talk.is_leaving = false;
            talk.saved.reset();
            talk.large_head.reset();
            return Step::Again;
        case net::Written::Outcome::Blocked:
        case net::Written::Outcome::Yield:
            save_unsent();
            return Step::Wait;
        case net::Written::Outcome::Short:
            if (talk.exchange.reply.is_live) {
                reset();  // where the connection's end is the body's, a quiet one would say "whole"
            }
            break;
        case net::Written::Outcome::Broken:
            break;
    }
    return destroy();
}

// The outbox is everybody's: what of it is unsent moves to memory of this connection.
void Session::save_unsent() {
    Outbox& outbox = protocol_.outbox();
    talk_->save_chain(outbox);
    outbox.clear();
}

}  // namespace sluice::http1
