// SPDX-License-Identifier: BSD-2-Clause
// Births and deaths of children.
// Runs in: master; be_child() in the child.
#include "master/supervisor.h"

#include <algorithm>
#include <array>
#include <signal.h>
#include <sys/epoll.h>
#include <utility>

#include <fmt/format.h>

#include "base/bug.h"
#include "log/log.h"
#include "master/daemon.h"
#include "sys/fault.h"

namespace sluice::master {

Supervisor::~Supervisor() {
    for (const std::unique_ptr<Child>& child : children_) {
        disconnect(*child);
    }
}

Result<Child*> Supervisor::start(ChildKind kind, std::uint32_t index) {
    std::optional<SlotId> slot;
    if (kind != ChildKind::Logger) {
        free_orphans();
        slot = slots_.claim(sys::own_pid());
        if (!slot) {
            return fail("slot of a new process", EAGAIN);
        }
    }
    const auto give_up = [&](const Error& error) -> Result<Child*> {
        if (slot) {
            slots_.release(*slot);
        }
        return std::unexpected(error);
    };
    Result<ipc::ChannelEnds> ends = ipc::open_channel();
    if (!ends) {
        return give_up(ends.error());
    }
    const Result<pid_t> pid = sys::fork_process();
    if (!pid) {
        return give_up(pid.error());
    }
    if (*pid == 0) {
        be_child(kind, std::move(ends->child));
    }
    ends->child.reset();
    const ipc::Sender peer = kind == ChildKind::Logger ? ipc::Sender::Logger : ipc::Sender::Worker;
    auto child = std::make_unique<Child>(*this, ipc::Channel(std::move(ends->master), peer));
    child->id = ChildId{++last_id_};
    child->kind = kind;
    child->pid = *pid;
    child->born = sys::monotonic_now();
    child->slot = slot;
    child->index = index;
    child->fd = child->channel.fd();
    child->on_ready = &Supervisor::on_ready;
    if (slot) {
        slots_.assign(*slot, *pid, sys::process_start_time(*pid).value_or(0));
    }
    Child& born = *child;
    children_.push_back(std::move(child));
    if (const Result<> watched = loop_.watch(born, EPOLLIN); !watched) {
        kill(born);
        return std::unexpected(watched.error());
    }
    log::write(log::Level::Notice, "start {} {}", name_of(kind), born.pid);
    return &born;
}

void Supervisor::be_child(ChildKind kind, sys::UniqueFd channel) {
    const int fd = channel.release();
    const std::array<int, 1> keep = {fd};
    if (!sys::close_from(3, keep)) {
        sys::exit_now(2);
    }
    constexpr std::array<int, 1> kErrors = {2};
    if (is_quiet_ && !silence(kErrors)) {
        sys::exit_now(2);
    }
    BUG_UNLESS(kind != ChildKind::Worker || !sys::has_fault(sys::Fault::EarlyDeath),
               "SLUICE_FAULT asked for this death");
    sys::set_process_title(std::string("sluice: ") + name_of(kind));
    sys::exit_now(kind == ChildKind::Logger ? roles_.logger(fd) : roles_.worker(fd));
}

void Supervisor::on_ready(event::Pollable& pollable, std::uint32_t events) {
    auto& child = static_cast<Child&>(pollable);
    Supervisor& self = child.owner;
    if ((events & EPOLLOUT) != 0) {
        if (!child.channel.flush()) {
            return self.kill(child);
        }
        self.watch_output(child);
    }
    if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) {
        self.read_messages(child);
    }
}

void Supervisor::read_messages(Child& child) {
    while (child.channel.fd() >= 0) {
        Result<ipc::Reception> reception = child.channel.receive();
        if (!reception) {
            log::write(log::Level::Alert, "{} {}: {}", name_of(child.kind), child.pid,
                       log::Failure{reception.error()});
            return kill(child);
        }
        if (reception->is_end) {
            // It is dead, or will soon be: a child without its channel ends itself.
            stop_listening(child);
            return;
        }
        if (!reception->received) {
            return;
        }
        owner_.on_message(child, reception->received->message);
    }
}

void Supervisor::send(Child& child, const ipc::Message& message, std::span<const int> fds) {
    if (child.channel.fd() < 0) {
        return;
    }
    const Result<> sent = child.channel.send(message, fds);
    if (!sent) {
        const int code = sent.error().code;
        if (code != EPIPE && code != ECONNRESET) {
            log::write(log::Level::Alert, "message {} to {} {}: {}", ipc::name_of(message),
                       name_of(child.kind), child.pid, log::Failure{sent.error()});
        }
        return kill(child);
    }
    watch_output(child);
}

void Supervisor::watch_output(Child& child) {
    const bool wants = child.channel.has_pending();
    if (wants == child.watches_output || child.channel.fd() < 0) {
        return;
    }
    const std::uint32_t events = EPOLLIN | (wants ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
    if (!loop_.modify(child, events)) {
        return kill(child);
    }
    child.watches_output = wants;
}

/// Closes our end. Its number is forgotten with it: the next child's channel may get the same one.
void Supervisor::stop_listening(Child& child) {
    if (child.fd >= 0) {
        loop_.forget(child);
        child.fd = -1;
        child.channel.close();
    }
}

void Supervisor::disconnect(Child& child) {
    if (child.fd < 0) {
        return;  // forgetting twice would forget whoever has the number now
    }
    loop_.forget(child);
    child.channel.close();
    child.fd = -1;
}

void Supervisor::kill(Child& child) {
    child.is_killed = true;
    stop_listening(child);
    // Until it is reaped the pid is its own; ESRCH cannot come from somebody else's process.
    static_cast<void>(sys::kill_process(child.pid, SIGKILL));
}

void Supervisor::reap_all() {
    for (;;) {
        const Result<std::optional<sys::Death>> death = sys::reap();
        if (!death) {
            log::write(log::Level::Alert, "{}", log::Failure{death.error()});
            return;
        }
        if (!*death) {
            return;
        }
        bury(**death);
    }
}

void Supervisor::bury(const sys::Death& death) {
    const auto at = std::find_if(children_.begin(), children_.end(),
                                 [&](const auto& child) { return child->pid == death.pid; });
    if (at == children_.end()) {
        return owner_.on_stranger_death(death);
    }
    // What it said before it died counts: a canary says Ready and exits.
    read_messages(**at);
    const auto again = std::find_if(children_.begin(), children_.end(),
                                    [&](const auto& child) { return child->pid == death.pid; });
    const std::unique_ptr<Child> child = std::move(*again);
    children_.erase(again);
    stop_listening(*child);
    if (child->slot) {
        slots_.release(*child->slot);
    }
    owner_.on_death(*child, death);
}

void Supervisor::bury_master(pid_t dead) {
    dead_masters_.push_back(dead);
    free_orphans();
}

/// Nobody reaps the owners of a dead master's slots for us: whether one lives is asked by its pid,
/// and by its start time whether that is still the same process.
void Supervisor::free_orphans() {
    const auto has_slots_left = [this](pid_t dead) {
        bool is_left = false;
        for (std::size_t i = 0; i < slots_.capacity(); ++i) {
            const SlotId id{static_cast<std::uint16_t>(i)};
            const shm::SlotInfo slot = slots_.info(id);
            if (slot.keeper != dead || slot.state == shm::SlotState::Free) {
                continue;
            }
            const bool lives =
                slot.pid != 0 && sys::process_start_time(slot.pid).value_or(0) == slot.start_time;
            is_left = is_left || lives;
            if (!lives) {
                static_cast<void>(slots_.adopt(id, dead, sys::own_pid()));
            }
        }
        slots_.forget_keeper(dead);
        return is_left;
    };
    std::erase_if(dead_masters_, [&](pid_t dead) { return !has_slots_left(dead); });
}

Child* Supervisor::find(ChildId id) const {
    const auto at = std::find_if(children_.begin(), children_.end(),
                                 [&](const auto& child) { return child->id == id; });
    return at == children_.end() ? nullptr : at->get();
}

Child* Supervisor::logger() const {
    for (const std::unique_ptr<Child>& child : children_) {
        if (child->kind == ChildKind::Logger && !child->is_killed) {
            return child.get();
        }
    }
    return nullptr;
}

std::size_t Supervisor::count(ChildKind kind) const {
    return static_cast<std::size_t>(
        std::count_if(children_.begin(), children_.end(),
                      [&](const auto& child) { return child->kind == kind; }));
}

std::string how_it_ended(const sys::Death& death) {
    if (death.signal == 0) {
        return fmt::format("exited with code {}", death.exit_code);
    }
    return fmt::format("exited on signal {}{}", death.signal,
                       death.dumped_core ? " (core dumped)" : "");
}

}  // namespace sluice::master
