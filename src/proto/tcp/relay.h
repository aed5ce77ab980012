// SPDX-License-Identifier: BSD-2-Clause
// Relay: both directions between a client's connection and an upstream's, and nothing else: it
// knows neither sessions nor configuration. Small chunks move by recv and send, bulk by splice
// through a pipe. A direction borrows one buffer or one pipe while bytes are in it; idle it holds
// none.
// Runs in: worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "net/buffer_pool.h"
#include "net/owned_connection.h"
#include "net/pipe_pool.h"
#include "net/transfer.h"

namespace sluice::tcp {

/// What a relay is told to do.
struct RelayOptions {
    /// The relay ends when no byte has moved for so long; 0: it never does for that.
    Millis idle_timeout{600'000};
    /// At most so much is read from a source whose destination is slower than it, or at all where
    /// it is less than 16 KiB.
    std::size_t buffer_size = 16 * 1024;
    std::uint64_t upload_rate = 0;    ///< bytes/s that are read from the client; 0: no limit
    std::uint64_t download_rate = 0;  ///< bytes/s that are read from the upstream
    /// Each side may end its own direction, and the relay ends with the second. Otherwise it ends
    /// when one side does, as soon as what that side had sent is passed on.
    bool is_half_close = false;
    /// Chunks from this size on are bulk; SIZE_MAX: no splice.
    std::size_t splice_from = net::kTransferTable.splice_from;
};

/// Why a relay ended.
enum class RelayEnd : std::uint8_t {
    ClientClosed,
    UpstreamClosed,
    ClientFailed,    ///< recv or send on the client's connection; see the error
    UpstreamFailed,  ///< the same on the upstream's
    TimedOut,        ///< idle_timeout
    NoMemory,
};

/// How a relay ended.
struct RelayOutcome {
    RelayEnd end = RelayEnd::ClientClosed;
    Error error{};  ///< for ClientFailed and UpstreamFailed
};

/// What has passed so far, in bytes.
struct RelayCounts {
    std::uint64_t from_client = 0;  ///< what start() was given of the client's among it
    std::uint64_t to_upstream = 0;  ///< a header of ours among it
    std::uint64_t from_upstream = 0;
    std::uint64_t to_client = 0;
};

/// What goes first. Lives: during start(), which copies it.
struct FirstBytes {
    std::string_view header;      ///< ours, for the upstream (PROXY protocol)
    std::string_view client;      ///< read from the client already
    std::string_view upstream{};  ///< read from the upstream already
};

/// Chunks up to 64 KiB are read in one piece. The rest of the room makes the recv come back short,
/// which tells that nothing is left.
inline constexpr std::size_t kScratchSize = 64 * 1024 + 64;

/// Where relays borrow. One per worker.
struct RelayPools {
    /// What a destination did not take at once.
    net::BufferPool pages{16 * 1024, 64};
    net::PipePool pipes;
    /// Everything that is read comes here first; nothing is left in it when a relay's turn is over.
    net::BufferPool::Page scratch = net::BufferPool::allocate(kScratchSize);
};

/// One relay. Owner: the session that owns both connections; it may destroy the relay at any time.
class Relay {
  public:
    /// Called once, as the relay's last act: it may destroy the relay and both connections. These
    /// are still open, their callbacks are the caller's to set or to let go.
    using Callback = void (*)(Relay& self, const RelayOutcome& outcome);

    Relay(RelayPools& pools, const RelayOptions& options);
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    /// Set both before start().
    Callback on_end = nullptr;
    void* owner = nullptr;

    /// Begins at the end of this turn; on_end is never called inside. Both connections must be
    /// watched and connected; their owner, callbacks and deadlines are the relay's from here on.
    void start(net::OwnedConnection& client,
               net::OwnedConnection& upstream,
               const FirstBytes& first);

    [[nodiscard]] bool is_running() const { return is_running_; }

    [[nodiscard]] RelayCounts counts() const;

    /// When the first byte came from the upstream (monotonic time of that turn).
    [[nodiscard]] std::optional<Millis> first_byte() const;

  private:
    /// One way through.
    struct Direction {
        enum class State : std::uint8_t {
            Open,    ///< the source may send more
            Ending,  ///< the source has ended, or failed; what is held still goes out
            Ended,   ///< the destination knows, or is lost
        };

        // What pass() looks at comes first: together it fills one cache line.
        net::OwnedConnection* from = nullptr;
        net::OwnedConnection* to = nullptr;
        std::uint64_t received = 0;
        std::uint64_t sent = 0;
        bool is_plain = false;  ///< is_plain() was true when its last turn was over
        State state = State::Open;
        bool is_delayed = false;  ///< by its rate, until next_read
        bool is_bulk = false;
        bool is_spliceable = true;
        std::uint8_t slowness = 0;  ///< chunks to pass without a wait until it is not slow any more
        std::uint8_t score = 0;  ///< of the last chunks: large ones raise it, small ones lower it
        const char* begin = nullptr;  ///< of what is held, in `page` or for now in the scratch
        std::size_t size = 0;
        std::size_t piped = 0;  ///< of what is held in `pipe`
        net::BufferPool::Page page;
        std::size_t page_size = 0;
        net::Pipe pipe;
        std::uint64_t rate = 0;
        Millis next_read{0};  ///< where there is a rate

        [[nodiscard]] bool is_holding() const { return size > 0 || piped > 0; }
    };

    void adopt(net::OwnedConnection& connection);
    void hold(Direction& way, std::string_view first, std::string_view second);
    [[nodiscard]] bool take_page(Direction& way, std::size_t size);
    void turn();
    void step(Direction& way);
    void pass(Direction& way);
    void note_silence(Direction& way, const Result<sys::Transfer>& got);
    void note_chunk(Direction& way, std::size_t size);
    void go_on(Direction& way, std::size_t size, const Result<sys::Transfer>& put);
    void advance(Direction& way);
    [[nodiscard]] bool is_plain(const Direction& way) const;
    [[nodiscard]] std::size_t allowance(Direction& way);
    [[nodiscard]] bool fill_from_share(Direction& way, std::size_t limit);
    [[nodiscard]] std::size_t fill(Direction& way, std::size_t limit);
    [[nodiscard]] Result<sys::Transfer> receive(Direction& way, std::size_t limit);
    [[nodiscard]] bool has_pipe(Direction& way);
    void judge_chunk(Direction& way, std::size_t size, bool by_pipe);
    [[nodiscard]] bool flush(Direction& way);
    void keep(Direction& way);
    void lose_source(Direction& way, const Error& error);
    void lose_destination(Direction& way, const Error& error);
    void note_failure(const net::OwnedConnection& side, const Error& error);
    void give_page_back(Direction& way);
    void release(Direction& way);
    void note_first(const Direction& way);
    void touch();
    void set_deadlines();
    [[nodiscard]] bool is_owed(const Direction& way) const;
    [[nodiscard]] bool has_concluded(Direction& way);
    void end(const RelayOutcome& outcome);

    RelayPools& pools_;
    RelayOptions options_;
    Direction up_;
    Direction down_;
    Millis started_{0};
    Millis first_byte_{kNever};
    RelayOutcome failure_;  ///< the first, where has_failed_
    bool has_failed_ = false;
    bool has_moved_ = false;  ///< bytes, in this turn
    bool is_running_ = false;

    static constexpr Millis kNever{-1};
};

}  // namespace sluice::tcp
