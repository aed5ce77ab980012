// SPDX-License-Identifier: BSD-2-Clause
// LiveHub: what one worker does for one FIFO: it moves bytes into the shared window when the FIFO
// has some, wakes its viewers, and drops those that are too slow. LiveBody is one viewer's reply.
//
// Slow is who is more than the window behind while others are not. Where the FIFO was empty for a
// second in all while that much came, the stream has a pace of its own, and such a viewer is dropped
// at once: nobody waits. Where it was not (`cat file`), or where everybody is that far behind, the
// writer is held back for viewers that still take something.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/list.h"
#include "event/loop.h"
#include "event/pollable.h"
#include "event/timer.h"
#include "modules/http/live_window.h"
#include "net/protocol.h"
#include "proto/http/body.h"
#include "proto/http/exchange.h"
#include "shm/zone.h"
#include "sys/file.h"
#include "sys/unique_fd.h"

namespace sluice::modules {

class LiveHub;

/// A `live` of the configuration.
struct LiveSpec {
    std::string_view path;     ///< NUL-terminated
    std::uint64_t window = 0;  ///< bytes that a viewer may be behind
    std::uint64_t burst = 0;   ///< bytes of the past that a new viewer begins with
    conf::ZoneSpec* zone = nullptr;
    LiveSpec* next = nullptr;
    LiveHub* attached = nullptr;  ///< this worker's; null where nobody serves
};

/// One viewer. In the exchange's arena.
class LiveBody final : public http::Body, public ListHook {
  public:
    LiveBody(http::Exchange& exchange, LiveHub& hub) : exchange_(exchange), hub_(hub) {}

    http::Pull pull(net::Chain& out, std::size_t max) override;
    void close() noexcept override;
    bool give_memory() override;

  private:
    friend class LiveHub;

    [[nodiscard]] http::Pull pull_memory(net::Chain& out, const LiveWindow::Run& run);

    http::Exchange& exchange_;
    LiveHub& hub_;
    std::span<char> buffer_;  ///< what is given is read into it; none: file ranges are given
    std::uint64_t at_ = 0;    ///< first byte that was not pulled
    std::uint64_t sent_ = 0;  ///< first byte that may still be wanted of the window
    Millis progressed_{};     ///< when sent_ moved, or there was nothing to send
    bool is_waiting_ = false;
    bool is_cut_ = false;
};

/// Counted by the generations that name it and by the worker.
class LiveHub {
  public:
    /// Maps the zone for itself: it outlives generations.
    [[nodiscard]] static Result<std::unique_ptr<LiveHub>> create(net::WorkerContext& worker,
                                                                 const LiveSpec& spec);
    ~LiveHub();
    LiveHub(const LiveHub&) = delete;
    LiveHub& operator=(const LiveHub&) = delete;

    /// Whether the FIFO is open; tries to open it where it is not. The reason is logged.
    [[nodiscard]] bool is_ready();
    /// A new viewer, `burst` bytes before the next byte.
    void join(LiveBody& body, std::uint64_t burst);
    void leave(LiveBody& body);

    /// No location of the current configuration names it: it goes on while it has viewers.
    void set_orphan();
    /// What came so far is the end of the stream for this worker's viewers.
    void end();
    /// The worker ends: nothing is called any more. Generations may keep the object for a while.
    void close();

    [[nodiscard]] const LiveWindow& window() const { return window_; }

    [[nodiscard]] const std::string& path() const { return path_; }

    std::uint64_t references = 0;  ///< Counted's

  private:
    friend class LiveBody;

    struct Source : event::Pollable {
        LiveHub* hub = nullptr;
    };

    struct Tick : event::Timer {
        LiveHub* hub = nullptr;
    };

    struct Again : event::Posted {
        LiveHub* hub = nullptr;
    };

    LiveHub(net::WorkerContext& worker, const LiveSpec& spec, shm::Zone zone);

    void run();
    void on_tick();
    void glance();
    void arm(Millis delay);
    /// Opens it when it is there, and the new one where it was made anew. Fails: it is not open.
    [[nodiscard]] Result<> look_at_fifo();
    [[nodiscard]] Result<> open_fifo(const sys::FileInfo& found);
    void complain(const Error& error);
    void settle_watch();
    [[nodiscard]] LiveWindow::Filled fill();
    void wake_viewers();
    [[nodiscard]] bool judge_viewers();
    [[nodiscard]] std::uint64_t publish_places();
    void judge(LiveBody& body);
    void drop(LiveBody& body, std::string_view why);
    void note_dropped(LiveBody& body, std::string_view why);

    net::WorkerContext& worker_;
    std::string path_;
    std::uint64_t limit_;  ///< LiveSpec::window
    shm::Zone zone_;
    shm::ZoneUser user_;
    LiveWindow window_;
    sys::UniqueFd fifo_;
    sys::FileInfo info_;
    Source source_;
    Tick tick_;
    Again again_;
    IntrusiveList<LiveBody> viewers_;
    std::uint32_t count_ = 0;
    int complained_ = 0;  ///< errno that was logged last
    std::uint64_t last_ = UINT64_MAX;  ///< the stream ends there
    Millis next_look_{};   ///< at the path
    Millis next_run_{};
    Millis changed_{};         ///< when bytes came last
    std::uint64_t seen_ = 0;   ///< the window's end then
    bool has_rivals_ = false;  ///< other workers have viewers as well
    bool is_watched_ = false;
    bool has_lease_ = false;
    bool is_held_ = false;  ///< the writer waits for viewers
    bool is_orphan_ = false;
};

}  // namespace sluice::modules
