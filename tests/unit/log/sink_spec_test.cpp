// SPDX-License-Identifier: BSD-2-Clause
// Log targets: what each means, and the words for what is wrong.
#include "log/sink_spec.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/fake_facts.h"
#include "conf/generation.h"
#include "conf/process_conf.h"
#include "log/error_log_conf.h"

namespace sluice::log {
namespace {

/// A directive with a target and sink options, as access_log has them.
struct ProbeConf {};

bool read_probe(conf::Build& build, const conf::Directive& directive, ProbeConf&) {
    auto spec = parse_sink(build, directive, directive.args[0]);
    if (!spec) {
        return false;
    }
    for (const conf::Argument& option : directive.args.subspan(1)) {
        switch (read_sink_option(build, option, *spec)) {
            case SinkOption::Taken:
                break;
            case SinkOption::NotOne:
                return build.invalid(directive, option, "an option");
            case SinkOption::Refused:
                return false;
        }
    }
    return declare_sink(build, directive, *spec).has_value();
}

constexpr conf::Row kProbeRows[] = {conf::row_fn<ProbeConf, &read_probe>(
    "probe_log", conf::kMain, conf::take_at_least(1), "A log.").repeats()};
constexpr conf::ConfKind kProbeKind = conf::kind<ProbeConf>("probe", kProbeRows);
constexpr conf::Module kProbeModule{"probe", &kProbeKind};

conf::Compiled compile(const std::string& text) {
    static constexpr const conf::Module* kModules[] = {&conf::kProcessModule, &kErrorLogModule, &kProbeModule};
    conf::FakeFacts facts;
    facts.files["/p/main.conf"] = "error_log stderr;\n" + text;
    return conf::compile(facts, {.main_file = "/p/main.conf",
                                 .globals = {},
                                 .number = GenerationNumber{1},
                                 .modules = kModules});
}

/// The sink of the last directive; the generation goes to `keeper`.
conf::SinkSpec sink_of(const std::string& text, conf::Compiled& keeper) {
    keeper = compile(text);
    EXPECT_TRUE(keeper.generation) << (keeper.errors.empty() ? "" : keeper.errors.front());
    return keeper.generation ? keeper.generation->sinks().back() : conf::SinkSpec{};
}

std::string error_of(const std::string& text) {
    const conf::Compiled compiled = compile(text);
    return compiled.errors.empty() ? "" : compiled.errors.front();
}

testing::AssertionResult refuses(const std::string& target, const std::string& words) {
    const std::string error = error_of("probe_log \"" + target + "\";");
    return error.find(words) != std::string::npos ? testing::AssertionSuccess()
                                                  : testing::AssertionFailure() << error;
}

TEST(SinkSpec, KnowsFilesAndStandardOutputs) {
    conf::Compiled keeper;

    EXPECT_EQ(sink_of("probe_log a.log;", keeper).path, "/p/a.log");
    EXPECT_EQ(sink_of("probe_log /dev/stdout;", keeper).kind, conf::SinkKind::Stdout);
    EXPECT_EQ(sink_of("probe_log stdout;", keeper).kind, conf::SinkKind::Stdout);
    EXPECT_EQ(sink_of("probe_log /dev/stderr;", keeper).target, "stderr");
    EXPECT_EQ(sink_of("compat nginx; probe_log stdout;", keeper).path, "/p/stdout")
        << "nginx has a file of that name";
}

TEST(SinkSpec, SyslogHasTheDefaultsOfNginx) {
    conf::Compiled keeper;

    const conf::SinkSpec sink = sink_of("probe_log syslog:server=localhost;", keeper);

    EXPECT_EQ(sink.kind, conf::SinkKind::Syslog);
    EXPECT_EQ(sink.syslog, (conf::SyslogSpec{.address = "127.0.0.1:514",
                                             .tag = "sluice",
                                             .host = "box",
                                             .facility = 23,
                                             .severity = 6}));
    EXPECT_EQ(sink_of("compat nginx; probe_log syslog:server=127.0.0.1;", keeper).syslog.tag,
              "nginx");
}

TEST(SinkSpec, SyslogTakesEveryParameter) {
    conf::Compiled keeper;

    const conf::SinkSpec sink = sink_of(
        "probe_log syslog:tag=a_1,server=[::1]:5514,facility=user,severity=alert,nohostname,"
        "rfc=5424,tcp,framing=newline;",
        keeper);

    EXPECT_EQ(sink.syslog, (conf::SyslogSpec{.address = "[::1]:5514",
                                             .tag = "a_1",
                                             .host = "",
                                             .facility = 1,
                                             .severity = 1,
                                             .is_stream = true,
                                             .is_rfc5424 = true,
                                             .counts_octets = false}));
    EXPECT_TRUE(sink_of("probe_log syslog:server=127.0.0.1,rfc=5424,tcp;", keeper)
                    .syslog.counts_octets);
    EXPECT_FALSE(sink_of("probe_log syslog:server=127.0.0.1,tcp;", keeper).syslog.counts_octets);
    EXPECT_EQ(sink_of("probe_log syslog:server=unix:/dev/log;", keeper).syslog.address,
              "unix:/dev/log");
}

TEST(SinkSpec, SyslogIsRefusedInNginxsWords) {
    EXPECT_TRUE(refuses("syslog:", "unknown syslog parameter \"\""));
    EXPECT_TRUE(refuses("syslog:server=127.0.0.1:99999",
                        "invalid port in syslog server \"127.0.0.1:99999\""));
    EXPECT_TRUE(refuses("syslog:server=no.such", "host not found in syslog server \"no.such\""));
    EXPECT_TRUE(refuses("syslog:server=", "no host in syslog server \"\""));
    EXPECT_TRUE(refuses("syslog:server=unix:",
                        "no path in the unix domain socket in syslog server \"unix:\""));
    EXPECT_TRUE(refuses("syslog:server=127.0.0.1,,tag=a", "unknown syslog parameter \"\""));
    EXPECT_TRUE(refuses("syslog:foo=1,server=127.0.0.1", "unknown syslog parameter \"foo=1\""));
    EXPECT_TRUE(refuses("syslog:server=127.0.0.1,severity=err", "unknown syslog severity \"err\""));
    EXPECT_TRUE(refuses("syslog:server=127.0.0.1,facility=x", "unknown syslog facility \"x\""));
    EXPECT_TRUE(refuses("syslog:server=127.0.0.1,server=127.0.0.1", "duplicate syslog \"server\""));
    EXPECT_TRUE(refuses("syslog:tag=a", "no syslog server specified"));
    EXPECT_TRUE(refuses("syslog:server=127.0.0.1,tag=a-b",
                        "syslog \"tag\" only allows alphanumeric characters and underscore"));
    EXPECT_TRUE(refuses("syslog:server=127.0.0.1,tag=" + std::string(33, 'a'),
                        "syslog tag length exceeds 32"));
}

TEST(SinkSpec, SplitsAPipelineIntoWords) {
    conf::Compiled keeper;

    const conf::SinkSpec sink =
        sink_of(R"(probe_log '|  grep -v "a \\\"b\\\" |" x\ y|tee "" ';)", keeper);

    ASSERT_EQ(sink.kind, conf::SinkKind::Pipeline);
    ASSERT_EQ(sink.commands.size(), 2U);
    const std::vector<std::string_view> grep(sink.commands[0].begin(), sink.commands[0].end());
    const std::vector<std::string_view> tee(sink.commands[1].begin(), sink.commands[1].end());
    EXPECT_EQ(grep, (std::vector<std::string_view>{"grep", "-v", "a \"b\" |", "x y"}));
    EXPECT_EQ(tee, (std::vector<std::string_view>{"tee", ""}));
}

TEST(SinkSpec, RefusesWhatOnlyAShellCouldDo) {
    EXPECT_TRUE(refuses("|", "an empty command"));
    EXPECT_TRUE(refuses("|a||b", "an empty command"));
    EXPECT_TRUE(refuses("|cat > /tmp/x", "a character of the shell"));
    EXPECT_TRUE(refuses("|cat 'x", "a quote that does not end"));
}

TEST(SinkSpec, KnowsFifosAndQueues) {
    conf::Compiled keeper;

    EXPECT_EQ(sink_of("probe_log fifo:run/f;", keeper).path, "/p/run/f");
    EXPECT_EQ(sink_of("probe_log mq:/events;", keeper).path, "/events");
    EXPECT_TRUE(refuses("fifo:", "no path"));
    EXPECT_TRUE(refuses("mq:events", "invalid message queue name \"events\""));
    EXPECT_TRUE(refuses("mq:/a/b", "invalid message queue name \"/a/b\""));
}

TEST(SinkSpec, ReadsBufferingOptions) {
    conf::Compiled keeper;

    const conf::SinkSpec sink = sink_of("probe_log a buffer=32k flush=5s gzip=3;", keeper);

    EXPECT_EQ(sink.buffering, (conf::SinkBuffering{.size = Bytes{32 * 1024},
                                                   .flush = Millis{5000},
                                                   .gzip_level = 3}));
    EXPECT_EQ(sink_of("probe_log a gzip;", keeper).buffering,
              (conf::SinkBuffering{.size = Bytes{64 * 1024}, .flush = Millis{0}, .gzip_level = 1}));
}

TEST(SinkSpec, OneTargetHasOneSetOfOptions) {
    EXPECT_EQ(error_of("probe_log a buffer=1k; probe_log a; probe_log a buffer=1k;"), "");
    EXPECT_NE(error_of("probe_log a buffer=1k; probe_log a buffer=2k;")
                  .find("probe_log \"/p/a\" already defined with conflicting parameters"),
              std::string::npos);
    EXPECT_NE(error_of("probe_log a flush=1s;").find("no buffer is defined for probe_log"),
              std::string::npos);
    EXPECT_NE(error_of("probe_log a buffer=0;").find("invalid buffer size \"0\""),
              std::string::npos);
    EXPECT_NE(error_of("probe_log a gzip=10;").find("invalid compression level \"10\""),
              std::string::npos);
    EXPECT_NE(error_of("probe_log syslog:server=127.0.0.1 buffer=1k;")
                  .find("logs to syslog cannot be buffered"),
              std::string::npos);
}

}  // namespace
}  // namespace sluice::log
