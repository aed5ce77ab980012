// SPDX-License-Identifier: BSD-2-Clause
// Zones: the master's hold on shared zones. It creates them, keeps them across workers,
// configurations and program files, and reads what an earlier run has saved. A zone goes on under a
// new configuration where name, kind, layout, size and shards agree; else a new one begins.
// Runs in: master.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/units.h"
#include "conf/generation.h"
#include "ipc/message.h"
#include "log/level.h"
#include "shm/zone.h"
#include "sys/futex.h"
#include "sys/unique_fd.h"

namespace sluice::master {

/// One Zones message and its descriptors, which stay the Zones'.
struct ZonesMessage {
    ipc::Zones message;
    std::vector<int> fds;
};

/// What happened to a zone, for the error log; at the start that is not open yet.
struct ZoneNote {
    log::Level level = log::Level::Notice;
    std::string text;
};

/// A zone as an upgrade passes it on; the key tells everything that has to agree.
struct ZoneHeirloom {
    std::string key;
    int fd = -1;
};

class Zones {
  public:
    /// Takes a zone that an older program file had; used when a configuration asks for it.
    void inherit(const std::string& key, sys::UniqueFd fd);
    /// Forgets what was inherited and nobody asked for.
    void drop_unclaimed() { inherited_.clear(); }

    /// Makes what `next` names and is not held, as candidates; fills them from their state files
    /// where no zone of that name is in use.
    /// Fails: a text for each that cannot be had; candidates are gone then.
    /// Blocks: on state files.
    [[nodiscard]] std::expected<void, std::vector<std::string>> open(const conf::Generation& next);
    void roll_back();
    /// Candidates become current; zones that `next` does not name are given up. Workers keep their
    /// mappings as long as they need them.
    void commit(const conf::Generation& next);

    /// What open() has to tell; forgets it.
    [[nodiscard]] std::vector<ZoneNote> take_notes() { return std::exchange(notes_, {}); }

    /// What a worker needs for `generation`.
    [[nodiscard]] std::vector<ZonesMessage> messages(const conf::Generation& generation) const;
    [[nodiscard]] std::vector<ZoneHeirloom> heirlooms() const;
    /// The zone's descriptor, or -1.
    [[nodiscard]] int fd_of(ZoneId id) const;
    [[nodiscard]] const shm::Zone* find(ZoneId id) const;

  private:
    struct Held {
        shm::Zone zone;
        std::string name;
        std::string key;
        std::string keys;  ///< what the entries' keys mean; empty: not known
        bool is_candidate = true;
    };

    using Outcome = std::expected<void, std::string>;

    [[nodiscard]] Outcome open_one(const conf::ZoneSpec& spec);
    [[nodiscard]] Result<shm::Zone> adopt_or_create(const conf::ZoneSpec& spec, bool& is_new);
    void try_saving(const conf::ZoneSpec& spec);
    void restore(const conf::ZoneSpec& spec, const shm::Zone& zone);

    template <class... Args>
    void note(log::Level level, fmt::format_string<Args...> format, const Args&... args) {
        notes_.push_back({level, fmt::vformat(format, fmt::make_format_args(args...))});
    }

    [[nodiscard]] bool is_in_use(std::string_view name) const;

    std::map<ZoneId, Held> held_;
    std::vector<ZoneNote> notes_;
    std::map<std::string, sys::UniqueFd> inherited_;
    sys::RobustOwner owner_;
};

/// The kind that a specification's feature gave.
[[nodiscard]] shm::ZoneKind kind_of(const conf::ZoneSpec& spec);

}  // namespace sluice::master
