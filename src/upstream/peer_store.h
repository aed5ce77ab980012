// SPDX-License-Identifier: BSD-2-Clause
// PeerStore: where the state of groups, servers and peers lies: in a shared zone, so that all
// workers see one state, or in the worker's own memory. Records are found by a key of text and stay
// where they are, so whoever holds one needs no lock to read it. Changes that belong together happen
// under the store's lock; a worker that dies inside leaves whole words, of which the next owner
// makes sense again.
// Runs in: worker.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>

#include "base/units.h"
#include "shm/siphash.h"
#include "shm/slot_table.h"
#include "shm/zone_user.h"
#include "upstream/peer_state.h"

namespace sluice::upstream {

/// A zone of upstreams. Its entries end with the server's run: they are of its peers' present.
extern const shm::ZoneKind kUpstreamZone;

/// Bytes to declare for a zone that was written as `wanted` bytes: memory is taken from the kernel
/// only as peers come.
[[nodiscard]] std::uint64_t zone_bytes_for(std::uint64_t wanted);

/// An address that a name has now.
struct ResolvedAddress {
    std::array<unsigned char, 16> ip{};
    std::uint16_t port = 0;     ///< of an SRV record; 0: the server's
    std::uint16_t weight = 0;   ///< of an SRV record; 0: the server's
    std::uint8_t ip_bytes = 0;  ///< 4 or 16
    std::uint8_t is_backup = 0;
    std::uint16_t spare = 0;
    friend bool operator==(const ResolvedAddress&, const ResolvedAddress&) = default;
};

inline constexpr std::size_t kMaxResolved = 64;

/// Whether both name the same addresses, in whatever order: name servers like to turn them.
[[nodiscard]] bool is_same_set(std::span<const ResolvedAddress> a,
                               std::span<const ResolvedAddress> b);

/// What the resolver said of one server: two banks, of which the version's last bit names the one
/// to read, so that a writer that dies leaves the old one.
struct ServerState {
    SharedWord<std::uint64_t> version;  ///< 0: nobody knows yet
    std::array<SharedWord<std::uint32_t>, 2> counts;
    std::array<std::array<ResolvedAddress, kMaxResolved>, 2> addresses;
    SharedWord<std::int64_t> due;  ///< when to ask again
};

/// Who works for a group: resolves and checks.
struct GroupState {
    SharedWord<std::uint32_t> lease_slot;  ///< plus one; 0: nobody's
    SharedWord<std::uint32_t> lease_epoch;
    SharedWord<std::int64_t> lease_until;
    SharedWord<std::uint64_t> no_peer;  ///< attempts that found nobody
};

class PeerStore {
  public:
    struct Record {
        PeerState* state = nullptr;
        std::uint32_t index = 0;
    };

    /// In the worker's own memory.
    PeerStore();
    /// In `zone`, which was declared as kUpstreamZone and outlives the store. `slots` tells which
    /// workers live; `slot` is the caller's.
    PeerStore(shm::ZoneUser& zone, shm::SlotTable slots, SlotId slot);
    ~PeerStore();
    PeerStore(const PeerStore&) = delete;
    PeerStore& operator=(const PeerStore&) = delete;

    [[nodiscard]] bool is_shared() const { return zone_ != nullptr; }

    /// The peer's record, a fresh one where it is new. A zone that is full gives one of the
    /// worker's own memory, and is_full() from then on.
    [[nodiscard]] Record peer(std::string_view key, Millis now);
    [[nodiscard]] ServerState& server(std::string_view key, Millis now);
    [[nodiscard]] GroupState& group(std::string_view key, Millis now);

    [[nodiscard]] bool is_full() const { return is_full_; }

    /// Holds the lock while it lives. Where the lock is not to be had the work goes on without it:
    /// every word is whole, and repair() sets right what was lost.
    class Lock {
      public:
        explicit Lock(PeerStore& store);
        ~Lock();
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;

      private:
        PeerStore& store_;
        bool is_taken_ = false;
    };

    // ---- with the lock held ----

    /// One more session or request of this worker for the peer.
    void enter(PeerState& state, std::uint32_t index, Millis now);
    /// One less; `began` is the time of its enter().
    void leave(PeerState& state, std::uint32_t index, Millis began);
    /// Replaces what a server's name means.
    static void store_addresses(ServerState& server, std::span<const ResolvedAddress> addresses);
    /// Makes the caller the one that works for the group until `now` + kLease, unless a living
    /// worker is. Gives whether the caller is.
    [[nodiscard]] bool take_lease(GroupState& group, Millis now);

    /// Gives the lease up, so that another worker may take it at once.
    void drop_lease(GroupState& group);

    // ---- without it ----

    /// Copies what a server's name means now; gives how many addresses.
    [[nodiscard]] std::size_t read_addresses(ServerState& server,
                                             std::span<ResolvedAddress, kMaxResolved> out);

    /// Keeps the peer's record from being given to another one.
    void touch(const Record& record, Millis now);
    /// Gives records of the worker's own memory that nobody has touched for long to new peers.
    /// Their memory stays, as an attempt may still look at it.
    void forget_old(Millis now);
    /// Takes back what workers that died had counted. Call every now and then.
    void reap_dead();

    static constexpr Millis kLease{3000};

  private:
    struct Layout;
    struct Own;
    struct OwnPeer;
    struct Lane;

    struct Key {
        std::uint64_t a = 0;
        std::uint64_t b = 0;
        friend auto operator<=>(const Key&, const Key&) = default;
    };

    /// A key as it lies in a zone.
    struct Entry {
        SharedWord<std::uint64_t> a;
        SharedWord<std::uint64_t> b;
        SharedWord<std::int64_t> seen;  ///< when somebody asked for it last; 0: free
    };

    [[nodiscard]] Key key_of(std::string_view text) const;
    template <class T>
    [[nodiscard]] T* find_in_zone(std::span<Entry> entries,
                                  std::span<T> records,
                                  const Key& key,
                                  Millis now);
    void claim_lane();
    void repair();
    void recount();

    shm::ZoneUser* zone_ = nullptr;
    shm::SlotTable slots_;
    SlotId slot_{};
    std::unique_ptr<Layout> layout_;
    std::unique_ptr<Own> own_;
    std::span<SharedWord<std::uint32_t>> lane_;  ///< this worker's connections, by peer
    Millis busy_until_{0};
    bool is_full_ = false;
};

}  // namespace sluice::upstream
