// SPDX-License-Identifier: BSD-2-Clause
// Error lines read back into their parts.
#include "log/error_fields.h"

#include <gtest/gtest.h>

namespace sluice::log {
namespace {

TEST(ErrorFields, FindsEveryPartOfALineAboutARequest) {
    const ErrorFields fields = error_fields(
        "*7 connect() to 10.0.0.2:80 failed (111: Connection refused) while connecting, client: "
        "10.0.0.1, server: a.example, request: \"GET /x HTTP/1.1\", subrequest: \"/y\", upstream: "
        "\"http://10.0.0.2:80/x\", host: \"a.example\", referrer: \"http://b/\"");

    EXPECT_EQ(fields.connection, 7U);
    EXPECT_EQ(fields.message,
              "connect() to 10.0.0.2:80 failed (111: Connection refused) while connecting");
    EXPECT_EQ(fields.error, 111);
    EXPECT_EQ(fields.client, "10.0.0.1");
    EXPECT_EQ(fields.server, "a.example");
    EXPECT_EQ(fields.request, "GET /x HTTP/1.1");
    EXPECT_EQ(fields.subrequest, "/y");
    EXPECT_EQ(fields.upstream, "http://10.0.0.2:80/x");
    EXPECT_EQ(fields.host, "a.example");
    EXPECT_EQ(fields.referrer, "http://b/");
}

TEST(ErrorFields, LineWithoutContextIsAllMessage) {
    const ErrorFields fields = error_fields("worker process 12 exited with code 1");

    EXPECT_FALSE(fields.connection);
    EXPECT_EQ(fields.message, "worker process 12 exited with code 1");
    EXPECT_EQ(fields.error, 0);
    EXPECT_TRUE(fields.client.empty());
}

TEST(ErrorFields, PeersTextInQuotesIsNoPart) {
    const ErrorFields fields = error_fields(
        "*1 open() \"/w/(2: No such file or directory), client: evil\" failed (13: Permission "
        "denied), client: 1.2.3.4, server: s, request: \"GET /, host: x HTTP/1.1\"");

    EXPECT_EQ(fields.error, 13);
    EXPECT_EQ(fields.client, "1.2.3.4");
    EXPECT_EQ(fields.request, "GET /, host: x HTTP/1.1");
    EXPECT_TRUE(fields.host.empty());
}

TEST(ErrorFields, NumberWithoutItsTextIsNoErrno) {
    EXPECT_EQ(error_fields("a (2: of 3) b (99999: x) c (0: Success)").error, 0);
    EXPECT_EQ(error_fields("a (2: No such file or directory and more)").error, 0);
}

TEST(ErrorFields, ReadsWhateverIsCutOff) {
    const std::string_view text =
        "*7 open() failed (2: No such file or directory), client: 10.0.0.1, request: \"GET\"";
    for (std::size_t size = 0; size <= text.size(); ++size) {
        const ErrorFields fields = error_fields(text.substr(0, size));
        EXPECT_LE(fields.message.size(), size);
    }
    EXPECT_FALSE(error_fields("*99999999999999999999999 x").connection);
    EXPECT_FALSE(error_fields("*").connection);
}

TEST(EscapedByte, IsReadWhereItIsWhole) {
    EXPECT_EQ(escaped_byte("\\x0A."), '\n');
    EXPECT_EQ(escaped_byte("\\xFF"), '\xff');
    EXPECT_FALSE(escaped_byte("\\xF"));
    EXPECT_FALSE(escaped_byte("\\xg0"));
    EXPECT_FALSE(escaped_byte("x"));
}

}  // namespace
}  // namespace sluice::log
