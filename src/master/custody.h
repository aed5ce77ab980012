// SPDX-License-Identifier: BSD-2-Clause
// Custody: the master's hold on all listening sockets. It opens them, keeps them across workers and
// configurations, hands copies to workers, and closes one only when its address left the
// configuration and its queue had time to be served.
// Runs in: master.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "conf/generation.h"
#include "ipc/message.h"
#include "master/reload.h"
#include "sys/unique_fd.h"

namespace sluice::master {

/// A socket that a worker gets.
struct Grant {
    ipc::ListenerGrant what;
    int fd = -1;  ///< stays Custody's
};

/// A reuseport member that changes hands.
struct Move {
    Grant grant;
    std::optional<ChildId> from;  ///< has to release it; none: its holder is dead
    ChildId to;
};

/// A socket as an upgrade passes it on.
struct Heirloom {
    std::string key;
    std::uint16_t member = 0;
    int fd = -1;
};

class Custody {
  public:
    /// Takes a socket that an older program file had opened; used when an address asks for it.
    void inherit(const std::string& key, std::uint16_t member, sys::UniqueFd fd);

    /// Closes what was inherited and nobody asked for.
    void drop_unclaimed() { inherited_.clear(); }

    /// Opens what `next` names and is not held, as candidates. `members`: sockets of a reuseport
    /// group. Fails: a text for each address that cannot be had; candidates are closed then.
    [[nodiscard]] std::expected<void, std::vector<std::string>> open(const conf::Generation& next,
                                                                     std::size_t members);
    /// Closes the candidates.
    void roll_back();
    /// Candidates become current; listeners that `next` does not name begin to leave: the kernel
    /// drops new SYNs to them, while what is queued is still accepted.
    void commit(const conf::Generation& next);
    /// Shared sockets that began to leave and are still held here.
    [[nodiscard]] std::vector<Grant> leaving() const;
    /// Closes them. Call when workers had time to empty the queues.
    void close_leaving();
    /// Removes the files of Unix sockets.
    void remove_unix_files() const;
    /// Closes every socket. Workers that still hold copies empty the queues first.
    void close_all() { held_.clear(); }

    /// The sockets that every worker shares: the current ones, or only the candidates.
    [[nodiscard]] std::vector<Grant> shared(bool candidates) const;
    /// Gives the members of all groups to `workers`, evenly and with few moves. Members whose
    /// holder is not among the workers count as free.
    [[nodiscard]] std::vector<Move> rebalance(std::span<const ChildId> workers);

    [[nodiscard]] std::vector<Heirloom> heirlooms() const;

    [[nodiscard]] std::size_t size() const { return held_.size(); }

  private:
    struct Member {
        sys::UniqueFd fd;
        std::optional<ChildId> holder;
        bool is_candidate = true;
    };

    struct Held {
        std::string key;
        conf::ListenOptions options;
        bool is_group = false;
        bool is_leaving = false;    ///< no current generation names it
        bool is_returning = false;  ///< the candidate names it again
        std::vector<Member> members;
    };

    using Opened = std::expected<sys::UniqueFd, std::string>;

    [[nodiscard]] std::expected<void, std::string> open_one(const conf::ListenSpec& spec,
                                                            std::size_t members);
    [[nodiscard]] Opened open_member(const conf::ListenSpec& spec, std::uint16_t member);
    static void rebalance_group(ListenerId id,
                                Held& held,
                                std::span<const ChildId> workers,
                                std::vector<Move>& moves);
    bool let_others_bind(std::string_view key) const;
    static void set_refusing(const Held& held, bool on);
    static void remove_file(const Held& held);

    std::map<ListenerId, Held> held_;
    std::map<std::pair<std::string, std::uint16_t>, sys::UniqueFd> inherited_;
};

}  // namespace sluice::master
