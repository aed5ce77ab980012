// SPDX-License-Identifier: BSD-2-Clause
// Connection: one accepted socket. It keeps what the last edges said (two ready bits), reads and
// writes by the speed rules of the house, and carries one deadline. "Reading until nothing is
// left" lives only here, so that no protocol can lose an edge. It holds no buffer.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/units.h"
#include "event/loop.h"
#include "event/pollable.h"
#include "event/timer.h"
#include "net/address.h"
#include "net/chain_writer.h"
#include "sys/socket.h"
#include "sys/unique_fd.h"

namespace sluice::net {

/// Why a connection does not read at present. Reading goes on when no reason is left.
enum class PauseReason : std::uint8_t {
    BufferFull = 1,  ///< the session has no room for more input
    Backlog = 2,     ///< enough pipelined requests wait already
    Body = 4,        ///< whoever takes the request body is not ready for more
    Writing = 8,     ///< the peer does not read its replies
};

/// What discard() found.
enum class Drain : std::uint8_t {
    Waiting,  ///< nothing more now; an event will come
    Yield,    ///< more is there; on_event will be called again
    Ended,    ///< the peer has closed, or failed
};

/// One connection, embedded in (or derived by) a session. Owner: the session. It may be closed
/// and destroyed inside its own callbacks: nothing is touched after they return.
class Connection : public event::Pollable, private event::Timer, private event::Posted {
  public:
    using Callback = void (*)(Connection&);

    /// Takes the socket over. Both ready bits are set: the first recv and send are simply tried.
    Connection(event::Loop& loop, sys::UniqueFd socket, const Address& peer, ListenerId listener);

    ~Connection() { close(); }

    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Something became readable or writable, or yield() or resume() asked for the call.
    /// Set both before watch().
    Callback on_event = nullptr;
    /// The deadline passed. It is not armed any more.
    Callback on_deadline = nullptr;

    /// Registers IN|OUT|RDHUP|ET, once. Call it only if the exchange did not end right after the
    /// accept; what arrived before is reported by the first event. Again: does nothing.
    [[nodiscard]] Result<> watch();

    /// What the owner knows of a socket that is not watched yet, so that nothing is tried in vain:
    /// the first event after watch() tells of whatever is ready then.
    void assume(bool is_readable, bool is_writable);

    [[nodiscard]] bool is_watched() const { return (bits_ & kWatched) != 0; }

    [[nodiscard]] bool is_open() const { return fd >= 0; }

    /// True when a recv is worth trying: the kernel has, or may have, input, and nothing pauses.
    [[nodiscard]] bool is_readable() const { return (bits_ & kReadable) != 0 && paused_ == 0; }

    /// True when a write is worth trying: the socket may take more, and nothing that write() put
    /// off to a later turn waits for it.
    [[nodiscard]] bool is_writable() const { return (bits_ & (kWritable | kPutOff)) == kWritable; }

    /// The peer has sent its FIN (seen by recv or by an event), or the socket has failed.
    [[nodiscard]] bool is_peer_closed() const { return (bits_ & (kHangUp | kEnd)) != 0; }

    /// on_event tells of a peer that has gone since the event before: its FIN, or a reset. Not so
    /// where the first event since watch() brings the FIN: that may have come with what was read.
    [[nodiscard]] bool is_peer_leaving() const { return (bits_ & kLeaving) != 0; }

    /// Before a pause in which is_peer_leaving() is to be true of whoever leaves from now on: looks
    /// whether the FIN is there already. One system call, and none once an event has come.
    void look_for_fin();

    /// Reads once. Less than asked means empty (the readable bit goes), unless the last event told
    /// of a hang-up: then the end is still to be read. After a full read the bit stays; the caller
    /// reads again or calls yield(), for no further edge comes.
    [[nodiscard]] Result<sys::Transfer> recv(std::span<char> into);
    /// Sends once. Less than asked means full: the writable bit goes, and an edge will come.
    [[nodiscard]] Result<sys::Transfer> send(std::span<const char> bytes);
    /// Moves up to `size` bytes of input into an empty pipe, whose write end `pipe` is. Less than
    /// asked may also mean that the pipe is full, so only "would block" clears the readable bit.
    [[nodiscard]] Result<sys::Transfer> splice_in(int pipe, std::size_t size);
    /// Sends up to `size` of the bytes that a pipe holds, `pipe` being its read end. Only "would
    /// block" means full.
    [[nodiscard]] Result<sys::Transfer> splice_out(int pipe, std::size_t size);
    /// Writes by write_chain; Blocked clears the writable bit, Yield makes on_event come again. A
    /// chain of more than kSmallWrite bytes takes its budget from the turn's share and gets nothing
    /// where that is used up: then others, who had none, come first in the next turn.
    [[nodiscard]] Written write(Chain& chain, Corking corking = Corking::On);
    /// Calls on_event again at the end of this turn, or in the next when posted work is running:
    /// for whoever stops reading or writing while the bit is still set.
    void yield();
    /// The same for whoever got nothing of this turn's share: before those who had theirs.
    void yield_first();

    void pause(PauseReason reason) { paused_ |= static_cast<std::uint8_t>(reason); }

    /// Takes the reason back; when none is left and input waits, on_event comes again.
    void resume(PauseReason reason);

    [[nodiscard]] bool is_paused() const { return paused_ != 0; }

    /// At `when` (monotonic) on_deadline is called. Moving it later costs one store.
    void set_deadline(Millis when) { loop_.timers().arm(*this, when); }

    /// The same, `delay` after the start of this turn.
    void set_deadline_in(Millis delay) { set_deadline(loop_.now() + delay); }

    void clear_deadline() { event::TimerWheel::disarm(*this); }

    [[nodiscard]] bool has_deadline() const { return event::Timer::is_armed(); }

    /// Takes TCP_NODELAY off, or sets it again: sockets inherit it from their listener. Nothing
    /// happens where it has no meaning.
    void set_nodelay(bool on);

    /// Lets the kernel hold at most about `most` bytes that it has not sent yet, so that what a peer
    /// takes shows at once; nothing happens where it has no meaning. Units: bytes.
    void limit_unsent(std::size_t most);

    /// For a connection of many messages: where the peer is at a loopback address there is no path
    /// to probe, and what a congestion control that paces (bbr) costs each message is saved.
    void skip_pacing();

    /// Sends FIN; input may still come. First half of a lingering close.
    [[nodiscard]] Result<> shutdown_write();
    /// Second half: reads and forgets what still comes, at most `budget` bytes a turn, so that the
    /// reply is not lost to a reset. Pauses do not apply. `scratch` holds nothing afterwards.
    [[nodiscard]] Drain discard(std::span<char> scratch, std::size_t budget = kWriteBudget);
    /// Gives the socket away, out of the epoll set; the Connection is as after close().
    [[nodiscard]] sys::UniqueFd release();
    /// Closes at once. Unread input makes the kernel send a reset. Again: does nothing.
    void close();
    /// Closes with a reset, whatever is queued: for a peer that misbehaves or a cut reply.
    void reset();

    [[nodiscard]] Address peer() const { return peer_.unpack(); }

    [[nodiscard]] const PeerAddress& packed_peer() const { return peer_; }

    [[nodiscard]] ListenerId listener() const { return listener_; }

    [[nodiscard]] event::Loop& loop() const { return loop_; }

  private:
    static constexpr std::uint8_t kReadable = 1;
    static constexpr std::uint8_t kWritable = 2;
    static constexpr std::uint8_t kHangUp = 4;  ///< the last event carried RDHUP, HUP or ERR
    static constexpr std::uint8_t kEnd = 8;     ///< recv saw the end
    static constexpr std::uint8_t kWatched = 16;
    static constexpr std::uint8_t kPutOff = 32;  ///< write() said Yield; a call of on_event is posted
    static constexpr std::uint8_t kTold = 64;  ///< an event has come, or look_for_fin found none
    static constexpr std::uint8_t kLeaving = 128;  ///< the event that is told now brought kHangUp
    // Replies of this size are never put off for the sake of others.
    static constexpr std::size_t kSmallWrite = 64 * 1024;

    void note(std::uint32_t events);

    void set(std::uint8_t bits) { bits_ = static_cast<std::uint8_t>(bits_ | bits); }

    void clear(std::uint8_t bits) { bits_ = static_cast<std::uint8_t>(bits_ & ~bits); }

    event::Loop& loop_;
    PeerAddress peer_;
    ListenerId listener_;
    std::uint8_t bits_ = kReadable | kWritable;
    std::uint8_t paused_ = 0;
};

// HOUSE §6: an idle connection has 256 bytes in all; this is our share of them.
static_assert(sizeof(Connection) <= 136);

}  // namespace sluice::net
