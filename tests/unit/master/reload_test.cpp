// SPDX-License-Identifier: BSD-2-Clause
// The reload transaction against every order of events: it commits everywhere or nowhere.
#include "master/reload.h"

#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::master {
namespace {

using State = Reload::State;

class FakePort final : public ReloadPort {
  public:
    Outcome<ReloadMode> read(GenerationNumber) override {
        log.emplace_back("read");
        if (!read_error.empty()) {
            return std::unexpected(read_error);
        }
        return mode;
    }

    Outcome<void> open_resources() override {
        log.emplace_back("open");
        if (!open_error.empty()) {
            return std::unexpected(open_error);
        }
        return {};
    }

    Outcome<ChildId> start_canary() override {
        log.emplace_back("canary");
        return canary;
    }

    std::set<ChildId> prepare_workers() override {
        log.emplace_back("prepare");
        return workers;
    }

    void prepare_worker(ChildId) override { log.emplace_back("prepare one"); }

    Outcome<std::set<ChildId>> start_new_workers() override {
        log.emplace_back("start new");
        return new_workers;
    }

    void commit(const std::set<ChildId>& who) override {
        log.emplace_back("commit");
        committed = who;
    }

    void kill(ChildId child) override { killed.push_back(child); }

    void roll_back() override { log.emplace_back("roll back"); }

    void retire_old() override { log.emplace_back("retire"); }

    void arm(Millis delay) override { timer = delay; }

    void disarm() override { timer.reset(); }

    void report(const ReloadOutcome& outcome) override { outcomes.push_back(outcome); }

    static constexpr ChildId canary{100};
    std::set<ChildId> workers{ChildId{1}, ChildId{2}};
    std::set<ChildId> new_workers{ChildId{11}, ChildId{12}};
    ReloadMode mode = ReloadMode::InPlace;
    std::string read_error;
    std::string open_error;
    std::vector<std::string> log;
    std::set<ChildId> committed;
    std::vector<ChildId> killed;
    std::optional<Millis> timer;
    std::vector<ReloadOutcome> outcomes;
};

struct ReloadTest : testing::Test {
    FakePort port;
    Reload reload{port, GenerationNumber{1}};

    void canary_is_ready() {
        reload.on_ready(FakePort::canary, reload.candidate());
        reload.on_death(FakePort::canary, "exited with code 0");
    }

    void ready(std::uint64_t id) { reload.on_ready(ChildId{id}, reload.candidate()); }

    void committed(std::uint64_t id) { reload.on_committed(ChildId{id}, reload.candidate()); }

    void expect_refused() {
        ASSERT_EQ(port.outcomes.size(), 1U);
        EXPECT_FALSE(port.outcomes[0].is_accepted);
        EXPECT_EQ(port.outcomes[0].generation, GenerationNumber{1});
        EXPECT_EQ(reload.current(), GenerationNumber{1});
        EXPECT_EQ(reload.state(), State::Idle);
        EXPECT_FALSE(port.timer);
        EXPECT_EQ(port.log.back(), "roll back");
        EXPECT_TRUE(port.committed.empty());
    }
};

TEST_F(ReloadTest, CommitsWhenCanaryAndAllWorkersAreReady) {
    reload.request();
    EXPECT_EQ(reload.state(), State::Canary);
    EXPECT_EQ(port.timer, Reload::kCanaryLimit);
    canary_is_ready();
    EXPECT_EQ(port.timer, Reload::kPrepareLimit);
    ready(1);
    EXPECT_EQ(reload.current(), GenerationNumber{1});
    ready(2);
    EXPECT_EQ(reload.current(), GenerationNumber{2});
    EXPECT_EQ(port.timer, Reload::kCommitLimit);
    committed(2);
    EXPECT_TRUE(port.outcomes.empty());
    committed(1);

    ASSERT_EQ(port.outcomes.size(), 1U);
    EXPECT_TRUE(port.outcomes[0].is_accepted);
    EXPECT_EQ(port.committed, port.workers);
    EXPECT_EQ(port.log,
              (std::vector<std::string>{"read", "open", "canary", "prepare", "commit", "retire"}));
    EXPECT_EQ(reload.state(), State::Idle);
    EXPECT_FALSE(port.timer);
}

TEST_F(ReloadTest, ReplaceRetiresTheOldOnlyAfterTheNewServe) {
    port.mode = ReloadMode::Replace;
    reload.request();
    canary_is_ready();
    ready(11);
    ready(12);
    EXPECT_EQ(port.log.back(), "commit");
    EXPECT_EQ(port.committed, port.new_workers);
    committed(11);
    EXPECT_EQ(port.log.back(), "commit");
    committed(12);
    EXPECT_EQ(port.log.back(), "retire");
}

TEST_F(ReloadTest, ABrokenConfigurationStartsNothing) {
    port.read_error = "unexpected \"}\" in x:3";
    reload.request();
    expect_refused();
    EXPECT_EQ(port.log, (std::vector<std::string>{"read", "roll back"}));
    EXPECT_EQ(port.outcomes[0].text, port.read_error);
}

TEST_F(ReloadTest, APortInUseStartsNoProcess) {
    port.open_error = "bind() failed";
    reload.request();
    expect_refused();
    EXPECT_TRUE(port.killed.empty());
}

TEST_F(ReloadTest, ACanaryThatCrashesRefuses) {
    reload.request();
    reload.on_death(FakePort::canary, "exited on signal 6");
    expect_refused();
    EXPECT_NE(port.outcomes[0].text.find("signal 6"), std::string::npos);
}

TEST_F(ReloadTest, ACanaryThatHangsIsKilledAndRefuses) {
    reload.request();
    reload.time_out();
    expect_refused();
    EXPECT_EQ(port.killed, std::vector{FakePort::canary});
}

TEST_F(ReloadTest, ACanaryThatRefusesSaysWhy) {
    reload.request();
    reload.on_refused(FakePort::canary, reload.candidate(), "no permission");
    expect_refused();
    EXPECT_EQ(port.outcomes[0].text, "no permission");
}

TEST_F(ReloadTest, OneWorkerSilentAtPrepareAbortsForAll) {
    reload.request();
    canary_is_ready();
    ready(1);
    reload.time_out();
    expect_refused();
    EXPECT_TRUE(port.killed.empty());  // it serves the current generation and stays
}

TEST_F(ReloadTest, OneWorkerRefusingAbortsForAll) {
    reload.request();
    canary_is_ready();
    ready(1);
    reload.on_refused(ChildId{2}, reload.candidate(), "cannot");
    expect_refused();
}

TEST_F(ReloadTest, OneWorkerSilentAtCommitIsKilledAndTheReloadStands) {
    reload.request();
    canary_is_ready();
    ready(1);
    ready(2);
    committed(1);
    reload.time_out();
    EXPECT_EQ(port.killed, std::vector{ChildId{2}});
    ASSERT_EQ(port.outcomes.size(), 1U);
    EXPECT_TRUE(port.outcomes[0].is_accepted);
    EXPECT_EQ(reload.current(), GenerationNumber{2});
}

TEST_F(ReloadTest, AWorkerThatDiesWhilePreparingIsReplacedByItsSuccessor) {
    reload.request();
    canary_is_ready();
    ready(1);
    reload.on_birth(ChildId{3});
    EXPECT_EQ(port.log.back(), "prepare one");
    reload.on_death(ChildId{2}, "exited on signal 9");
    EXPECT_EQ(reload.state(), State::Preparing);
    ready(3);
    EXPECT_EQ(port.committed, (std::set{ChildId{1}, ChildId{3}}));
}

TEST_F(ReloadTest, TheLastAwaitedWorkersDeathDecides) {
    reload.request();
    canary_is_ready();
    ready(1);
    reload.on_death(ChildId{2}, "exited on signal 9");
    EXPECT_EQ(reload.state(), State::Committing);
    EXPECT_EQ(port.committed, std::set{ChildId{1}});
    reload.on_birth(ChildId{4});  // born on the new generation: nothing to ask
    committed(1);
    EXPECT_TRUE(port.outcomes.at(0).is_accepted);
}

TEST_F(ReloadTest, AWorkerThatDiesWhileCommittingEndsTheWait) {
    reload.request();
    canary_is_ready();
    ready(1);
    ready(2);
    committed(1);
    reload.on_death(ChildId{2}, "exited on signal 11");
    EXPECT_TRUE(port.outcomes.at(0).is_accepted);
}

TEST_F(ReloadTest, ANewWorkerThatDiesBeforeTheDecisionRefuses) {
    port.mode = ReloadMode::Replace;
    reload.request();
    canary_is_ready();
    ready(11);
    reload.on_death(ChildId{12}, "exited with code 2");
    expect_refused();
}

TEST_F(ReloadTest, RequestsDuringARunAreOneMoreRun) {
    reload.request();
    const std::uint64_t next = reload.next_run();
    reload.request();
    reload.request();
    EXPECT_EQ(reload.next_run(), next);
    canary_is_ready();
    ready(1);
    ready(2);
    committed(1);
    committed(2);

    EXPECT_EQ(reload.state(), State::Canary);  // the second run is under way
    EXPECT_EQ(reload.candidate(), GenerationNumber{3});
    reload.time_out();
    ASSERT_EQ(port.outcomes.size(), 2U);
    EXPECT_EQ(port.outcomes[1].run, next);
    EXPECT_EQ(reload.current(), GenerationNumber{2});
    EXPECT_EQ(reload.state(), State::Idle);
}

TEST_F(ReloadTest, ALateAnswerToARefusedCandidateDoesNotCountForTheNext) {
    reload.request();
    canary_is_ready();
    const GenerationNumber refused = reload.candidate();
    ready(1);
    reload.time_out();
    reload.request();
    canary_is_ready();

    ready(1);
    reload.on_ready(ChildId{2}, refused);
    EXPECT_EQ(reload.state(), State::Preparing);
    reload.on_refused(ChildId{2}, refused, "late");
    EXPECT_EQ(reload.state(), State::Preparing);
}

TEST_F(ReloadTest, AnswersOfStrangersAndStaleTimersChangeNothing) {
    reload.time_out();
    reload.on_ready(ChildId{9}, GenerationNumber{2});
    reload.on_death(ChildId{9}, "exited");
    EXPECT_EQ(reload.state(), State::Idle);
    reload.request();
    reload.on_ready(ChildId{1}, reload.candidate());
    reload.on_committed(ChildId{1}, reload.candidate());
    EXPECT_EQ(reload.state(), State::Canary);
}

TEST_F(ReloadTest, WithoutWorkersTheCanaryAloneDecides) {
    port.workers.clear();
    reload.request();
    canary_is_ready();
    EXPECT_TRUE(port.outcomes.at(0).is_accepted);
    EXPECT_EQ(port.log.back(), "retire");
}

}  // namespace
}  // namespace sluice::master
