// SPDX-License-Identifier: BSD-2-Clause
// Relay: reading and passing on; relay_end.cpp has how it ends.
// Runs in: worker.
#include "proto/tcp/relay.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

namespace sluice::tcp {

namespace {

/// What a direction moves in a turn without asking; beyond it, and all of bulk, is of the turn's
/// share.
constexpr std::size_t kFreeBytes = 64 * 1024;
constexpr std::size_t kShare = 256 * 1024;
/// How chunks make bulk of a direction: a large one scores two, a small one takes one back; it is
/// bulk from kBulkScore on and until nothing is left of its score.
constexpr std::uint8_t kBulkScore = 4;
constexpr std::uint8_t kMostScore = 6;
/// A destination that did not take a chunk at once is slow until it has taken so many.
constexpr std::uint8_t kSlowChunks = 8;
/// Less than this is a limit of the operator's for memory or for fairness, and is kept to.
constexpr std::size_t kUsualBuffer = 16 * 1024;
/// Rates beyond this are none, and their arithmetic stays within 64 bits.
constexpr std::uint64_t kMostRate = std::uint64_t{1} << 40;
constexpr std::uint64_t kSecond = 1000;  // in ms
/// One side is broken: what it had sent before may still be passed on, but a side that takes
/// nothing of it for so long cannot keep the relay.
constexpr Millis kPassingOn{5'000};

std::uint64_t as_rate(std::uint64_t rate) {
    return rate < kMostRate ? rate : 0;
}

/// How long `count` bytes last at `rate`.
Millis time_for(std::uint64_t count, std::uint64_t rate) {
    constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 50;
    return Millis(static_cast<std::int64_t>(std::min(count, kMostBytes) * kSecond / rate));
}

}  // namespace

Relay::Relay(RelayPools& pools, const RelayOptions& options) : pools_(pools), options_(options) {
    up_.rate = as_rate(options.upload_rate);
    down_.rate = as_rate(options.download_rate);
    up_.is_spliceable = down_.is_spliceable = options.splice_from != SIZE_MAX;
}

Relay::~Relay() {
    release(up_);
    release(down_);
}

RelayCounts Relay::counts() const {
    return {.from_client = up_.received,
            .to_upstream = up_.sent,
            .from_upstream = down_.received,
            .to_client = down_.sent};
}

std::optional<Millis> Relay::first_byte() const {
    return first_byte_ == kNever ? std::nullopt : std::optional(first_byte_);
}

void Relay::start(net::OwnedConnection& client,
                  net::OwnedConnection& upstream,
                  const FirstBytes& first) {
    up_.from = down_.to = &client;
    up_.to = down_.from = &upstream;
    is_running_ = true;
    started_ = client.loop().now();
    adopt(client);
    adopt(upstream);
    // One connection's deadline is the relay's idle time-out, the other's serves the rates.
    client.on_deadline = [](net::Connection& self) {
        Relay& relay = net::owner_of<Relay>(self);
        relay.end(relay.has_failed_ ? relay.failure_ : RelayOutcome{.end = RelayEnd::TimedOut});
    };
    upstream.on_deadline = [](net::Connection& self) { net::owner_of<Relay>(self).turn(); };
    hold(up_, first.header, first.client);
    hold(down_, first.upstream, {});
    up_.received = first.client.size();
    down_.received = first.upstream.size();
    if (down_.received > 0) {
        first_byte_ = started_;
    }
    has_moved_ = true;
    client.yield();
}

void Relay::adopt(net::OwnedConnection& connection) {
    connection.owner = this;
    connection.on_event = [](net::Connection& self) { net::owner_of<Relay>(self).turn(); };
    connection.clear_deadline();
    connection.skip_pacing();
}

void Relay::hold(Direction& way, std::string_view first, std::string_view second) {
    const std::size_t size = first.size() + second.size();
    if (size == 0) {
        return;
    }
    if (!take_page(way, size)) {
        return;
    }
    std::ranges::copy(second, std::ranges::copy(first, way.page.get()).out);
    way.begin = way.page.get();
    way.size = size;
}

/// More than a page of the pool holds gets a page of its own.
bool Relay::take_page(Direction& way, std::size_t size) {
    const std::size_t usual = pools_.pages.page_size();
    way.page_size = std::max(usual, size);
    way.page = size > usual ? net::BufferPool::allocate(size) : pools_.pages.take();
    if (way.page == nullptr) {
        lose_source(way, Error{"malloc()", ENOMEM});
    }
    return way.page != nullptr;
}

void Relay::turn() {
    if (!is_running_) {
        return;
    }
    step(up_);
    step(down_);
    if (up_.is_plain && down_.is_plain) [[likely]] {
        if (has_moved_) {
            touch();
        }
        return;
    }
    if (has_concluded(up_) || has_concluded(down_)) {
        return;
    }
    set_deadlines();
}

inline void Relay::step(Direction& way) {
    if (!way.is_plain) [[unlikely]] {
        advance(way);
    } else if (way.from->is_readable() && way.to->is_writable()) {
        pass(way);
    }
}

/// Nothing is held, limited or of bulk, and the source may send more.
bool Relay::is_plain(const Direction& way) const {
    return way.state == Direction::State::Open && !way.is_holding() && !way.pipe.is_open() &&
           way.rate == 0 && !way.is_bulk && way.slowness == 0 &&
           options_.buffer_size >= kUsualBuffer;
}

// The usual turn of a direction that is plain, in as few instructions as it can be done in: after
// the kernel has moved a message, nothing of ours is left in the processor's caches. So recv and
// send are made part of it, and whatever is not usual is kept out.
[[gnu::flatten]] void Relay::pass(Direction& way) {
    char* const scratch = pools_.scratch.get();
    const Result<sys::Transfer> got = way.from->recv({scratch, kScratchSize});
    if (!got || got->size == 0) [[unlikely]] {
        return note_silence(way, got);
    }
    const std::size_t size = got->size;
    if (way.received == 0 || way.score > 0 || size >= options_.splice_from) [[unlikely]] {
        note_chunk(way, size);
    }
    way.received += size;
    has_moved_ = true;
    const Result<sys::Transfer> put = way.to->send({scratch, size});
    if (!put || put->size < size || way.from->is_readable()) [[unlikely]] {
        return go_on(way, size, put);
    }
    way.sent += size;
}

/// No byte came.
[[gnu::noinline]] void Relay::note_silence(Direction& way, const Result<sys::Transfer>& got) {
    if (!got) {
        lose_source(way, got.error());
    } else if (got->is_end) {
        way.state = Direction::State::Ending;
    }
    way.is_plain = way.state == Direction::State::Open;
}

/// A first chunk, or one that tells of bulk.
[[gnu::noinline]] void Relay::note_chunk(Direction& way, std::size_t size) {
    if (way.received == 0) {
        note_first(way);
    }
    judge_chunk(way, size, false);
}

/// Not all of `size` bytes in the scratch was taken, or there may be more to read.
[[gnu::noinline]] void Relay::go_on(Direction& way,
                                    std::size_t size,
                                    const Result<sys::Transfer>& put) {
    if (!put) {
        lose_destination(way, put.error());
    } else {
        way.sent += put->size;
        way.begin = pools_.scratch.get() + put->size;
        way.size = size - put->size;
    }
    advance(way);
}

void Relay::note_first(const Direction& way) {
    if (&way == &down_) {
        first_byte_ = way.from->loop().now();
    }
}

/// Bytes have moved: the idle time-out begins again.
void Relay::touch() {
    has_moved_ = false;
    const Millis idle = options_.idle_timeout;
    if (has_failed_) [[unlikely]] {
        up_.from->set_deadline_in(idle > Millis(0) ? std::min(idle, kPassingOn) : kPassingOn);
    } else if (idle > Millis(0)) {
        up_.from->set_deadline_in(idle);
    }
}

// A destination that takes no more is waited for before the source is read again: nothing is held
// that a read could have left in the kernel. One relay may have all of the turn's share: a source
// that is emptied before the next one is begun keeps its bytes in the processor's cache (bulk over
// 8 connections passes twice as fast as in pieces of 256 KiB in turn).
void Relay::advance(Direction& way) {
    std::size_t moved = 0;
    bool has_had_share = false;
    way.is_delayed = false;
    for (;;) {
        if (way.is_holding() && !flush(way)) {
            keep(way);
            way.is_plain = false;
            return;
        }
        if (way.state != Direction::State::Open || !way.from->is_readable() ||
            !way.to->is_writable()) {
            break;
        }
        const std::size_t limit = allowance(way);
        if (limit == 0) {
            break;
        }
        if (moved < kFreeBytes && !way.is_bulk) [[likely]] {
            moved += fill(way, limit);
        } else if (fill_from_share(way, limit)) {
            has_had_share = true;
        } else {
            has_had_share ? way.from->yield() : way.from->yield_first();
            break;
        }
    }
    release(way);
    way.is_plain = is_plain(way);
}

/// The same as fill(), from what all connections together may move in a turn. False: nothing of
/// that is left.
bool Relay::fill_from_share(Direction& way, std::size_t limit) {
    event::Loop& loop = way.from->loop();
    const std::size_t share = loop.take_share(kShare);
    if (share == 0) {
        return false;
    }
    loop.return_share(share - std::min(share, fill(way, limit)));
    return true;
}

/// How much may be read now. With a rate, as nginx has it: no more than the time since the start
/// and one second allow, and after each read a pause of as long as its bytes should take.
std::size_t Relay::allowance(Direction& way) {
    if (way.rate == 0) [[likely]] {
        return SIZE_MAX;
    }
    const Millis now = way.from->loop().now();
    const auto elapsed = static_cast<std::uint64_t>((now - started_).count()) + kSecond;
    const std::uint64_t allowed = way.rate * elapsed / kSecond;
    if (way.received >= allowed) {
        const Millis until = now + time_for(way.received - allowed, way.rate) + Millis(1);
        way.next_read = std::max(way.next_read, until);
    }
    way.is_delayed = now < way.next_read;
    return way.is_delayed ? 0 : allowed - way.received;
}

/// Reads once; gives how many bytes came.
std::size_t Relay::fill(Direction& way, std::size_t limit) {
    const bool by_pipe = way.is_bulk && limit >= options_.splice_from && has_pipe(way);
    const Result<sys::Transfer> got =
        by_pipe ? way.from->splice_in(way.pipe.write_end.get(), std::min(limit, way.pipe.capacity))
                : receive(way, limit);
    if (!got) {
        if (by_pipe && got.error().code == EINVAL) {
            way.is_bulk = way.is_spliceable = false;  // such a socket has to be copied
        } else {
            lose_source(way, got.error());
        }
        return 0;
    }
    if (got->is_end) {
        way.state = Direction::State::Ending;
    }
    if (got->size == 0) {
        return 0;
    }
    (by_pipe ? way.piped : way.size) = got->size;
    if (way.received == 0) {
        note_first(way);
    }
    way.received += got->size;
    has_moved_ = true;
    if (way.rate != 0) {
        way.next_read = way.from->loop().now() + time_for(got->size, way.rate);
    }
    judge_chunk(way, got->size, by_pipe);
    if (way.slowness > 0) {
        --way.slowness;
    }
    return got->size;
}

Result<sys::Transfer> Relay::receive(Direction& way, std::size_t limit) {
    const bool is_bounded = way.slowness > 0 || options_.buffer_size < kUsualBuffer;
    const std::size_t most =
        is_bounded ? std::clamp<std::size_t>(options_.buffer_size, 1, kScratchSize) : kScratchSize;
    way.begin = pools_.scratch.get();
    return way.from->recv({pools_.scratch.get(), std::min(limit, most)});
}

bool Relay::has_pipe(Direction& way) {
    if (!way.pipe.is_open()) {
        way.pipe = pools_.pipes.take();
    }
    return way.pipe.is_open();
}

/// A slow destination's chunks are smaller; that they fill their room tells as much. Once it is
/// bulk, half of what made it so keeps it so.
void Relay::judge_chunk(Direction& way, std::size_t size, bool by_pipe) {
    const std::size_t large = by_pipe ? options_.splice_from / 2 : options_.splice_from;
    const bool is_large = size >= large || (way.slowness > 0 && size >= kUsualBuffer);
    if (!is_large) [[likely]] {
        if (way.score > 0) {
            --way.score;
            way.is_bulk = way.is_bulk && way.score > 0;
        }
        return;
    }
    way.score = way.score + 2 < kMostScore ? static_cast<std::uint8_t>(way.score + 2) : kMostScore;
    way.is_bulk = way.is_spliceable && (way.is_bulk || way.score >= kBulkScore);
}

/// Passes on what is held. False: some of it is left, until the destination takes more.
bool Relay::flush(Direction& way) {
    while (way.is_holding()) {
        if (!way.to->is_writable()) {
            return false;
        }
        const bool by_pipe = way.piped > 0;
        const Result<sys::Transfer> put =
            by_pipe ? way.to->splice_out(way.pipe.read_end.get(), way.piped)
                    : way.to->send({way.begin, way.size});
        if (!put) {
            lose_destination(way, put.error());
            return true;
        }
        if (by_pipe) {
            way.piped -= put->size;
        } else {
            way.begin += put->size;
            way.size -= put->size;
        }
        way.sent += put->size;
        has_moved_ = has_moved_ || put->size > 0;
    }
    give_page_back(way);  // what comes next is in the scratch
    return true;
}

/// What is left of a chunk in the scratch goes into a page, and the next chunks are smaller: who is
/// slow for long holds one usual page.
void Relay::keep(Direction& way) {
    way.slowness = kSlowChunks;
    if (way.size == 0 || way.page != nullptr) {
        return;
    }
    if (!take_page(way, way.size)) {
        way.size = 0;
        return;
    }
    std::copy_n(way.begin, way.size, way.page.get());
    way.begin = way.page.get();
}

void Relay::give_page_back(Direction& way) {
    if (way.page == nullptr) [[likely]] {
        return;
    }
    if (way.page_size == pools_.pages.page_size()) {
        pools_.pages.give_back(std::move(way.page));
    }
    way.page.reset();
}

void Relay::release(Direction& way) {
    give_page_back(way);
    way.size = 0;
    if (way.pipe.is_open()) {
        pools_.pipes.give_back(std::exchange(way.pipe, {}), std::exchange(way.piped, 0));
    }
}

void Relay::set_deadlines() {
    if (has_moved_) {
        touch();
    }
    if (up_.is_delayed || down_.is_delayed) [[unlikely]] {
        const Millis next = !down_.is_delayed ? up_.next_read
                            : !up_.is_delayed ? down_.next_read
                                              : std::min(up_.next_read, down_.next_read);
        up_.to->set_deadline(next);
    }
}

}  // namespace sluice::tcp
