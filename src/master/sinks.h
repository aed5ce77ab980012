// SPDX-License-Identifier: BSD-2-Clause
// Sinks: the log destinations that the master has opened and passes to the logger. The logger runs
// unprivileged and may not be able to open them itself; a new logger gets them again.
// Runs in: master.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <vector>

#include "base/units.h"
#include "conf/generation.h"
#include "ipc/message.h"
#include "sys/unique_fd.h"

namespace sluice::master {

/// One Sinks message and its descriptors, which stay the Sinks'.
struct SinksMessage {
    ipc::Sinks message;
    std::vector<int> fds;
};

class Sinks {
  public:
    /// Opens what `next` names and is not open, as candidates.
    /// Fails: a text for each that cannot be opened; candidates are closed then.
    [[nodiscard]] std::expected<void, std::vector<std::string>> open(const conf::Generation& next);
    void roll_back();
    void commit();
    /// Opens every file again under its path (USR1). One that fails keeps its old descriptor.
    /// `owner`: who the files are to belong to where the master is root.
    [[nodiscard]] std::vector<std::string> reopen(const conf::Account* owner);

    /// All sinks for a logger: only the candidates, or every one.
    [[nodiscard]] std::vector<SinksMessage> messages(bool candidates_only) const;

    [[nodiscard]] std::size_t size() const { return sinks_.size(); }

  private:
    struct Sink {
        std::string target;
        ipc::SinkKind kind = ipc::SinkKind::File;
        sys::UniqueFd fd;
        bool is_candidate = true;
    };

    [[nodiscard]] static std::expected<void, std::string> open_into(Sink& sink);

    std::map<SinkId, Sink> sinks_;
};

}  // namespace sluice::master
