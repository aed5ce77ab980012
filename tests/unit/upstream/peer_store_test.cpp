// SPDX-License-Identifier: BSD-2-Clause
// Records of peers: found again, forgotten when nobody wants them, and a zone that is full.
#include "upstream/peer_store.h"

#include <array>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "sys/file.h"

namespace sluice::upstream {
namespace {

class Shared : public testing::Test {
  protected:
    Shared() {
        EXPECT_TRUE(sys::RobustOwner::start(owner_));
        store_.emplace(user_, shm::SlotTable{}, SlotId{});
    }

    static constexpr shm::ZoneSize kSize{.bytes = 1 << 20, .shards = 1};
    shm::Zone zone_ = shm::Zone::create(kUpstreamZone, kSize).value();
    sys::RobustOwner owner_;
    shm::ZoneUser user_{zone_, owner_};
    std::optional<PeerStore> store_;
};

TEST_F(Shared, RecordIsFoundAgainByAnotherStoreOfTheZone) {
    store_->peer("a", Millis(1)).state->selected.set(7);
    PeerStore other(user_, {}, SlotId{});

    EXPECT_EQ(other.peer("a", Millis(2)).state->selected.get(), 7U);
    EXPECT_EQ(other.peer("b", Millis(2)).state->selected.get(), 0U);
}

TEST_F(Shared, FullZoneGivesRecordsOfTheWorkersOwn) {
    std::set<PeerState*> seen;
    for (int i = 0; i < 1000; ++i) {
        EXPECT_TRUE(seen.insert(store_->peer("p" + std::to_string(i), Millis(1000)).state).second);
    }

    EXPECT_TRUE(store_->is_full());
    const PeerStore::Record last = store_->peer("p999", Millis(1000));
    const PeerStore::Lock lock(*store_);
    store_->enter(*last.state, last.index, Millis(1000));
    store_->leave(*last.state, last.index, Millis(1000));
    EXPECT_EQ(last.state->connections.get(), 0U);
}

TEST_F(Shared, RecordThatNobodyTouchesGoesToANewPeer) {
    int room = 0;
    while (!store_->is_full()) {
        static_cast<void>(store_->peer("old" + std::to_string(room++), Millis(1000)));
    }
    store_->peer("old0", Millis(1000)).state->selected.set(3);
    PeerStore later(user_, {}, SlotId{});
    static_cast<void>(later.peer("old0", Millis(70'000)));

    const PeerStore::Record fresh = later.peer("new", Millis(70'000));

    EXPECT_FALSE(later.is_full());
    EXPECT_EQ(fresh.state->selected.get(), 0U);
    EXPECT_EQ(later.peer("old0", Millis(70'000)).state->selected.get(), 3U);
}

TEST_F(Shared, AddressesAreReadWholeAndInOrder) {
    ServerState& server = store_->server("s", Millis(1));
    std::array<ResolvedAddress, kMaxResolved> out;
    EXPECT_EQ(store_->read_addresses(server, out), 0U);
    std::vector<ResolvedAddress> some(3);
    for (std::size_t i = 0; i < some.size(); ++i) {
        some[i].ip[0] = static_cast<unsigned char>(i);
        some[i].ip_bytes = 4;
    }

    PeerStore::store_addresses(server, some);

    ASSERT_EQ(store_->read_addresses(server, out), 3U);
    EXPECT_EQ(out[2], some[2]);
    PeerStore::store_addresses(server, std::vector<ResolvedAddress>(500));
    EXPECT_EQ(store_->read_addresses(server, out), kMaxResolved);
}

TEST(Own, RecordsAreForgottenWhenNobodyTouchesThem) {
    PeerStore store;
    const PeerStore::Record kept = store.peer("kept", Millis(1000));
    store.peer("gone", Millis(1000)).state->selected.set(5);
    kept.state->selected.set(4);

    store.touch(kept, Millis(90'000));
    store.forget_old(Millis(90'000));

    EXPECT_EQ(store.peer("kept", Millis(90'000)).state->selected.get(), 4U);
    EXPECT_EQ(store.peer("gone", Millis(90'000)).state->selected.get(), 0U);
}

}  // namespace
}  // namespace sluice::upstream
