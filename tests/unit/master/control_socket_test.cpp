// SPDX-License-Identifier: BSD-2-Clause
// The control socket answers each client with the outcome of its own run, and is private.
#include "master/control_socket.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <thread>

#include <gtest/gtest.h>

#include "sys/file.h"
#include "temporary_folder.h"

namespace sluice::master {
namespace {

struct ControlSocketTest : testing::Test {
    TemporaryFolder folder;
    std::unique_ptr<event::Loop> loop = event::Loop::create().value();
    std::optional<std::uint64_t> next = 5;
    int asked = 0;
    ControlSocket control{*loop,
                          {.owner = this,
                           .on_reload =
                               [](void* self) {
                                   ++static_cast<ControlSocketTest*>(self)->asked;
                                   return static_cast<ControlSocketTest*>(self)->next;
                               },
                           .on_question =
                               [](void* self, std::string_view question) {
                                   return static_cast<ControlSocketTest*>(self)->reply_to(question);
                               },
                           .on_configuration =
                               [](void* self) {
                                   return ControlSocket::Handout{
                                       static_cast<ControlSocketTest*>(self)->handed_out,
                                       "1 2 3 -"};
                               }}};
    int handed_out = -1;
    std::string path = folder.file("x.ctl");
    bool is_order_done = false;

    std::optional<std::string> reply_to(std::string_view question) {
        ++asked;
        if (question != "workers=3") {
            return "error\nunknown request\n";
        }
        return is_order_done ? std::optional<std::string>("ok 3\n") : std::nullopt;
    }

    template <class Done>
    void turn_until(Done done) {
        for (int i = 0; i < 1000 && !done(); ++i) {
            ASSERT_TRUE(loop->run_once(Millis{20}));
        }
    }
};

TEST_F(ControlSocketTest, AnswersOnlyTheRunThatWasAskedFor) {
    ASSERT_TRUE(control.open(path));
    Result<std::string> answer;
    std::atomic<bool> is_done = false;
    std::thread client([&] {
        answer = ask(path, "reload\n", Millis{10000});
        is_done = true;
    });
    turn_until([&] { return asked == 1; });

    control.answer(4, "ok 4\n");
    EXPECT_FALSE(is_done);
    control.answer(5, "ok 5\n");
    client.join();

    EXPECT_EQ(answer, "ok 5\n");
}

TEST_F(ControlSocketTest, AnswersAQuestionWhenItCanBeAnswered) {
    ASSERT_TRUE(control.open(path));
    Result<std::string> answer;
    std::atomic<bool> is_done = false;
    std::thread client([&] {
        answer = ask(path, "workers=3\n", Millis{10000});
        is_done = true;
    });
    turn_until([&] { return asked == 1; });
    EXPECT_FALSE(is_done);

    is_order_done = true;
    control.ask_again();
    turn_until([&] { return is_done.load(); });
    client.join();

    EXPECT_EQ(answer, "ok 3\n");
    EXPECT_EQ(asked, 2);
}

TEST_F(ControlSocketTest, HandsOutTheConfigurationForReadingOnly) {
    const std::string file = folder.file("bundle");
    const auto bundle = sys::open(file.c_str(), O_RDWR | O_CREAT, 0600);
    ASSERT_TRUE(bundle && sys::write_all(bundle->get(), std::string_view("bytes")));
    handed_out = bundle->get();
    ASSERT_TRUE(control.open(path));
    Result<Answer> answer;
    std::atomic<bool> is_done = false;
    std::thread client([&] {
        answer = ask_for_fd(path, "configuration\n", Millis{10000});
        is_done = true;
    });
    turn_until([&] { return is_done.load(); });
    client.join();

    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->text, "ok 1 2 3 -\n");
    char bytes[8] = {};
    const auto got = sys::read_at(answer->fd.get(), bytes, 0);
    ASSERT_TRUE(got);
    EXPECT_EQ(std::string_view(bytes, got->size), "bytes");
    EXPECT_FALSE(sys::write_all(answer->fd.get(), std::string_view("x")));
}

TEST_F(ControlSocketTest, RefusesWhenNoOrdersAreTakenAndUnknownRequests) {
    next.reset();
    ASSERT_TRUE(control.open(path));
    std::vector<std::string> answers;
    std::atomic<bool> is_done = false;
    std::thread client([&] {
        answers.push_back(ask(path, "reload\n", Millis{10000}).value_or(""));
        answers.push_back(ask(path, "destroy\n", Millis{10000}).value_or(""));
        is_done = true;
    });
    turn_until([&] { return is_done.load(); });
    client.join();

    ASSERT_EQ(answers.size(), 2U);
    EXPECT_TRUE(answers[0].starts_with("error\n"));
    EXPECT_EQ(answers[1], "error\nunknown request\n");
    EXPECT_EQ(asked, 2);
}

TEST_F(ControlSocketTest, IsPrivateMovesAndGoes) {
    ASSERT_TRUE(control.open(path));
    struct stat info{};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);

    const std::string other = folder.file("x.oldbin.ctl");
    ASSERT_TRUE(control.move_to(other));
    EXPECT_FALSE(std::filesystem::exists(path));
    control.close();
    EXPECT_FALSE(std::filesystem::exists(other));
}

TEST_F(ControlSocketTest, SaysThatNobodyAnswers) {
    EXPECT_EQ(ask(path, "reload\n", Millis{100}).error().code, ENOENT);
}

}  // namespace
}  // namespace sluice::master
