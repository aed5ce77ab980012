// SPDX-License-Identifier: BSD-2-Clause
// Headers of syslog messages, byte by byte.
#include "logger/syslog_header.h"

#include <string>

#include <gtest/gtest.h>

#include "sys/clock.h"

namespace sluice::logger {
namespace {

ipc::SyslogEntry entry() {
    return {.address = "127.0.0.1:514",
            .tag = "web",
            .host = "box",
            .facility = 23,
            .severity = 6,
            .is_stream = false,
            .is_rfc5424 = false,
            .counts_octets = false};
}

/// 2024-02-09 03:04:05.678 UTC, in what is local time here.
Millis ninth_of_february() {
    const UnixSeconds utc(1'707'447'845);
    return Millis(utc) - Millis(UnixSeconds(sys::utc_offset_seconds(utc))) + Millis(678);
}

std::string header(const ipc::SyslogEntry& how, const SyslogHeader::Fields& fields) {
    std::string out;
    SyslogHeader(how).append(out, fields);
    return out;
}

TEST(SyslogHeader, Rfc3164HasLocalTimeWithAPaddedDay) {
    const SyslogHeader::Fields fields{.severity = 3, .wall = ninth_of_february(), .pid = 5};

    EXPECT_EQ(header(entry(), fields), "<187>Feb  9 03:04:05 box web: ");
}

TEST(SyslogHeader, Rfc3164WithoutHost) {
    ipc::SyslogEntry nameless = entry();
    nameless.host.clear();

    EXPECT_EQ(header(nameless, {.severity = 6, .wall = ninth_of_february(), .pid = 0}),
              "<190>Feb  9 03:04:05 web: ");
}

TEST(SyslogHeader, TheTimeFollowsTheSecond) {
    SyslogHeader syslog(entry());
    std::string out;

    syslog.append(out, {.severity = 6, .wall = ninth_of_february(), .pid = 0});
    out.clear();
    syslog.append(out, {.severity = 6, .wall = ninth_of_february() + Millis(1000), .pid = 0});

    EXPECT_EQ(out, "<190>Feb  9 03:04:06 box web: ");
}

TEST(SyslogHeader, Rfc5424HasUtcWithMillisecondsAndNilValues) {
    ipc::SyslogEntry modern = entry();
    modern.is_rfc5424 = true;
    const Millis wall = Millis(UnixSeconds(1'707'447'845)) + Millis(7);

    EXPECT_EQ(header(modern, {.severity = 3, .wall = wall, .pid = 42}),
              "<187>1 2024-02-09T03:04:05.007Z box web 42 - - ");
    modern.host.clear();
    EXPECT_EQ(header(modern, {.severity = 6, .wall = wall, .pid = 0}),
              "<190>1 2024-02-09T03:04:05.007Z - web - - - ");
}

}  // namespace
}  // namespace sluice::logger
