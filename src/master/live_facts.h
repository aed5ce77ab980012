// SPDX-License-Identifier: BSD-2-Clause
// LiveFacts: the answers that a configuration needs from the machine, by system calls. Only the
// master asks them; everybody else reads what it recorded in a bundle.
// Runs in: master. Blocks: on files, name services and the resolver.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "conf/facts.h"
#include "master/counting.h"

namespace sluice::master {

/// The numbers given to addresses and log destinations: once per name, for the master's life, so
/// that "the same listener" means the same in every generation.
class Ids {
  public:
    /// Series are numbered by `counting`, which outlives this.
    explicit Ids(Counting& counting) : counting_(counting) {}

    [[nodiscard]] ListenerId listener(std::string_view key);
    [[nodiscard]] SinkId sink(std::string_view target);
    [[nodiscard]] std::optional<SeriesId> series(std::string_view name) {
        return counting_.series(name);
    }
    [[nodiscard]] ZoneId zone(std::string_view key);

  private:
    Counting& counting_;
    std::map<std::string, ListenerId, std::less<>> listeners_;
    std::map<std::string, SinkId, std::less<>> sinks_;
    std::map<std::string, ZoneId, std::less<>> zones_;
};

/// What the command line decides about paths.
struct Places {
    std::string prefix;     ///< absolute, ends in '/'
    std::string main_file;  ///< absolute
    std::string error_log;  ///< absolute, or "stderr"
};

/// One reading of the world; make a new one for each reload.
class LiveFacts final : public conf::Facts {
  public:
    LiveFacts(Ids& ids, const Places& places) : ids_(ids), places_(places) {}

    Result<std::string_view> file(std::string_view path) override;
    Result<std::vector<std::string>> glob(std::string_view pattern) override;
    std::optional<std::string> env(std::string_view name) override;
    std::optional<conf::Account> user(std::string_view name) override;
    std::optional<std::uint32_t> group(std::string_view name) override;
    Result<std::vector<std::string>> resolve(std::string_view host) override;
    int cpus() override;
    bool is_root() override;
    std::string host_name() override;

    std::string prefix() override { return places_.prefix; }

    std::string default_error_log() override { return places_.error_log; }

    ListenerId listener_id(std::string_view key) override { return ids_.listener(key); }

    SinkId sink_id(std::string_view target) override { return ids_.sink(target); }

    std::optional<SeriesId> series_id(std::string_view name) override { return ids_.series(name); }

    ZoneId zone_id(std::string_view key) override { return ids_.zone(key); }

  private:
    Ids& ids_;
    const Places& places_;
    std::deque<std::string> files_;  ///< keeps what file() gave alive
};

}  // namespace sluice::master
