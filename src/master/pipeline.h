// SPDX-License-Identifier: BSD-2-Clause
// Pipeline: the commands behind one log target, "|command | command": programs joined by pipes, the
// logger writing into the first. The master keeps both ends of that first pipe, so lines wait there
// while the commands are started again, and the logger never sees one die.
// Runs in: master.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "master/backoff.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/unique_fd.h"

namespace sluice::master {

/// Words of each command of a pipeline.
using CommandLines = std::vector<std::vector<std::string>>;

class Pipeline {
  public:
    /// How long members are given to end after one has died, or after the end of their input.
    static constexpr Millis kGrace{5000};

    /// `errors` is the commands' standard error; it stays the caller's.
    Pipeline(CommandLines commands, int errors)
        : commands_(std::move(commands)), errors_(errors) {}

    /// Ends nothing: what still runs has its end of input and goes on alone.
    ~Pipeline() = default;
    Pipeline(const Pipeline&) = delete;
    Pipeline& operator=(const Pipeline&) = delete;

    /// Makes the logger's pipe; no program runs yet.
    /// Fails: ENOENT where a program is not to be found; EMFILE.
    [[nodiscard]] Result<> open();

    /// Where the logger writes; stays the pipeline's.
    [[nodiscard]] int writing_end() const { return input_.write_end.get(); }

    /// Starts the commands. One that cannot be started counts as an early death.
    void start(Millis now);
    /// Takes note of a death; false where it was none of ours.
    bool bury(const sys::Death& death, Millis now);
    /// When tick() is due; nothing: not before the next event.
    [[nodiscard]] std::optional<Millis> due() const { return due_; }
    void tick(Millis now);

    /// The end: the commands see the end of their input once the logger has closed its copy.
    void close(Millis now);
    void kill();

    /// Whether it was closed and no member is left.
    [[nodiscard]] bool is_gone() const { return state_ == State::Closing && members_.empty(); }

    /// Whether the commands run (for tests).
    [[nodiscard]] std::size_t members() const { return members_.size(); }

  private:
    enum class State : std::uint8_t {
        Idle,     ///< nothing was started
        Running,  ///< every command lives
        Falling,  ///< one has died: the others have until due_
        Pausing,  ///< all have died; again at due_
        Closing,  ///< no restart; what lives has until due_
    };

    struct Member {
        pid_t pid = 0;
        std::size_t place = 0;
    };

    [[nodiscard]] Result<> start_members();
    void fall(std::size_t dead_place, Millis now);
    void pause(Millis now);
    void signal_members(std::size_t before_place, int signal) const;

    CommandLines commands_;
    int errors_;
    sys::Pipe input_;
    State state_ = State::Idle;
    std::vector<Member> members_;
    std::optional<Millis> due_;
    Millis born_{};
    Backoff backoff_;
};

}  // namespace sluice::master
