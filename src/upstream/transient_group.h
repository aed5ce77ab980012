// SPDX-License-Identifier: BSD-2-Clause
// TransientGroup: a group that a request named at run time. It belongs to the worker, not to a
// configuration, remembers failures as other groups do, and goes when it was not used for longest.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/list.h"
#include "base/units.h"
#include "upstream/group.h"

namespace sluice::upstream {

struct TransientGroup : ListHook {
    TransientGroup(std::string key_text, std::string_view written, std::string_view host_part);

    std::string key;
    std::string name;  ///< as written
    std::string host;
    net::Address address;  ///< where no name has to be looked up
    ServerSpec server;
    GroupSpec spec;
    PeerStore store;
    std::unique_ptr<Group> group;
    std::uint64_t references = 0;

    Millis valid_until{0};  ///< of what the name means

    /// For a group that needs no name.
    void use_address(const net::Address& literal, Millis now);
    /// What the name means now; no news where it is the same.
    void use_addresses(std::span<const ResolvedAddress> addresses, Millis now);
};

/// Those of a worker.
class TransientGroups {
  public:
    static constexpr std::size_t kMost = 512;

    /// The group of that key, made with `make()` where there is none.
    template <class Make>
    [[nodiscard]] TransientGroup& find(std::string_view key, const Make& make) {
        auto found = groups_.find(key);
        if (found == groups_.end()) {
            found = groups_.emplace(std::string(key), Counted(make().release())).first;
            by_use_.push_back(*found->second);
            if (groups_.size() > kMost) {
                TransientGroup& oldest = by_use_.front();
                oldest.unlink();
                groups_.erase(groups_.find(oldest.key));  // lives on while somebody uses it
            }
        }
        by_use_.push_back(*found->second);
        return *found->second;
    }

    [[nodiscard]] std::size_t size() const { return groups_.size(); }

  private:
    std::map<std::string, Counted<TransientGroup>, std::less<>> groups_;
    IntrusiveList<TransientGroup> by_use_;  ///< used last at the end
};

}  // namespace sluice::upstream
