// SPDX-License-Identifier: BSD-2-Clause
// Sockets in custody: opened once, kept over reloads, handed out evenly, closed late.
#include "master/custody.h"

#include <netinet/in.h>
#include <set>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "conf/generation.h"
#include "conf/module.h"
#include "conf/row.h"
#include "master/live_facts.h"
#include "net/address.h"
#include "support/fake_facts.h"
#include "sys/process.h"
#include "sys/socket.h"
#include "temporary_folder.h"

namespace sluice::master {
namespace {

/// A directive that only declares an address: `on KEY [reuseport];`
struct OnConf {};

bool parse_on(conf::Build& build, const conf::Directive& directive, OnConf&) {
    conf::ListenSpec& spec = build.declare_listen(directive.args[0].text);
    spec.options.reuseport = directive.args.size() > 1;
    spec.at = directive.at;
    return true;
}

constexpr conf::Row kRows[] = {
    conf::row_fn<OnConf, &parse_on>("on", conf::kMain, conf::take_range(1, 2), "Listens.")
        .repeats(),
};
constexpr conf::ConfKind kKind = conf::kind<OnConf>("on", kRows);
constexpr conf::Module kModule{"on", &kKind};
constexpr const conf::Module* kModules[] = {&kModule};

/// Gives the identities of custody.
class TextFacts final : public conf::FakeFacts {
  public:
    ListenerId listener_id(std::string_view key) override { return ids.listener(key); }

    SinkId sink_id(std::string_view target) override { return ids.sink(target); }

    ZoneId zone_id(std::string_view key) override { return ids.zone(key); }

    Counting counting{{}};
    master::Ids ids{counting};
};

struct CustodyTest : testing::Test {
    std::unique_ptr<conf::Generation> generation(const std::string& text) {
        facts.files["/c"] = text;
        conf::Compiled compiled = conf::compile(
            facts,
            {.main_file = "/c", .globals = {}, .number = GenerationNumber{1}, .modules = kModules});
        EXPECT_TRUE(compiled.generation) << (compiled.errors.empty() ? "" : compiled.errors[0]);
        return std::move(compiled.generation);
    }

    std::expected<void, std::vector<std::string>> reload(const std::string& text,
                                                         std::size_t members = 1) {
        const auto next = generation(text);
        auto opened = custody.open(*next, members);
        if (opened) {
            custody.commit(*next);
        }
        return opened;
    }

    /// A port that was free a moment ago.
    static std::string port() {
        const sys::UniqueFd fd = sys::socket(AF_INET, SOCK_STREAM).value();
        const net::Address any = *net::Address::parse("127.0.0.1:0");
        EXPECT_TRUE(sys::bind(fd.get(), any.raw(), any.size()));
        return std::to_string(bound_port(fd.get()));
    }

    static int bound_port(int fd) {
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        EXPECT_TRUE(sys::local_address(fd, &storage, &size));
        return net::Address::from_kernel(storage, size).port();
    }

    static Result<> connect(const std::string& port, sys::UniqueFd& socket) {
        const net::Address to = *net::Address::parse("127.0.0.1:" + port);
        socket = sys::socket(AF_INET, SOCK_STREAM).value();
        const Result<> connected = sys::connect(socket.get(), to.raw(), to.size());
        return connected || connected.error().code == EINPROGRESS ? Result<>{} : connected;
    }

    TextFacts facts;
    Custody custody;
};

TEST_F(CustodyTest, KeepsTheSocketOverReloadsAndLeaksNone) {
    const std::string text = "on 127.0.0.1:" + port() + ";";
    ASSERT_TRUE(reload(text));
    const int fd = custody.shared(false).at(0).fd;
    const std::size_t before = sys::count_open_fds().value();
    for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(reload(text));
    }
    EXPECT_EQ(custody.shared(false).at(0).fd, fd);
    EXPECT_EQ(sys::count_open_fds().value(), before);
}

TEST_F(CustodyTest, RollsBackAllWhenOneAddressIsTaken) {
    const std::string taken = port();
    Custody other;
    const auto theirs = generation("on 127.0.0.1:" + taken + ";");
    ASSERT_TRUE(other.open(*theirs, 1));

    const auto opened = reload("on 127.0.0.1:" + port() + ";\non 127.0.0.1:" + taken + ";");

    ASSERT_FALSE(opened);
    ASSERT_EQ(opened.error().size(), 1U);
    EXPECT_EQ(opened.error()[0],
              "bind() to 127.0.0.1:" + taken + " failed (98: Address already in use) in /c:2");
    EXPECT_EQ(custody.size(), 0U);
}

TEST_F(CustodyTest, MovesBetweenWildcardAndOneAddressInOneReload) {
    const std::string number = port();
    ASSERT_TRUE(reload("on 0.0.0.0:" + number + ";"));
    ASSERT_TRUE(reload("on 127.0.0.1:" + number + ";"));
    EXPECT_EQ(custody.leaving().size(), 1U);
    ASSERT_TRUE(reload("on 0.0.0.0:" + number + ";"));
    custody.close_leaving();
    EXPECT_EQ(custody.size(), 1U);
}

TEST_F(CustodyTest, ALeavingSocketServesItsQueueAndTakesNobodyNew) {
    const std::string number = port();
    ASSERT_TRUE(reload("on 127.0.0.1:" + number + ";"));
    const int fd = custody.shared(false).at(0).fd;
    sys::UniqueFd early;
    sys::UniqueFd late;
    ASSERT_TRUE(connect(number, early));

    ASSERT_TRUE(reload("on 127.0.0.1:" + port() + ";"));
    ASSERT_TRUE(connect(number, late));

    EXPECT_TRUE(sys::accept(fd, nullptr, nullptr));  // loopback: it is queued by now
    EXPECT_EQ(sys::accept(fd, nullptr, nullptr).error().code, EAGAIN);
    ASSERT_EQ(custody.leaving().size(), 1U);
    custody.close_leaving();
    EXPECT_EQ(custody.size(), 1U);
}

TEST_F(CustodyTest, AnAddressThatComesBackInTimeIsGrantedAgain) {
    const std::string text = "on 127.0.0.1:" + port() + ";";
    ASSERT_TRUE(reload(text));
    const int fd = custody.shared(false).at(0).fd;
    ASSERT_TRUE(reload(""));
    const auto again = generation(text);
    ASSERT_TRUE(custody.open(*again, 1));

    custody.close_leaving();  // the timer of the first reload fires in between
    ASSERT_EQ(custody.shared(true).size(), 1U);
    EXPECT_EQ(custody.shared(true)[0].fd, fd);
    custody.commit(*again);
    EXPECT_TRUE(custody.leaving().empty());
    EXPECT_EQ(custody.shared(false).at(0).fd, fd);
}

TEST_F(CustodyTest, GivesEachWorkerItsShareOfAGroupAndReassignsTheDeadOnes) {
    ASSERT_TRUE(reload("on 127.0.0.1:" + port() + " reuseport;", 4));
    EXPECT_TRUE(custody.shared(false).empty());
    const std::vector<ChildId> two = {ChildId{1}, ChildId{2}};

    EXPECT_EQ(custody.rebalance(two).size(), 4U);
    EXPECT_TRUE(custody.rebalance(two).empty());

    const std::vector<ChildId> one = {ChildId{2}};
    const std::vector<Move> moves = custody.rebalance(one);
    ASSERT_EQ(moves.size(), 2U);
    for (const Move& move : moves) {
        EXPECT_EQ(move.to, ChildId{2});
        EXPECT_FALSE(move.from);  // its holder is dead
    }

    const std::vector<ChildId> three = {ChildId{2}, ChildId{3}, ChildId{4}};
    const std::vector<Move> spread = custody.rebalance(three);
    EXPECT_EQ(spread.size(), 2U);
    for (const Move& move : spread) {
        EXPECT_EQ(move.from, ChildId{2});
    }
    EXPECT_TRUE(custody.rebalance(std::vector<ChildId>{}).empty());
}

TEST_F(CustodyTest, AGroupGrowsButNeverShrinks) {
    const std::string text = "on 127.0.0.1:" + port() + " reuseport;";
    ASSERT_TRUE(reload(text, 1));
    ASSERT_TRUE(reload(text, 3));
    EXPECT_EQ(custody.heirlooms().size(), 3U);
    ASSERT_TRUE(reload(text, 2));
    EXPECT_EQ(custody.heirlooms().size(), 3U);
}

TEST_F(CustodyTest, MembersOfAnAddressThatComesBackAreGivenOutAnew) {
    const std::string text = "on udp:127.0.0.1:" + port() + ";";
    const std::vector<ChildId> workers = {ChildId{1}, ChildId{2}};
    ASSERT_TRUE(reload(text, 2));
    EXPECT_EQ(custody.rebalance(workers).size(), 2U);
    ASSERT_TRUE(reload(""));
    EXPECT_TRUE(custody.rebalance(workers).empty());

    ASSERT_TRUE(reload(text, 2));

    const std::vector<Move> moves = custody.rebalance(workers);
    ASSERT_EQ(moves.size(), 2U) << "the workers have closed their copies";
    EXPECT_FALSE(moves[0].from);
    EXPECT_EQ(custody.heirlooms().size(), 2U);
}

TEST_F(CustodyTest, AUnixDatagramSocketIsOneWorkers) {
    const TemporaryFolder folder;
    ASSERT_TRUE(reload("on udp:unix:" + folder.file("s") + ";", 4));

    EXPECT_EQ(custody.heirlooms().size(), 1U);
    EXPECT_EQ(custody.rebalance(std::vector<ChildId>{ChildId{1}, ChildId{2}}).size(), 1U);
}

TEST_F(CustodyTest, UsesWhatItInheritsAndClosesTheRest) {
    const std::string number = port();
    const std::string key = "127.0.0.1:" + number;
    sys::UniqueFd old = sys::socket(AF_INET, SOCK_STREAM).value();
    const int raw = old.get();
    custody.inherit(key, 0, std::move(old));
    custody.inherit("127.0.0.1:1", 0, sys::socket(AF_INET, SOCK_STREAM).value());
    const std::size_t before = sys::count_open_fds().value();

    ASSERT_TRUE(reload("on " + key + ";"));
    custody.drop_unclaimed();

    EXPECT_EQ(custody.shared(false).at(0).fd, raw);
    EXPECT_EQ(sys::count_open_fds().value(), before - 1);
}

TEST_F(CustodyTest, RemovesTheFileOfAUnixSocketThatLeft) {
    const TemporaryFolder folder;
    const std::string path = folder.file("s");
    ASSERT_TRUE(reload("on unix:" + path + ";"));
    EXPECT_TRUE(std::filesystem::exists(path));
    ASSERT_TRUE(reload(""));
    custody.close_leaving();
    EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace sluice::master
