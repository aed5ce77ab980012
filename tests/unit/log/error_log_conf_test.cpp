// SPDX-License-Identifier: BSD-2-Clause
// error_log: accepted, refused, inherited, effective.
#include "log/error_log_conf.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "support/fake_facts.h"

namespace sluice::log {
namespace {

/// Answers from a main file in the test; sinks get their ids in order of first mention.
class TestFacts : public conf::FakeFacts {
  public:
    explicit TestFacts(std::string text) { files.emplace("/p/main.conf", std::move(text)); }

    std::string default_error_log() override { return "/e/default.log"; }

    SinkId sink_id(std::string_view target) override {
        const auto next = static_cast<std::uint16_t>(ids.size());
        return ids.try_emplace(std::string(target), SinkId{next}).first->second;
    }

    std::map<std::string, SinkId> ids;
};

conf::Compiled compile(TestFacts& facts) {
    static constexpr const conf::Module* kModules[] = {&kErrorLogModule};
    return conf::compile(facts, {.main_file = "/p/main.conf",
                                 .globals = {},
                                 .number = GenerationNumber{1},
                                 .modules = kModules});
}

TEST(ErrorLog, DefaultIsThePathOfTheCommandLineAtError) {
    TestFacts facts("");
    const conf::Compiled compiled = compile(facts);
    ASSERT_TRUE(compiled.generation) << compiled.errors.front();

    const Destination& main = main_destination(*compiled.generation);

    ASSERT_EQ(main.targets().size(), 1U);
    EXPECT_EQ(main.targets()[0].level, Level::Error);
    EXPECT_EQ(facts.ids.begin()->first, "/e/default.log");
}

TEST(ErrorLog, TakesSeveralTargetsWithLevels) {
    TestFacts facts("error_log logs/a.log warn;\nerror_log stderr debug;\n");
    const conf::Compiled compiled = compile(facts);
    ASSERT_TRUE(compiled.generation) << compiled.errors.front();

    const auto targets = main_destination(*compiled.generation).targets();

    ASSERT_EQ(targets.size(), 2U);
    EXPECT_EQ(targets[0], (Target{facts.ids.at("/p/logs/a.log"), Level::Warn}));
    EXPECT_EQ(targets[1], (Target{facts.ids.at("stderr"), Level::Debug}));
    EXPECT_EQ(facts.ids.size(), 2U) << "the default is not opened where error_log is set";
}

TEST(ErrorLog, RefusesUnknownLevel) {
    TestFacts level("error_log a.log loud;");
    const conf::Compiled compiled = compile(level);

    ASSERT_FALSE(compiled.generation);
    EXPECT_NE(compiled.errors.front().find("loud"), std::string::npos);
    EXPECT_NE(compiled.errors.front().find("notice"), std::string::npos);
}

}  // namespace
}  // namespace sluice::log
