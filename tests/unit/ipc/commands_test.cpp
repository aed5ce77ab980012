// SPDX-License-Identifier: BSD-2-Clause
// The signal table has one row per signal and per -s word.
#include "ipc/commands.h"

#include <set>
#include <signal.h>

#include <gtest/gtest.h>

namespace sluice::ipc {
namespace {

TEST(Commands, FindsEveryRowByNumberAndByWord) {
    for (const Command& command : commands()) {
        EXPECT_EQ(find_command(number_of(command)), &command);
        if (!command.option.empty()) {
            EXPECT_EQ(find_command(command.option), &command);
        }
        EXPECT_FALSE(command.meaning.empty());
    }
    EXPECT_EQ(find_command("restart"), nullptr);
    EXPECT_EQ(find_command(std::string_view()), nullptr);
    EXPECT_EQ(find_command(SIGSEGV), nullptr);
}

TEST(Commands, MeansWhatOperatorsExpect) {
    EXPECT_EQ(find_command("reload")->number, SIGHUP);
    EXPECT_EQ(find_command("stop")->number, SIGTERM);
    EXPECT_EQ(find_command("quit")->number, SIGQUIT);
    EXPECT_EQ(find_command("reopen")->number, SIGUSR1);
    EXPECT_EQ(find_command("upgrade")->number, SIGUSR2);
    EXPECT_EQ(find_command(SIGINT)->order, Order::FastStop);
    EXPECT_EQ(find_command(SIGWINCH)->order, Order::RetireWorkers);
    EXPECT_EQ(find_command(SIGRTMIN)->order, Order::DumpStatistics);
    EXPECT_EQ(find_command(SIGRTMIN + 1)->order, Order::SetWorkers);
    EXPECT_EQ(find_command("loglevel"), find_command(SIGRTMIN + 2));
    EXPECT_TRUE(find_command("workers")->has_payload);
}

}  // namespace
}  // namespace sluice::ipc
