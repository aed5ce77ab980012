// SPDX-License-Identifier: BSD-2-Clause
// Connector: one attempt to connect to an address. The socket is registered once, as the Connection
// that it will be, and its first event tells the outcome, so that neither a second epoll_ctl nor
// (where it succeeds) a getsockopt is needed.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <optional>

#include "base/error.h"
#include "base/units.h"
#include "event/loop.h"
#include "net/address.h"
#include "net/owned_connection.h"
#include "sys/unique_fd.h"

namespace sluice::net {

struct ConnectOptions {
    /// Where the connection comes from (proxy_bind); null: the kernel chooses. A port of 0 is
    /// chosen when the destination is known, so that many connections may share one port.
    const Address* from = nullptr;
    bool is_transparent = false;  ///< `from` may be an address that is not ours (IP_TRANSPARENT)
    bool is_datagram = false;
    bool has_keepalive = false;  ///< SO_KEEPALIVE
    bool has_nodelay = true;     ///< TCP_NODELAY
    std::optional<Bytes> receive_buffer{};
    std::optional<Bytes> send_buffer{};
    Millis timeout{0};  ///< 0: as long as the kernel tries
};

/// How an attempt ended.
struct ConnectOutcome {
    enum class Kind : std::uint8_t {
        Connected,
        TimedOut,  ///< ConnectOptions::timeout is over
        Refused,   ///< the peer, or the way to it, says no: "connect()" and its errno
        Unable,    ///< no socket, option or local address to be had: another peer would not help
    };

    Kind kind = Kind::Unable;
    Error error{};  ///< for Refused and Unable; ETIMEDOUT for TimedOut

    [[nodiscard]] bool is_connected() const { return kind == Kind::Connected; }
};

/// A socket on its way.
struct Outgoing {
    sys::UniqueFd fd;
    bool is_connected = false;  ///< at once, as Unix sockets and datagrams are
};

/// Opens a socket with `options` and begins to connect it, `options.timeout` apart. What needs no
/// waiting (datagrams) needs no Connector. Fails: "connect()" for what the peer says, or another
/// operation where the fault is here.
[[nodiscard]] Result<Outgoing> open_outgoing(const Address& to, const ConnectOptions& options);

/// One attempt at a time. Destroying it takes back the callback, not the connection.
class Connector : private event::Posted {
  public:
    /// May start() again, or destroy the Connector.
    using Callback = void (*)(Connector& self, const ConnectOutcome& outcome);

    explicit Connector(event::Loop& loop);

    ~Connector() { cancel(); }

    Connector(const Connector&) = delete;
    Connector& operator=(const Connector&) = delete;

    /// Set both before start().
    Callback on_done = nullptr;
    void* owner = nullptr;

    /// Connects to `to`. on_done is called once, never inside start(). Until then `into` is the
    /// Connector's; afterwards it holds a watched, writable connection, or nothing.
    /// Lives: `into` must outlive the attempt; `to` and `options` need not.
    void start(std::optional<OwnedConnection>& into,
               const Address& to,
               const ConnectOptions& options);

    /// Ends the attempt, if there is one: what it has opened is closed, on_done is not called.
    void cancel();

    [[nodiscard]] bool is_connecting() const { return into_ != nullptr; }

  private:
    void begin(const Address& to, const ConnectOptions& options);
    void conclude();
    void finish(const ConnectOutcome& outcome);

    event::Loop& loop_;
    std::optional<OwnedConnection>* into_ = nullptr;
    ConnectOutcome outcome_;  ///< of what was decided inside start()
};

}  // namespace sluice::net
