// SPDX-License-Identifier: BSD-2-Clause
// A client of kv in stream, without a socket: what it is answered, and what memory it holds.
#include "modules/shared/resp_conversation.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "event/loop.h"
#include "modules/shared/kv_conf.h"

namespace sluice::modules {
namespace {

struct RespTest : testing::Test {
    RespTest() { EXPECT_TRUE(sys::RobustOwner::start(owner)); }

    /// The bytes come; what is answered goes, `piece` bytes at a time.
    std::string say(std::string_view bytes, std::size_t piece = SIZE_MAX) {
        std::string answer;
        while (true) {
            while (!client->to_send().empty()) {
                const std::string_view out = client->to_send().substr(0, piece);
                answer += out;
                client->sent(out.size());
            }
            if (bytes.empty() || client->is_over()) {
                return answer;
            }
            const std::span<char> room = client->room();
            EXPECT_FALSE(room.empty());
            const std::size_t count = std::min(room.size(), bytes.size());
            bytes.copy(room.data(), count);
            bytes.remove_prefix(count);
            client->heard(count);
        }
    }

    static std::string bulk(std::string_view text) {
        return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
    }

    static std::string request(std::initializer_list<std::string_view> words) {
        std::string out = "*" + std::to_string(words.size()) + "\r\n";
        for (const std::string_view word : words) {
            out += bulk(word);
        }
        return out;
    }

    shm::Zone zone = shm::Zone::create(kPairs, {.bytes = 8 << 20, .shards = 4}).value();
    sys::RobustOwner owner;
    shm::ZoneUser user{zone, owner};
    std::unique_ptr<event::Loop> loop = event::Loop::create().value();
    std::unique_ptr<RespWorker> worker = std::make_unique<RespWorker>(*loop, nullptr);
    std::unique_ptr<RespConversation> client =
        std::make_unique<RespConversation>(*worker, user, SIZE_MAX, 7);
};

TEST_F(RespTest, AnswersAllThatHasComeAtOnce) {
    const std::string input = request({"SET", "a", "1"}) + "INCR a\r\n" + request({"get", "a"});
    std::ranges::copy(input, client->room().begin());

    client->heard(input.size());

    EXPECT_EQ(client->to_send(), "+OK\r\n:2\r\n$1\r\n2\r\n");
}

TEST_F(RespTest, KeepsValuesOfAnySizeAndAnyBytes) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{8}, std::size_t{9},
                                   std::size_t{10}, std::size_t{99}, std::size_t{100},
                                   std::size_t{511}, std::size_t{513}, std::size_t{5000},
                                   std::size_t{70'000}, std::size_t{400'000}}) {
        std::string value(size, 'x');
        for (std::size_t i = 0; i < size; ++i) {
            value[i] = static_cast<char>(static_cast<unsigned char>(i * 7 % 251));
        }
        const std::string key("k\0\r\n", 4);
        EXPECT_EQ(say(request({"SET", key, value})), "+OK\r\n");
        EXPECT_EQ(say(request({"GET", key})), bulk(value)) << size;
        EXPECT_EQ(say(request({"STRLEN", key})), ":" + std::to_string(size) + "\r\n");
        EXPECT_EQ(say(request({"MGET", key, "none", key})),
                  "*3\r\n" + bulk(value) + "$-1\r\n" + bulk(value));
        EXPECT_EQ(say(request({"SET", key, "new", "GET"})), bulk(value));
        EXPECT_EQ(say(request({"GETDEL", key})), bulk("new"));
    }
}

TEST_F(RespTest, RefusesValuesThatNoShardHasRoomFor) {
    const std::size_t most = zone.largest_value(0) - 1;
    const std::string largest(most - 8, 'x');

    EXPECT_EQ(say(request({"SET", "k", largest})), "+OK\r\n");
    EXPECT_EQ(say(request({"APPEND", "k", "123456789"})),
              "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
    EXPECT_EQ(say(request({"STRLEN", "k"})), ":" + std::to_string(most - 8) + "\r\n");
    EXPECT_EQ(say(request({"SET", std::string(65536, 'k'), "1"})),
              "-ERR key exceeds maximum allowed size (65535 bytes)\r\n");
    EXPECT_EQ(say("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$" + std::to_string(most + 1) + "\r\n"),
              "-ERR Protocol error: invalid bulk length\r\n");
    EXPECT_TRUE(client->is_over());
    EXPECT_EQ(client->complaint(), "invalid bulk length");
}

TEST_F(RespTest, AppendsSmallAndLarge) {
    std::string expected;
    for (int i = 0; i < 30; ++i) {
        const std::string more(static_cast<std::size_t>(i * 37), static_cast<char>('a' + i % 26));
        expected += more;
        EXPECT_EQ(say(request({"APPEND", "k", more})),
                  ":" + std::to_string(expected.size()) + "\r\n");
    }
    EXPECT_EQ(say(request({"GET", "k"})), bulk(expected));
}

TEST_F(RespTest, WritesNoMoreThanTheClientTakes) {
    const std::string value(100'000, 'v');
    EXPECT_EQ(say(request({"SET", "k", value})), "+OK\r\n");
    std::string input;
    for (int i = 0; i < 200; ++i) {
        input += request({"GET", "k"});
    }
    std::ranges::copy(input, client->room().begin());

    client->heard(input.size());
    EXPECT_LT(client->to_send().size(), 2 * value.size());  // 200 replies would be 20 MB
    const std::string answer = say("", 10'000);

    EXPECT_EQ(answer.size(), 200 * bulk(value).size());
}

TEST_F(RespTest, PausesAReplyOfManyValues) {
    const std::string value(20'000, 'v');
    EXPECT_EQ(say(request({"SET", "k", value})), "+OK\r\n");
    std::string input = "MGET";
    std::string expected = "*100\r\n";
    for (int i = 0; i < 100; ++i) {
        input += i % 2 == 0 ? " \"k\"" : " none";
        expected += i % 2 == 0 ? bulk(value) : "$-1\r\n";
    }
    input += "\r\nPING\r\n";
    std::ranges::copy(input, client->room().begin());

    client->heard(input.size());
    EXPECT_LT(client->to_send().size(), 100'000U);

    EXPECT_EQ(say(""), expected + "+PONG\r\n");
}

TEST_F(RespTest, ReadsARequestThatComesByteByByte) {
    const std::string input = request({"SET", "key", std::string(3000, 'x')}) +
                              request({"STRLEN", "key"}) + request({"MGET", "key", "no"});
    std::string answer;
    for (const char c : input) {
        answer += say({&c, 1});
    }

    EXPECT_EQ(answer, "+OK\r\n:3000\r\n*2\r\n" + bulk(std::string(3000, 'x')) + "$-1\r\n");
}

TEST_F(RespTest, ScansEveryKeyOnce) {
    for (int i = 0; i < 500; ++i) {
        EXPECT_EQ(say(request({"SET", "k" + std::to_string(i), std::string(300, 'v')})), "+OK\r\n");
    }
    std::string cursor = "0";
    std::size_t keys = 0;
    int calls = 0;
    do {
        const std::string answer = say(request({"SCAN", cursor, "MATCH", "k*", "COUNT", "20"}));
        const std::size_t at = answer.find("\r\n", 5) + 2;
        cursor = answer.substr(at, answer.find("\r\n", at) - at);
        const std::size_t count_at = answer.find('*', at) + 1;
        keys += std::stoul(answer.substr(count_at));
        ++calls;
    } while (cursor != "0" && calls < 1000);

    EXPECT_EQ(keys, 500U);
    EXPECT_GT(calls, 5);
    EXPECT_EQ(say(request({"KEYS", "k49?"})).substr(0, 5), "*10\r\n");
    EXPECT_EQ(say(request({"DBSIZE"})), ":500\r\n");
    EXPECT_EQ(say(request({"FLUSHDB"}) + request({"DBSIZE"})), "+OK\r\n:0\r\n");
}

TEST_F(RespTest, LeavesOnQuitWithoutAnsweringWhatFollows) {
    EXPECT_EQ(say("PING\r\nQUIT\r\nPING\r\n"), "+PONG\r\n+OK\r\n");
    EXPECT_TRUE(client->is_over());
    EXPECT_EQ(client->complaint(), "");
}

TEST_F(RespTest, KnowsNamesInAnyCaseAndNoOthers) {
    EXPECT_EQ(say("pInG\r\n"), "+PONG\r\n");
    for (const Command& command : resp_commands()) {
        EXPECT_EQ(find_command(command.name), &command);
        EXPECT_EQ(find_command(std::string(command.name) + "x"), nullptr);
        EXPECT_EQ(find_command(std::string(command.name) + " "), nullptr);
    }
    EXPECT_EQ(find_command(""), nullptr);
    EXPECT_EQ(find_command("a-name-that-is-longer-than-any"), nullptr);
}

TEST_F(RespTest, SharesValuesWithHttp) {
    const std::string entry = std::string("\x0a") + "text/plain" + "41";
    EXPECT_EQ(user.put("n", entry, {.now = loop->now()}).outcome, shm::ZoneOutcome::Done);

    EXPECT_EQ(say("GET n\r\nINCR n\r\nAPPEND n 0\r\nSTRLEN n\r\n"),
              "$2\r\n41\r\n:42\r\n:3\r\n:3\r\n");
}

}  // namespace
}  // namespace sluice::modules
