// SPDX-License-Identifier: BSD-2-Clause
// The two homes of peers' state.
// Runs in: worker.
#include "upstream/peer_store.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <type_traits>
#include <vector>

#include "base/bug.h"
#include "shm/shard_lock.h"
#include "sys/clock.h"

namespace sluice::upstream {

constexpr shm::ZoneKind kUpstreamZone{
    .name = "upstream", .layout = 1, .unsaved_because = "it tells how the peers are doing now"};

namespace {

/// Workers that may count in one zone, those of an old program during an upgrade included.
constexpr std::size_t kLanes = 256;
/// A zone grows by this for what is written, as its memory is taken only when it is used.
constexpr std::uint64_t kGrowth = 4;
constexpr std::uint64_t kLeastBytes = std::uint64_t{1} << 20;
/// A record that nobody asked for since may be given to another peer.
constexpr Millis kForgotten{60'000};
/// How long a store goes on without a lock that it waited for in vain.
constexpr Millis kBusyPause{1000};

}  // namespace

std::uint64_t zone_bytes_for(std::uint64_t wanted) {
    return std::max(std::min(wanted, shm::kMaxZoneBytes / kGrowth) * kGrowth, kLeastBytes);
}

bool is_same_set(std::span<const ResolvedAddress> a, std::span<const ResolvedAddress> b) {
    // The same address may be named twice, and counts as two.
    return a.size() == b.size() && std::ranges::is_permutation(a, b);
}

/// A worker's claim on a row of counts.
struct PeerStore::Lane {
    SharedWord<std::uint32_t> slot;  ///< plus one; 0: free
    SharedWord<std::uint32_t> epoch;
};

/// Where things are in a zone; every process computes the same.
struct PeerStore::Layout {
    shm::ShardHead* head = nullptr;
    std::span<Lane> lanes;
    std::span<Entry> group_keys;
    std::span<Entry> server_keys;
    std::span<Entry> peer_keys;
    std::span<GroupState> groups;
    std::span<ServerState> servers;
    std::span<PeerState> peers;
    std::span<SharedWord<std::uint32_t>> counts;  ///< by lane, then by peer

    explicit Layout(const shm::Zone& zone) {
        char* at = zone.shard_base(0);
        head = static_cast<shm::ShardHead*>(static_cast<void*>(at));
        const std::size_t room =
            zone.shape().bytes - sizeof(shm::ShardHead) - sizeof(Lane) * kLanes;
        // Of eight peers one is a group's first and two have a server of their own, or so.
        constexpr std::size_t kEight = 8 * (sizeof(Entry) + sizeof(PeerState) + 4 * kLanes) +
                                       2 * (sizeof(Entry) + sizeof(ServerState)) +
                                       (sizeof(Entry) + sizeof(GroupState));
        const std::size_t eights = room / (kEight + 64);
        at += sizeof(shm::ShardHead);
        take(at, lanes, kLanes);
        take(at, group_keys, eights);
        take(at, server_keys, eights * 2);
        take(at, peer_keys, eights * 8);
        take(at, groups, eights);
        take(at, servers, eights * 2);
        take(at, peers, eights * 8);
        take(at, counts, peers.size() * kLanes);
    }

    [[nodiscard]] std::span<SharedWord<std::uint32_t>> lane_counts(std::size_t lane) const {
        return counts.subspan(lane * peers.size(), peers.size());
    }

  private:
    /// Fresh memory of a zone is all zero, which is what every record begins with.
    template <class T>
    static void take(char*& at, std::span<T>& out, std::size_t count) {
        out = {static_cast<T*>(static_cast<void*>(at)), count};
        at += (count * sizeof(T) + 7) & ~std::size_t{7};
    }
};

struct PeerStore::OwnPeer : PeerState {
    Millis seen{0};
};

/// Records in the worker's own memory.
struct PeerStore::Own {
    shm::HashKey hash_key{};
    std::map<Key, std::unique_ptr<OwnPeer>> peers;
    std::vector<std::unique_ptr<OwnPeer>> spare;  ///< forgotten ones
    std::map<Key, std::unique_ptr<ServerState>> servers;
    std::map<Key, std::unique_ptr<GroupState>> groups;
};

namespace {

/// The record's index where it lies in no zone.
constexpr std::uint32_t kOwnIndex = UINT32_MAX;

template <class T, class Key>
T& record_of(std::map<Key, std::unique_ptr<T>>& records, const Key& key) {
    std::unique_ptr<T>& record = records[key];
    if (record == nullptr) {
        record = std::make_unique<T>();
    }
    return *record;
}

}  // namespace

PeerStore::PeerStore() : own_(std::make_unique<Own>()) {}

PeerStore::PeerStore(shm::ZoneUser& zone, shm::SlotTable slots, SlotId slot)
    : zone_(&zone),
      slots_(slots),
      slot_(slot),
      layout_(std::make_unique<Layout>(zone.zone())),
      own_(std::make_unique<Own>()) {
    const Lock lock(*this);
    claim_lane();
}

PeerStore::~PeerStore() = default;

PeerStore::Key PeerStore::key_of(std::string_view text) const {
    shm::HashKey key = zone_ != nullptr ? zone_->zone().hash_key() : own_->hash_key;
    const std::uint64_t a = shm::siphash(key, text);
    key[0] = ~key[0];
    return {a, shm::siphash(key, text)};
}

// ---- records ----

PeerStore::Record PeerStore::peer(std::string_view key, Millis now) {
    const Key hashed = key_of(key);
    if (zone_ != nullptr) {
        PeerState* const state = find_in_zone(layout_->peer_keys, layout_->peers, hashed, now);
        if (state != nullptr) {
            return {state, static_cast<std::uint32_t>(state - layout_->peers.data())};
        }
    }
    std::unique_ptr<OwnPeer>& own = own_->peers[hashed];
    if (own == nullptr && !own_->spare.empty()) {
        own = std::move(own_->spare.back());
        own_->spare.pop_back();
        std::destroy_at(own.get());
        std::construct_at(own.get());
    } else if (own == nullptr) {
        own = std::make_unique<OwnPeer>();
    }
    own->seen = now;
    return {own.get(), kOwnIndex};
}

ServerState& PeerStore::server(std::string_view key, Millis now) {
    const Key hashed = key_of(key);
    ServerState* const state =
        zone_ == nullptr ? nullptr
                         : find_in_zone(layout_->server_keys, layout_->servers, hashed, now);
    return state != nullptr ? *state : record_of(own_->servers, hashed);
}

GroupState& PeerStore::group(std::string_view key, Millis now) {
    const Key hashed = key_of(key);
    GroupState* const state = zone_ == nullptr
                                  ? nullptr
                                  : find_in_zone(layout_->group_keys, layout_->groups, hashed, now);
    return state != nullptr ? *state : record_of(own_->groups, hashed);
}

template <class T>
T* PeerStore::find_in_zone(std::span<Entry> entries,
                           std::span<T> records,
                           const Key& key,
                           Millis now) {
    const Lock lock(*this);
    // Never 0, which is "free", whatever the clock says.
    const std::int64_t seen = std::max<std::int64_t>(now.count(), 1);
    std::size_t free = entries.size();
    for (std::size_t i = 0; i < entries.size(); ++i) {
        Entry& entry = entries[i];
        const std::int64_t last = entry.seen.get();
        if (last != 0 && entry.a.get() == key.a && entry.b.get() == key.b) {
            entry.seen.set(seen);
            return &records[i];
        }
        bool is_forgotten = last == 0 || last + kForgotten.count() < now.count();
        if constexpr (std::is_same_v<T, PeerState>) {
            is_forgotten = is_forgotten && records[i].connections.get() == 0;
        }
        // A place that was never used comes before one that was.
        if (is_forgotten &&
            (free == entries.size() || (last == 0 && entries[free].seen.get() != 0))) {
            free = i;
        }
    }
    if (free == entries.size()) {
        is_full_ = true;
        return nullptr;
    }
    Entry& entry = entries[free];
    if (entry.seen.get() == 0) {
        ++layout_->head->entries;
    }
    entry.seen.set(0);  // whoever dies here leaves a free place
    std::memset(static_cast<void*>(&records[free]), 0, sizeof(T));
    entry.a.set(key.a);
    entry.b.set(key.b);
    entry.seen.set(seen);
    return &records[free];
}

void PeerStore::touch(const Record& record, Millis now) {
    if (record.index != kOwnIndex) {
        layout_->peer_keys[record.index].seen.set(std::max<std::int64_t>(now.count(), 1));
    } else {
        static_cast<OwnPeer*>(record.state)->seen = now;
    }
}

void PeerStore::forget_old(Millis now) {
    for (auto at = own_->peers.begin(); at != own_->peers.end();) {
        const OwnPeer& peer = *at->second;
        if (peer.seen + kForgotten >= now || peer.connections.get() != 0) {
            ++at;
            continue;
        }
        own_->spare.push_back(std::move(at->second));
        at = own_->peers.erase(at);
    }
}

// ---- the lock ----

PeerStore::Lock::Lock(PeerStore& store) : store_(store) {
    if (store.zone_ == nullptr || store.busy_until_ > Millis(0)) {
        if (store.zone_ == nullptr || sys::monotonic_now() < store.busy_until_) {
            return;
        }
        store.busy_until_ = Millis(0);
    }
    const shm::Locked taken = shm::lock(store.layout_->head->lock, store.zone_->owner());
    if (taken == shm::Locked::Busy) {
        std::atomic_ref(store.layout_->head->busy).fetch_add(1, std::memory_order_relaxed);
        store.busy_until_ = sys::monotonic_now() + kBusyPause;
        return;
    }
    is_taken_ = true;
    if (taken == shm::Locked::FromDead) {
        store.repair();
    }
}

PeerStore::Lock::~Lock() {
    if (is_taken_) {
        shm::unlock(store_.layout_->head->lock, store_.zone_->owner());
    }
}

// ---- counts ----

void PeerStore::enter(PeerState& state, std::uint32_t index, Millis now) {
    state.connections.add(1);
    state.inflight_since.add(now.count());
    if (index < lane_.size()) {
        lane_[index].add(1);
    }
}

void PeerStore::leave(PeerState& state, std::uint32_t index, Millis began) {
    if (state.connections.get() > 0) {
        state.connections.add(static_cast<std::uint64_t>(-1));
    }
    state.inflight_since.add(-began.count());
    if (state.connections.get() == 0) {
        state.inflight_since.set(0);  // whatever a dead worker had left in it
    }
    if (index < lane_.size() && lane_[index].get() > 0) {
        lane_[index].add(static_cast<std::uint32_t>(-1));
    }
}

void PeerStore::claim_lane() {
    std::size_t free = kLanes;
    for (std::size_t i = 0; i < kLanes; ++i) {
        Lane& lane = layout_->lanes[i];
        const std::uint32_t owner = lane.slot.get();
        if (owner == std::uint32_t{slot_.value} + 1 && lane.epoch.get() == slots_.epoch_of(slot_)) {
            lane_ = layout_->lane_counts(i);  // of an earlier generation of this worker
            return;
        }
        const bool is_free = owner == 0 || !slots_.is_alive(owner - 1, lane.epoch.get());
        free = free == kLanes && is_free ? i : free;
    }
    if (free == kLanes) {
        return;  // counted in the sums alone
    }
    recount();
    Lane& lane = layout_->lanes[free];
    lane.slot.set(0);
    for (SharedWord<std::uint32_t>& count : layout_->lane_counts(free)) {
        if (count.get() != 0) {
            count.set(0);
        }
    }
    lane.epoch.set(slots_.epoch_of(slot_));
    lane.slot.set(std::uint32_t{slot_.value} + 1);
    lane_ = layout_->lane_counts(free);
}

void PeerStore::reap_dead() {
    if (zone_ == nullptr) {
        return;
    }
    const auto is_dead = [&](const Lane& lane) {
        return lane.slot.get() != 0 && !slots_.is_alive(lane.slot.get() - 1, lane.epoch.get());
    };
    if (std::ranges::any_of(layout_->lanes, is_dead)) {
        const Lock lock(*this);
        recount();
    }
}

/// Sums up anew what living workers count, and forgets the dead ones'.
void PeerStore::recount() {
    for (Lane& lane : layout_->lanes) {
        if (lane.slot.get() != 0 && !slots_.is_alive(lane.slot.get() - 1, lane.epoch.get())) {
            lane.slot.set(0);
        }
    }
    for (std::size_t peer = 0; peer < layout_->peers.size(); ++peer) {
        if (layout_->peer_keys[peer].seen.get() == 0) {
            continue;
        }
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < kLanes; ++i) {
            if (layout_->lanes[i].slot.get() != 0) {
                sum += layout_->lane_counts(i)[peer].get();
            }
        }
        PeerState& state = layout_->peers[peer];
        if (state.connections.get() != sum) {
            // How long the lost ones had been running is not known: as long as the others.
            const auto before = static_cast<std::int64_t>(state.connections.get());
            const auto after = static_cast<std::int64_t>(sum);
            state.inflight_since.set(before == 0 ? 0 : state.inflight_since.get() / before * after);
            state.connections.set(sum);
        }
    }
}

/// The last owner died with the lock: connections are counted anew and the turns begin again.
void PeerStore::repair() {
    ++layout_->head->repairs;
    for (std::size_t i = 0; i < layout_->peers.size(); ++i) {
        // Reading what was never used would make the kernel give it memory.
        if (layout_->peer_keys[i].seen.get() != 0) {
            layout_->peers[i].current_weight.set(0);
        }
    }
    recount();
}

// ---- names ----

void PeerStore::store_addresses(ServerState& server, std::span<const ResolvedAddress> addresses) {
    const std::uint64_t next = server.version.get() + 1;
    const std::size_t count = std::min(addresses.size(), kMaxResolved);
    auto& bank = server.addresses[next & 1];
    std::copy_n(addresses.begin(), count, bank.begin());
    server.counts[next & 1].set(static_cast<std::uint32_t>(count));
    std::atomic_thread_fence(std::memory_order_release);
    server.version.set(next);
}

std::size_t PeerStore::read_addresses(ServerState& server,
                                      std::span<ResolvedAddress, kMaxResolved> out) {
    const Lock lock(*this);
    const std::uint64_t version = server.version.get();
    const std::size_t count = std::min<std::size_t>(server.counts[version & 1].get(), kMaxResolved);
    std::copy_n(server.addresses[version & 1].begin(), count, out.begin());
    return version == 0 ? 0 : count;
}

// ---- leases ----

bool PeerStore::take_lease(GroupState& group, Millis now) {
    const std::uint32_t mine = std::uint32_t{slot_.value} + 1;
    const std::uint32_t owner = group.lease_slot.get();
    const bool is_mine = owner == mine && group.lease_epoch.get() == slots_.epoch_of(slot_);
    if (zone_ != nullptr && !is_mine && owner != 0 && group.lease_until.get() > now.count() &&
        slots_.is_alive(owner - 1, group.lease_epoch.get())) {
        return false;
    }
    group.lease_epoch.set(slots_.epoch_of(slot_));
    group.lease_slot.set(mine);
    group.lease_until.set((now + kLease).count());
    return true;
}

void PeerStore::drop_lease(GroupState& group) {
    if (group.lease_slot.get() == std::uint32_t{slot_.value} + 1 &&
        group.lease_epoch.get() == slots_.epoch_of(slot_)) {
        group.lease_slot.set(0);
    }
}

}  // namespace sluice::upstream
