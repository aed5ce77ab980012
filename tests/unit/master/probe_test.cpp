// SPDX-License-Identifier: BSD-2-Clause
// URLs and status lines of --probe.
#include "master/probe.h"

#include <gtest/gtest.h>

namespace sluice::master {
namespace {

TEST(Probe, TakesAUrlApart) {
    const auto full = parse_probe_url("http://localhost:8080/a/b?c=d#e");
    ASSERT_TRUE(full);
    EXPECT_EQ(full->host, "localhost");
    EXPECT_EQ(full->port, 8080);
    EXPECT_EQ(full->path, "/a/b?c=d");

    const auto v6 = parse_probe_url("HTTP://[::1]");
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->host, "[::1]");
    EXPECT_EQ(v6->port, 80);
    EXPECT_EQ(v6->path, "/");

    EXPECT_EQ(parse_probe_url("http://h?x")->path, "/?x");
}

TEST(Probe, RefusesWhatItCannotAsk) {
    for (const char* url : {"", "https://a/", "http://", "http://a:0/", "http://a:99999/",
                            "http://a:x/", "http://u@a/", "http://a/\r\nX: y", "/a"}) {
        EXPECT_FALSE(parse_probe_url(url)) << url;
    }
}

TEST(Probe, ReadsTheStatus) {
    EXPECT_EQ(parse_status("HTTP/1.1 204 No Content\r\n"), 204);
    EXPECT_EQ(parse_status("HTTP/1.0 500 "), 500);
    EXPECT_EQ(parse_status("HTTP/1.1 2"), std::nullopt);
    EXPECT_EQ(parse_status("HTTP/1.1 abc x"), std::nullopt);
    EXPECT_EQ(parse_status("SSH-2.0-OpenSSH"), std::nullopt);
}

}  // namespace
}  // namespace sluice::master
