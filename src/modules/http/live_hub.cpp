// SPDX-License-Identifier: BSD-2-Clause
// LiveHub and LiveBody.
// Runs in: worker.
#include "modules/http/live_hub.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "log/log.h"
#include "net/transfer.h"
#include "proto/http/error_line.h"
#include "sys/splice.h"

namespace sluice::modules {

namespace {

/// Of one turn; the rest follows in the next, behind what the viewers send.
constexpr std::size_t kFillBudget = std::size_t{1} << 20;
/// Pieces that viewers get: small for those who are behind, so that their progress shows.
constexpr std::size_t kPiece = 256 * 1024;
constexpr std::size_t kSmallPiece = 64 * 1024;
/// The kernel's 64 KiB would wake everybody four times as often.
constexpr std::size_t kFifoSize = 256 * 1024;

/// A stream that was waited for so long while a window of it came has a pace of its own.
constexpr Millis kOwnPace{1000};
/// A writer without one is held back for a viewer that takes something so often,
constexpr Millis kStall{3000};
/// and takes each byte so soon.
constexpr Millis kLatest{20'000};

constexpr Millis kRetry{2};       ///< another worker fills, or viewers hold the window back
constexpr Millis kJudging{100};   ///< somebody is far behind
constexpr Millis kBeat{500};      ///< viewers are there: below LiveWindow's limit of silence
/// Whether another worker has moved bytes is looked for so often while bytes come and others have
/// viewers, and else.
constexpr Millis kGlance{4};
constexpr Millis kRareGlance{25};
constexpr Millis kIdle{1000};     ///< nobody watches; also how often the path is looked at

constexpr std::string_view kTooLate = "the window has moved on";

}  // namespace

// ---- a viewer ----

http::Pull LiveBody::pull(net::Chain& out, std::size_t max) {
    LiveWindow& window = hub_.window_;
    // Its worker was stopped for seconds and the window went on without it. What was pulled before
    // that and is still unsent ends the connection by itself: sendfile finds the file's end.
    if (!is_cut_ && sent_ < window.begin()) {
        hub_.drop(*this, kTooLate);
    }
    if (is_cut_) {
        return http::Pull::Broken;
    }
    if (sent_ != at_) {
        sent_ = at_;
        progressed_ = hub_.worker_.loop.now();
    }
    const std::uint64_t end = std::min(window.end(), hub_.last_);
    if (at_ >= end) {
        is_waiting_ = at_ < hub_.last_;
        return is_waiting_ ? http::Pull::Later : http::Pull::End;
    }
    const std::size_t piece = end - at_ > hub_.limit_ / 2 ? kSmallPiece : kPiece;
    const auto most = static_cast<std::size_t>(
        std::min<std::uint64_t>({end - at_, std::uint64_t{max}, std::uint64_t{piece}}));
    const LiveWindow::Run run = window.run_at(at_, most);
    if (!buffer_.empty()) {
        return pull_memory(out, run);
    }
    at_ += out.push_file(run.fd, run.offset, run.size) ? run.size : 0;
    return http::Pull::More;
}

http::Pull LiveBody::pull_memory(net::Chain& out, const LiveWindow::Run& run) {
    const std::span<char> into = buffer_.first(std::min(run.size, buffer_.size()));
    const Result<sys::Transfer> got = sys::read_at(run.fd, into, run.offset);
    if (!got || got->size == 0) {
        hub_.drop(*this, kTooLate);
        return http::Pull::Broken;
    }
    at_ += out.push_memory({buffer_.data(), got->size}) ? got->size : 0;
    return http::Pull::More;
}

bool LiveBody::give_memory() {
    buffer_ = exchange_.arena.make_span<char>(net::kTransferTable.window);
    return !buffer_.empty();
}

void LiveBody::close() noexcept {
    if (!is_cut_ && sent_ < hub_.window_.begin()) {
        hub_.note_dropped(*this, kTooLate);
    }
    hub_.leave(*this);
    std::destroy_at(this);
}

// ---- life ----

Result<std::unique_ptr<LiveHub>> LiveHub::create(net::WorkerContext& worker, const LiveSpec& spec) {
    const auto& theirs = *static_cast<const shm::ZoneUser*>(spec.zone->attached);
    sys::UniqueFd fd = TRY(sys::duplicate(theirs.zone().fd()));
    shm::Zone zone = TRY(shm::Zone::attach(
        kLiveZone, {.bytes = spec.zone->bytes, .shards = spec.zone->shards}, std::move(fd)));
    return std::unique_ptr<LiveHub>(new LiveHub(worker, spec, std::move(zone)));
}

LiveHub::LiveHub(net::WorkerContext& worker, const LiveSpec& spec, shm::Zone zone)
    : worker_(worker),
      path_(spec.path),
      limit_(spec.window),
      zone_(std::move(zone)),
      user_(zone_, static_cast<shm::ZoneUser*>(spec.zone->attached)->owner()),
      window_(user_, worker.slots, worker.slot) {
    source_.hub = tick_.hub = again_.hub = this;
    source_.on_ready = [](event::Pollable& source, std::uint32_t) {
        static_cast<Source&>(source).hub->run();
    };
    tick_.fire = [](event::Timer& timer) { static_cast<Tick&>(timer).hub->on_tick(); };
    again_.run = [](event::Posted& again) { static_cast<Again&>(again).hub->run(); };
    window_.withdraw();
    run();
}

LiveHub::~LiveHub() {
    if (is_watched_) {
        worker_.loop.forget(source_);
    }
    window_.withdraw();
}

void LiveHub::close() {
    if (std::exchange(is_watched_, false)) {
        worker_.loop.forget(source_);
    }
    if (std::exchange(has_lease_, false)) {
        window_.drop_lease();
    }
    event::TimerWheel::disarm(tick_);
    again_.unlink();
    fifo_.reset();
}

void LiveHub::set_orphan() {
    is_orphan_ = true;
    has_lease_ = false;
    window_.drop_lease();
    settle_watch();
    arm(Millis(0));
}

void LiveHub::end() {
    last_ = std::min(last_, window_.end());
    if (std::exchange(has_lease_, false)) {
        window_.drop_lease();
    }
    settle_watch();
    wake_viewers();
    arm(kBeat);
}

void LiveHub::join(LiveBody& body, std::uint64_t burst) {
    const std::uint64_t end = window_.end();
    body.at_ = body.sent_ = std::max(window_.begin(), end - std::min(end, burst));
    body.progressed_ = worker_.loop.now();
    viewers_.push_back(body);
    ++count_;
    static_cast<void>(judge_viewers());
    settle_watch();
    arm(kBeat);
}

void LiveHub::leave(LiveBody& body) {
    body.unlink();
    if (--count_ == 0) {
        window_.withdraw();
    }
    arm(Millis(0));  // who held the window back may have been this one
}

// ---- the FIFO ----

bool LiveHub::is_ready() {
    if (fifo_) {
        return true;
    }
    if (const Result<> opened = look_at_fifo(); !opened) {
        complain(opened.error());
        return false;
    }
    settle_watch();
    return true;
}

Result<> LiveHub::look_at_fifo() {
    const sys::FileInfo found = TRY(sys::file_info_at(AT_FDCWD, path_.c_str(), true));
    if (fifo_ && found.inode == info_.inode && found.device == info_.device) {
        return {};
    }
    return open_fifo(found);
}

/// For reading only, and without waiting for a writer. Every worker has it open all the time: a
/// writer meets no broken pipe when one of them dies.
Result<> LiveHub::open_fifo(const sys::FileInfo& found) {
    if (!found.is_fifo()) {
        return fail("open()", ESPIPE);
    }
    sys::UniqueFd fd = TRY(sys::open(path_.c_str(), O_RDONLY | O_NONBLOCK));
    info_ = TRY(sys::file_info(fd.get()));
    if (!info_.is_fifo()) {
        return fail("open()", ESPIPE);
    }
    static_cast<void>(sys::set_pipe_size(fd.get(), kFifoSize));  // its own size does as well
    if (std::exchange(is_watched_, false)) {
        worker_.loop.forget(source_);
    }
    fifo_ = std::move(fd);
    complained_ = 0;
    return {};
}

void LiveHub::complain(const Error& error) {
    if (std::exchange(complained_, error.code) == error.code) {
        return;
    }
    if (error.code == ESPIPE) {
        log::write(log::Level::Error, "live: \"{}\" is not a FIFO, which mkfifo would make", path_);
    } else if (error.code == ENOENT) {
        log::write(log::Level::Error, "live: there is no FIFO \"{}\" (mkfifo makes one)", path_);
    } else {
        log::write(log::Level::Error, "live: {}", log::Failure{error, "\"" + path_ + "\""});
    }
}

/// Whoever has viewers empties the FIFO, and, while nobody has, the worker with the lease.
void LiveHub::settle_watch() {
    const bool is_ours = count_ > 0 || (has_lease_ && window_.viewers() == 0);
    const bool is_wanted = fifo_ && last_ == UINT64_MAX && is_ours;
    if (is_wanted == is_watched_) {
        return;
    }
    if (is_wanted) {
        source_.fd = fifo_.get();
        is_watched_ = worker_.loop.watch(source_, EPOLLIN | EPOLLET).has_value();
    } else {
        worker_.loop.forget(source_);
        is_watched_ = false;
    }
}

LiveWindow::Filled LiveHub::fill() {
    if (!is_watched_) {
        return LiveWindow::Filled::Empty;
    }
    const LiveWindow::Fill filled = window_.fill(fifo_.get(), kFillBudget, worker_.loop.now());
    if (filled.error.code != 0) {
        complain(filled.error);
    }
    is_held_ = filled.outcome == LiveWindow::Filled::Held;
    return filled.outcome;
}

// ---- turns ----

// epoll looks at a descriptor once more before it tells of it: a worker whose FIFO another one has
// emptied meanwhile hears nothing. So the window's end is looked at as well, which costs a load.
void LiveHub::on_tick() {
    if (worker_.loop.now() >= next_run_ || window_.end() != seen_) {
        return run();
    }
    glance();
}

/// Sets the timer to when something has to be done or may have happened.
void LiveHub::glance() {
    const Millis now = worker_.loop.now();
    Millis when = next_run_;
    if (count_ > 0) {
        const bool is_busy = has_rivals_ && now - changed_ < kIdle;
        when = std::min(when, now + (is_busy ? kGlance : kRareGlance));
    }
    if (!tick_.is_armed() || tick_.deadline > when) {
        worker_.loop.timers().arm(tick_, when);
    }
}

// Whoever does not see the FIFO empty looks again: then every byte that came before is in the window.
void LiveHub::run() {
    const Millis now = worker_.loop.now();
    next_run_ = now + kIdle;
    if (now >= next_look_) {
        next_look_ = now + kIdle;
        has_lease_ = last_ == UINT64_MAX && !is_orphan_ && window_.take_lease(now);
        if (const Result<> opened = look_at_fifo(); !opened && has_lease_) {
            complain(opened.error());  // one worker says it
        }
        settle_watch();
    }
    const bool is_behind = judge_viewers();
    const LiveWindow::Filled filled = fill();
    wake_viewers();
    changed_ = window_.end() != seen_ ? now : changed_;
    seen_ = window_.end();
    has_rivals_ = count_ > 0 && window_.viewers() > count_;
    if (filled == LiveWindow::Filled::More) {
        worker_.loop.post(again_);
    } else if (filled != LiveWindow::Filled::Empty) {
        return arm(kRetry);
    }
    arm(is_behind ? kJudging : count_ > 0 ? kBeat : kIdle);
}

/// run() is due then, or before.
void LiveHub::arm(Millis delay) {
    next_run_ = std::min(next_run_, worker_.loop.now() + delay);
    glance();
}

void LiveHub::wake_viewers() {
    const std::uint64_t end = window_.end();
    viewers_.each([&](LiveBody& body) {
        if (body.is_waiting_ && (body.at_ < end || body.at_ >= last_)) {
            body.is_waiting_ = false;
            body.progressed_ = worker_.loop.now();
            body.exchange_.wire.wake(body.exchange_);
        }
    });
}

/// Says how far this worker's viewers are and drops who is too slow. Gives whether somebody is far
/// behind.
bool LiveHub::judge_viewers() {
    if (count_ == 0) {
        return false;
    }
    const std::uint64_t lowest = publish_places();
    const std::uint64_t end = window_.end();
    const std::uint64_t most = end - std::min(end, lowest);
    // Where nobody is ahead nobody is delayed: the writer alone waits.
    if (most > limit_ && window_.is_somebody_ahead()) {
        viewers_.each([&](LiveBody& body) {
            if (!body.is_cut_ && end - std::min(end, body.sent_) > limit_) {
                judge(body);
            }
        });
        static_cast<void>(publish_places());
    }
    return most > limit_ / 2;
}

/// Gives the first byte that any of them still needs.
std::uint64_t LiveHub::publish_places() {
    LiveWindow::Crowd crowd{.viewers = count_};
    const std::uint64_t end = window_.end();
    viewers_.each([&](LiveBody& body) {
        if (!body.is_cut_) {
            crowd.floor = std::min(crowd.floor, body.sent_);
            crowd.ahead += end - std::min(end, body.sent_) <= limit_ / 2 ? 1U : 0U;
        }
    });
    window_.publish(crowd, worker_.loop.now());
    return crowd.floor;
}

/// Of one that is more than the window behind, while others are not.
void LiveHub::judge(LiveBody& body) {
    const Millis now = worker_.loop.now();
    if (body.sent_ < window_.begin()) {
        drop(body, kTooLate);
    } else if (window_.waited_since(body.sent_) >= kOwnPace) {
        drop(body, "too slow for the stream");
    } else if (is_held_ && now - body.progressed_ > kStall) {
        drop(body, "it takes nothing, and others wait");
    } else if (is_held_ && now - window_.arrival_of(body.sent_) > kLatest) {
        drop(body, "too slow for others, who wait");
    }
}

void LiveHub::drop(LiveBody& body, std::string_view why) {
    body.is_cut_ = true;
    note_dropped(body, why);
    body.exchange_.wire.cut(body.exchange_);
}

void LiveHub::note_dropped(LiveBody& body, std::string_view why) {
    window_.count_dropped();
    http::write_error(body.exchange_, log::Level::Info,
                      "live: a viewer of \"{}\" is dropped, {} bytes behind: {}", path_,
                      window_.end() - std::min(window_.end(), body.sent_), why);
}

}  // namespace sluice::modules
