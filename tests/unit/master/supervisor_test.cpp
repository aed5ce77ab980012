// SPDX-License-Identifier: BSD-2-Clause
// Births, last words and deaths of real processes.
#include "master/supervisor.h"

#include <optional>
#include <signal.h>
#include <vector>

#include <gtest/gtest.h>

#include "event/signals.h"
#include "sys/epoll.h"
#include "sys/process.h"

namespace sluice::master {
namespace {

/// Answers one message: Stop ends it with code 0, SetLogLevel{n} with code n after Ready{n}.
int obedient(int fd) {
    ipc::Channel channel(sys::UniqueFd(fd), ipc::Sender::Master);
    const sys::UniqueFd epoll = sys::epoll_create().value();
    static_cast<void>(sys::epoll_add(epoll.get(), fd, EPOLLIN, nullptr));
    for (;;) {
        std::array<epoll_event, 1> events{};
        static_cast<void>(sys::epoll_wait(epoll.get(), events, Millis{-1}));
        Result<ipc::Reception> got = channel.receive();
        if (!got || got->is_end) {
            return 3;
        }
        if (!got->received) {
            continue;
        }
        if (const auto* level = std::get_if<ipc::SetLogLevel>(&got->received->message)) {
            static_cast<void>(channel.send(ipc::Ready{GenerationNumber{level->level}}));
            return level->level;
        }
        if (std::holds_alternative<ipc::Commit>(got->received->message)) {
            static_cast<void>(channel.send(ipc::Committed{GenerationNumber{1}}));
            continue;
        }
        return 0;
    }
}

struct SupervisorTest : testing::Test, SupervisorOwner {
    SupervisorTest() {
        EXPECT_TRUE(sys::block_all_signals());
        EXPECT_TRUE(signals.start(*loop));
    }

    void on_message(Child&, const ipc::Message& message) override {
        words.push_back(ipc::name_of(message));
    }

    void on_death(Child& child, const sys::Death& death) override {
        EXPECT_EQ(child.pid, death.pid);
        words.push_back(how_it_ended(death));
        deaths.push_back(death);
    }

    void on_stranger_death(const sys::Death&) override { words.emplace_back("stranger"); }

    void turn_until_deaths(std::size_t count) {
        for (int i = 0; i < 500 && deaths.size() < count; ++i) {
            ASSERT_TRUE(loop->run_once(Millis{20}));
        }
        ASSERT_EQ(deaths.size(), count);
    }

    void turn_until_words(std::size_t count) {
        for (int i = 0; i < 500 && words.size() < count; ++i) {
            ASSERT_TRUE(loop->run_once(Millis{20}));
        }
        ASSERT_GE(words.size(), count);
    }

    std::unique_ptr<event::Loop> loop = event::Loop::create().value();
    event::Signals signals{[](void* self, const sys::SignalInfo& info) {
                               if (info.number == SIGCHLD) {
                                   static_cast<SupervisorTest*>(self)->supervisor.reap_all();
                               }
                           },
                           this};
    std::array<shm::Slot, 4> slots;
    Supervisor supervisor{*loop, Roles{obedient, obedient}, shm::SlotTable(slots), *this};
    std::vector<std::string> words;
    std::vector<sys::Death> deaths;
};

TEST_F(SupervisorTest, DeliversLastWordsBeforeTheDeath) {
    Child* const child = supervisor.start(ChildKind::Worker, 0).value();
    supervisor.send(*child, ipc::SetLogLevel{7});
    turn_until_deaths(1);

    EXPECT_EQ(words, (std::vector<std::string>{"Ready", "exited with code 7"}));
    EXPECT_EQ(supervisor.count(ChildKind::Worker), 0U);
}

TEST_F(SupervisorTest, ReportsTheSignalAndFreesTheSlot) {
    for (int round = 0; round < 10; ++round) {  // more births than slots
        Child* const child = supervisor.start(ChildKind::Worker, 0).value();
        ASSERT_TRUE(child->slot);
        ASSERT_TRUE(sys::kill_process(child->pid, SIGKILL));
        turn_until_deaths(static_cast<std::size_t>(round) + 1);
        EXPECT_EQ(deaths.back().signal, SIGKILL);
    }
}

TEST_F(SupervisorTest, SaysWhenNoSlotIsLeft) {
    for (std::size_t i = 0; i < slots.size(); ++i) {
        ASSERT_TRUE(supervisor.start(ChildKind::Worker, 0));
    }
    EXPECT_EQ(supervisor.start(ChildKind::Worker, 0).error().code, EAGAIN);
    ASSERT_TRUE(supervisor.start(ChildKind::Logger, 0));  // needs none

    supervisor.each(ChildKind::Worker, [&](Child& child) { supervisor.kill(child); });
    supervisor.kill(*supervisor.logger());
    turn_until_deaths(slots.size() + 1);
}

TEST_F(SupervisorTest, SlotsOfADeadMasterAreAnybodysOnceTheirOwnersAreDead) {
    constexpr pid_t kDeadMaster = 1 << 30;  // more than any pid
    shm::SlotTable table(slots);
    const std::uint64_t born = sys::process_start_time(sys::own_pid()).value();
    const auto give = [&](pid_t owner, std::uint64_t start_time) {
        const SlotId id = table.claim(kDeadMaster).value();
        table.assign(id, owner, start_time);
        return std::pair(id, table.epoch_of(id));
    };
    const auto lives = [&](std::pair<SlotId, std::uint32_t> one) {
        return table.is_alive(one.first.value, one.second);
    };
    Child* const worker = supervisor.start(ChildKind::Worker, 0).value();
    const pid_t dying = worker->pid;
    const auto orphan = give(dying, sys::process_start_time(dying).value());
    const auto own = give(kDeadMaster, 1);
    const auto with_reused_pid = give(sys::own_pid(), born + 1);

    supervisor.bury_master(kDeadMaster);

    EXPECT_TRUE(lives(orphan));
    EXPECT_FALSE(lives(own));
    EXPECT_FALSE(lives(with_reused_pid)) << "its pid is another process's now";
    supervisor.kill(*worker);
    turn_until_deaths(1);
    // Takes the slots that are free: the dead worker's, two of the dead master's and the orphan's.
    for (std::size_t i = 0; i < slots.size(); ++i) {
        ASSERT_TRUE(supervisor.start(ChildKind::Worker, 0)) << i;
    }
    EXPECT_FALSE(lives(orphan));
    supervisor.each(ChildKind::Worker, [&](Child& child) { supervisor.kill(child); });
    turn_until_deaths(1 + slots.size());
}

TEST_F(SupervisorTest, TheDeadChildsDescriptorNumberStillWorksForTheNextOne) {
    Child* const first = supervisor.start(ChildKind::Canary, 0).value();
    const int number = first->fd;
    // Its end is seen before it is reaped, as with a canary that says Ready and exits.
    signals.stop();
    ASSERT_TRUE(sys::kill_process(first->pid, SIGKILL));
    for (int i = 0; i < 500 && first->fd >= 0; ++i) {
        ASSERT_TRUE(loop->run_once(Millis{20}));
    }
    std::vector<sys::UniqueFd> plugs;  // take every lower free number
    do {
        plugs.push_back(sys::eventfd().value());
    } while (plugs.back().get() < number);
    ASSERT_EQ(plugs.back().get(), number);
    plugs.pop_back();
    Child* const second = supervisor.start(ChildKind::Worker, 0).value();
    ASSERT_EQ(second->fd, number);
    // The channel closes a moment before the process can be reaped.
    for (int i = 0; i < 500 && deaths.empty(); ++i) {
        ASSERT_TRUE(loop->run_once(Millis{20}));
        supervisor.reap_all();
    }
    ASSERT_EQ(deaths.size(), 1U);

    supervisor.send(*second, ipc::Commit{GenerationNumber{1}});
    turn_until_words(2);
    EXPECT_EQ(words.back(), "Committed");
    supervisor.kill(*second);
    for (int i = 0; i < 500 && deaths.size() < 2; ++i) {
        ASSERT_TRUE(loop->run_once(Millis{1}));
        supervisor.reap_all();
    }
}

TEST_F(SupervisorTest, AKilledChildIsGoneEvenWhenItWasNotToldWhy) {
    Child* const child = supervisor.start(ChildKind::Worker, 2).value();
    EXPECT_EQ(child->index, 2U);
    supervisor.kill(*child);
    supervisor.send(*child, ipc::Stop{});  // nobody hears it; nothing breaks
    turn_until_deaths(1);
}

}  // namespace
}  // namespace sluice::master
