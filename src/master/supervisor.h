// SPDX-License-Identifier: BSD-2-Clause
// Supervisor: births and deaths. It forks children, owns their channels, reaps them and says what
// it saw; whether a child is born again is the owner's policy. Runs in: master.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <vector>

#include "base/error.h"
#include "event/loop.h"
#include "ipc/message.h"
#include "master/child.h"
#include "shm/slot_table.h"
#include "sys/process.h"

namespace sluice::master {

/// Who decides. Neither function may start or destroy children of the list that it is called from
/// inside `each`; both may otherwise start, kill and send.
class SupervisorOwner {
  public:
    virtual ~SupervisorOwner() = default;
    virtual void on_message(Child& child, const ipc::Message& message) = 0;
    /// The child is dead, its last messages were delivered, its slot is free. It is destroyed when
    /// this returns.
    virtual void on_death(Child& child, const sys::Death& death) = 0;
    /// A child that is none of ours has died: a program started by an upgrade.
    virtual void on_stranger_death(const sys::Death& death) = 0;
};

class Supervisor {
  public:
    Supervisor(event::Loop& loop, const Roles& roles, shm::SlotTable slots, SupervisorOwner& owner)
        : loop_(loop), roles_(roles), slots_(slots), owner_(owner) {}

    ~Supervisor();
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    /// Forks a child of that kind; it waits for its Hello.
    /// Fails: EAGAIN no process or no slot is left; the errors of socketpair and fork.
    [[nodiscard]] Result<Child*> start(ChildKind kind, std::uint32_t index);

    /// Sends or queues. A child that cannot be reached is killed; its death will be reported.
    void send(Child& child, const ipc::Message& message, std::span<const int> fds = {});
    /// SIGKILL. Its death is reported as always, after it was reaped.
    void kill(Child& child);
    /// Reaps every dead child. Call on SIGCHLD.
    void reap_all();

    /// Another master of the same slot table is gone, and its logger with it. Its slots are
    /// anybody's again; those of its workers that still live are, once these are dead too: looked
    /// at again whenever a child starts.
    void bury_master(pid_t dead);

    /// The living child, or nullptr.
    [[nodiscard]] Child* find(ChildId id) const;
    [[nodiscard]] Child* logger() const;
    [[nodiscard]] std::size_t count(ChildKind kind) const;

    /// Calls `visit(Child&)` for each living child of `kind`.
    template <class Visit>
    void each(ChildKind kind, Visit visit) {
        // By index: a visit may start children, which go to the end and are not visited.
        const std::size_t count = children_.size();
        for (std::size_t i = 0; i < count; ++i) {
            if (children_[i]->kind == kind) {
                visit(*children_[i]);
            }
        }
    }

    /// In the background children must not hold on to the standard error of whoever started us.
    void keep_errors_from_children(bool on) { is_quiet_ = on; }

  private:
    [[noreturn]] void be_child(ChildKind kind, sys::UniqueFd channel);
    static void on_ready(event::Pollable& pollable, std::uint32_t events);
    void read_messages(Child& child);
    void watch_output(Child& child);
    void stop_listening(Child& child);
    void disconnect(Child& child);
    void bury(const sys::Death& death);
    void free_orphans();

    event::Loop& loop_;
    bool is_quiet_ = false;
    Roles roles_;
    shm::SlotTable slots_;
    SupervisorOwner& owner_;
    std::vector<std::unique_ptr<Child>> children_;
    std::vector<pid_t> dead_masters_;  ///< some slots are left of them
    std::uint64_t last_id_ = 0;
};

/// "exited with code 1", "exited on signal 9 (core dumped)".
[[nodiscard]] std::string how_it_ended(const sys::Death& death);

}  // namespace sluice::master
