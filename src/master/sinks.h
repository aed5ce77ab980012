// SPDX-License-Identifier: BSD-2-Clause
// Sinks: the log destinations that the master has opened and passes to the logger. The logger runs
// unprivileged and may not be able to open them itself; a new logger gets them again.
// Runs in: master.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "conf/generation.h"
#include "ipc/message.h"
#include "master/programs.h"
#include "sys/unique_fd.h"

namespace sluice::master {

/// One Sinks message and its descriptors, which stay the Sinks'.
struct SinksMessage {
    ipc::Sinks message;
    std::vector<int> fds;
};

class Sinks {
  public:
    /// `programs` runs the pipelines; it outlives this.
    explicit Sinks(Programs& programs) : programs_(programs) {}

    /// Opens what `next` names and is not open, as candidates.
    /// Fails: a text for each that cannot be opened; candidates are closed then.
    [[nodiscard]] std::expected<void, std::vector<std::string>> open(const conf::Generation& next);
    void roll_back();
    /// Candidates count from now on. Sinks that `now` does not name are leaving: requests that began
    /// on an older generation may still log to them. True where any is.
    bool commit(const conf::Generation& now);
    /// Closes what is leaving and gives their ids. Plain files stay: they cost nothing.
    [[nodiscard]] std::vector<SinkId> close_leaving();
    /// Opens every file again under its path (USR1). One that fails keeps its old descriptor.
    /// `owner`: who the files are to belong to where the master is root.
    [[nodiscard]] std::vector<std::string> reopen(const conf::Account* owner);

    /// All sinks for a logger: only the candidates and those with new options, or every one.
    [[nodiscard]] std::vector<SinksMessage> messages(bool candidates_only) const;

    /// The command of a log_alert; nullptr where it is none.
    [[nodiscard]] const CommandLines* alert_commands(SinkId id) const;

    [[nodiscard]] std::size_t size() const { return sinks_.size(); }

  private:
    struct Sink {
        conf::SinkKind kind = conf::SinkKind::File;
        std::string path;
        CommandLines commands;
        ipc::SinkEntry entry;
        std::optional<ipc::SinkEntry> next;  ///< what a candidate generation makes of it
        sys::UniqueFd fd;                    ///< none: a pipeline's, or none needed
        int borrowed_fd = -1;                ///< a pipeline's writing end
        bool is_candidate = true;
        bool is_leaving = false;
    };

    [[nodiscard]] static Sink made_of(const conf::SinkSpec& spec);
    [[nodiscard]] Result<> open_into(Sink& sink);
    [[nodiscard]] std::expected<void, std::string> open_checked(Sink& sink);
    void close(SinkId id, const Sink& sink);

    Programs& programs_;
    std::map<SinkId, Sink> sinks_;
};

}  // namespace sluice::master
