// SPDX-License-Identifier: BSD-2-Clause
// Which zones the master keeps, makes anew, and gives up.
#include <array>
#include <string>

#include <gtest/gtest.h>

#include "conf/row.h"
#include "master/live_facts.h"
#include "master/zones.h"
#include "shm/zone_user.h"
#include "sys/file.h"

namespace sluice::master {
namespace {

/// A directive that only declares a zone: `zone NAME BYTES KIND KEYS;`
struct ZoneConf {};

bool parse_zone(conf::Build& build, const conf::Directive& directive, ZoneConf&) {
    return build.declare_zone({.name = directive.args[0].text,
                               .use = {.kind = directive.args[2].text},
                               .bytes = std::stoul(std::string(directive.args[1].text)),
                               .keys = directive.args[3].text,
                               .directive = directive.name,
                               .at = directive.at}) != nullptr;
}

constexpr conf::Row kRows[] = {
    conf::row_fn<ZoneConf, &parse_zone>("zone", conf::kMain, conf::take(4), "Declares.").repeats(),
};
constexpr conf::ConfKind kKind = conf::kind<ZoneConf>("zone", kRows);
constexpr conf::Module kModule{"zone", &kKind};
constexpr const conf::Module* kModules[] = {&kModule};

struct ZonesTest : testing::Test {
    conf::Compiled compile(const std::string& text) {
        return conf::compile(live, {.main_file = "/dev/null",
                                    .globals = text,
                                    .number = GenerationNumber{1},
                                    .modules = kModules});
    }

    std::string reload(const std::string& text) {
        const conf::Compiled compiled = compile(text);
        if (!compiled.generation) {
            return compiled.errors.front();
        }
        if (const auto opened = zones.open(*compiled.generation); !opened) {
            return opened.error().front();
        }
        zones.commit(*compiled.generation);
        return "";
    }

    /// What identifies the memory that is called `name` now.
    std::uint64_t memory() {
        const std::vector<ZoneHeirloom> held = zones.heirlooms();
        return held.size() == 1 ? sys::file_info(held[0].fd)->inode : 0;
    }

    Counting counting{{}};
    Ids ids{counting};
    Places places;
    LiveFacts live{ids, places};
    Zones zones;
};

TEST_F(ZonesTest, KeepsAZoneThatIsNamedAgain) {
    EXPECT_EQ(reload("zone a 65536 x k;"), "");
    const std::uint64_t before = memory();

    EXPECT_EQ(reload("zone a 65536 x k;"), "");

    EXPECT_NE(before, 0U);
    EXPECT_EQ(memory(), before);
}

TEST_F(ZonesTest, MakesANewOneForAnotherSizeOrKindAndSaysSo) {
    EXPECT_EQ(reload("zone a 65536 x k;"), "");
    const std::uint64_t before = memory();
    EXPECT_TRUE(zones.take_notes().empty());

    EXPECT_EQ(reload("zone a 131072 x k;"), "");
    const std::uint64_t larger = memory();
    EXPECT_EQ(reload("zone a 131072 y k;"), "");

    EXPECT_NE(larger, before);
    EXPECT_NE(memory(), larger);
    EXPECT_EQ(zones.take_notes().size(), 2U);
}

TEST_F(ZonesTest, RefusesOtherKeysAndTakesCandidatesBack) {
    EXPECT_EQ(reload("zone a 65536 x k;"), "");
    const std::uint64_t before = memory();

    EXPECT_NE(reload("zone b 65536 x k; zone a 65536 x other;").find("previously it used"),
              std::string::npos);

    EXPECT_EQ(memory(), before) << "one zone, the old one";
}

TEST_F(ZonesTest, GivesUpWhatIsNotNamed) {
    EXPECT_EQ(reload("zone a 65536 x k; zone b 65536 x k;"), "");
    EXPECT_EQ(zones.heirlooms().size(), 2U);

    EXPECT_EQ(reload("zone b 65536 x k;"), "");

    EXPECT_EQ(zones.heirlooms().size(), 1U);
}

TEST_F(ZonesTest, ANameHasOneUse) {
    EXPECT_NE(reload("zone a 65536 x k; zone a 65536 y k;").find("for a different use"),
              std::string::npos);
    EXPECT_NE(reload("zone a 65536 x k; zone a 65536 x k;").find("is already bound to key \"k\""),
              std::string::npos);
}

TEST_F(ZonesTest, AdoptsFromAnotherProgramWhereEverythingAgrees) {
    EXPECT_EQ(reload("zone a 65536 x k;"), "");
    const ZoneHeirloom old = zones.heirlooms().front();
    Zones next;
    next.inherit(old.key, sys::duplicate(old.fd).value());
    next.inherit("x 1 128 65536 16 foreign", sys::duplicate(old.fd).value());

    const conf::Compiled compiled = compile("zone a 65536 x k;");
    ASSERT_TRUE(next.open(*compiled.generation));
    next.commit(*compiled.generation);

    EXPECT_EQ(sys::file_info(next.heirlooms().front().fd)->inode, memory());
}

}  // namespace
}  // namespace sluice::master
