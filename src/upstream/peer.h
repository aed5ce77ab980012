// SPDX-License-Identifier: BSD-2-Clause
// Peer: one address of a group as a worker sees it, and PeerSet: those of a group at one moment. A
// set never changes; when addresses do, the group gets a new one, and whoever is under way goes on
// with the old. Peers are shared by the sets that name them.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.h"
#include "net/address.h"
#include "upstream/peer_state.h"

namespace sluice::upstream {

/// Counted by a plain number: one thread only. T has `references`.
template <class T>
class Counted {
  public:
    Counted() = default;

    explicit Counted(T* object) : object_(object) { take(); }

    ~Counted() { drop(); }

    Counted(const Counted& other) : object_(other.object_) { take(); }

    Counted(Counted&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}

    Counted& operator=(Counted other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }

    [[nodiscard]] explicit operator bool() const { return object_ != nullptr; }

    [[nodiscard]] T& operator*() const { return *object_; }

    [[nodiscard]] T* operator->() const { return object_; }

    [[nodiscard]] T* get() const { return object_; }

    void reset() { *this = Counted(); }

  private:
    void take() {
        if (object_ != nullptr) {
            ++object_->references;
        }
    }

    void drop() {
        if (object_ != nullptr && --object_->references == 0) {
            delete object_;
        }
    }

    T* object_ = nullptr;
};

struct Peer {
    net::Address address;
    std::string name;  ///< "127.0.0.1:8080", as $upstream_addr and log lines have it
    std::string
        server_name;   ///< the server as written in the configuration; "address" of a service
    std::string host;  ///< the host of it, for names of certificates and the Host header
    std::uint32_t weight = 1;
    std::uint32_t max_conns = 0;
    std::uint32_t max_fails = 1;
    Millis fail_timeout{10'000};
    Millis slow_start{0};
    bool is_down = false;
    bool is_backup = false;
    PeerState* state = nullptr;  ///< lives as long as the group's generation
    std::uint32_t index_in_store = 0;
    std::uint64_t references = 0;
};

/// What a balancer keeps for a set: points on a ring, ranges.
class SetData {
  public:
    virtual ~SetData() = default;
};

struct PeerSet {
    using Peers = std::vector<Counted<Peer>>;

    Peers peers;  ///< primary ones, in the order of the configuration
    Peers backup;
    std::uint32_t total_weight = 0;  ///< of `peers`

    /// Whether there is just one peer and nothing to choose: its failures do not count.
    [[nodiscard]] bool is_single() const { return peers.size() == 1 && backup.empty(); }

    /// How many peers may be tried: those that are not marked down.
    std::uint32_t tries = 0;
    std::unique_ptr<SetData> data;
    std::uint64_t references = 0;
};

using PeerRef = Counted<Peer>;
using PeerSetRef = Counted<PeerSet>;

}  // namespace sluice::upstream
