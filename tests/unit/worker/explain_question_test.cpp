// SPDX-License-Identifier: BSD-2-Clause
// URLs and what is asked for them.
#include "worker/explain_question.h"

#include <gtest/gtest.h>

namespace sluice::worker {
namespace {

Question about(const std::string& url) {
    Question question;
    question.url = url;
    EXPECT_TRUE(take_apart(question)) << url;
    return question;
}

TEST(ExplainQuestion, TakesUrlsApart) {
    const Question plain = about("http://a.example/x?y=1#z");
    const Question port = about("HTTP://a.example:8080");
    const Question query = about("http://a.example?q");
    const Question literal = about("http://[::1]:81/");

    EXPECT_EQ(plain.authority, "a.example");
    EXPECT_EQ(plain.target, "/x?y=1");
    EXPECT_EQ(plain.port, 80);
    EXPECT_EQ(port.authority, "a.example:8080");
    EXPECT_EQ(port.host, "a.example");
    EXPECT_EQ(port.port, 8080);
    EXPECT_EQ(port.target, "/");
    EXPECT_EQ(query.target, "/?q");
    EXPECT_EQ(literal.host, "::1");
    EXPECT_EQ(literal.port, 81);
}

TEST(ExplainQuestion, RefusesWhatNoClientCouldAsk) {
    for (const char* const url :
         {"", "/x", "a.example", "https://a/", "ftp://a/", "http://", "http://:80/", "http://a:/",
          "http://a:0/", "http://a:65536/", "http://a:x/", "http://u@a/", "http://a/ b", "http://[::1/",
          "http://a/\n"}) {
        Question question;
        question.url = url;
        EXPECT_FALSE(take_apart(question)) << url;
    }
}

TEST(ExplainQuestion, MakesHeads) {
    Question question = about("http://a.example:81/x");

    EXPECT_EQ(*head_of(question), "GET /x HTTP/1.1\r\nHost: a.example:81\r\n\r\n");
    question.fields = {"hOst: b", "X: y"};
    question.method = "POST";
    EXPECT_EQ(*head_of(question), "POST /x HTTP/1.1\r\nhOst: b\r\nX: y\r\n\r\n");
    question.fields = {"X: y\r\nZ: a"};
    EXPECT_FALSE(head_of(question));
    question.fields = {"no colon"};
    EXPECT_FALSE(head_of(question));
    question.fields = {};
    question.method = "G T";
    EXPECT_FALSE(head_of(question));
}

}  // namespace
}  // namespace sluice::worker
