// SPDX-License-Identifier: BSD-2-Clause
// Reading of syslog parameters.
// Runs in: any.
#include "log/syslog_spec.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/ascii.h"
#include "conf/listen_address.h"
#include "log/level.h"

namespace sluice::log {

namespace {

constexpr int kSyslogPort = 514;
constexpr std::size_t kMaxTag = 32;  // RFC 3164 §4.1.3
constexpr std::array<std::string_view, 24> kFacilities = {
    "kern",   "user",   "mail",   "daemon", "auth",   "intern", "lpr",    "news",
    "uucp",   "clock",  "authpriv", "ftp",  "ntp",    "audit",  "alert",  "cron",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"};

class Reader {
  public:
    Reader(conf::Build& build, const conf::Argument& at, conf::SyslogSpec& out)
        : build_(build), at_(at), out_(out) {}

    bool run(std::string_view parameters) {
        for (;;) {
            const std::size_t comma = parameters.find(',');
            if (!read(parameters.substr(0, comma))) {
                return false;
            }
            if (comma == std::string_view::npos) {
                return finish();
            }
            parameters.remove_prefix(comma + 1);
        }
    }

  private:
    bool refuse(std::string text, std::string expected = {}) {
        return build_.error(at_, std::move(text), std::move(expected));
    }

    bool read(std::string_view parameter) {
        const std::size_t equals = parameter.find('=');
        const std::string_view name = parameter.substr(0, equals);
        if (equals == std::string_view::npos) {
            return read_flag(parameter);
        }
        const std::string_view value = parameter.substr(equals + 1);
        if (name == "server") {
            return once(has_server_, name) && read_server(value);
        }
        if (name == "facility") {
            return once(has_facility_, name) && read_facility(value);
        }
        if (name == "severity") {
            return once(has_severity_, name) && read_severity(value);
        }
        if (name == "tag") {
            return once(has_tag_, name) && read_tag(value);
        }
        if (name == "rfc" && (value == "3164" || value == "5424")) {
            out_.is_rfc5424 = value == "5424";
            return true;
        }
        if (name == "framing" && (value == "octets" || value == "newline")) {
            has_framing_ = true;
            out_.counts_octets = value == "octets";
            return true;
        }
        return unknown(parameter);
    }

    bool read_flag(std::string_view parameter) {
        if (parameter == "nohostname") {
            has_host_ = false;
            return true;
        }
        if (parameter == "tcp") {
            out_.is_stream = true;
            return true;
        }
        return unknown(parameter);
    }

    bool unknown(std::string_view parameter) {
        return refuse("unknown syslog parameter \"" + std::string(parameter) + "\"",
                      "server=address, facility=, severity=, tag=, nohostname, rfc=3164 or 5424, "
                      "tcp, framing=octets or newline");
    }

    bool once(bool& has, std::string_view name) {
        if (has) {
            return refuse("duplicate syslog \"" + std::string(name) + "\"");
        }
        has = true;
        return true;
    }

    bool read_server(std::string_view value) {
        const auto wrong = [&](std::string_view what) {
            return refuse(std::string(what) + " in syslog server \"" + std::string(value) + "\"",
                          "host:port, or unix:/path");
        };
        if (value.empty()) {
            return wrong("no host");
        }
        if (value == "unix:") {
            return wrong("no path in the unix domain socket");
        }
        const auto keys = conf::listen_keys(value, kSyslogPort, build_.facts());
        if (!keys) {
            const std::string_view text = keys.error();
            return wrong(text.substr(0, text.find(" in \"")));
        }
        out_.address = build_.arena().copy(keys->front());
        return true;
    }

    bool read_facility(std::string_view value) {
        const auto found = std::ranges::find(kFacilities, value);
        if (found == kFacilities.end()) {
            return refuse("unknown syslog facility \"" + std::string(value) + "\"",
                          "user, daemon, local0 … local7 and the like");
        }
        out_.facility = static_cast<std::uint8_t>(found - kFacilities.begin());
        return true;
    }

    bool read_severity(std::string_view value) {
        const auto level = level_named(value);
        if (!level) {
            return refuse("unknown syslog severity \"" + std::string(value) + "\"",
                          "one of emerg, alert, crit, error, warn, notice, info, debug");
        }
        out_.severity = static_cast<std::uint8_t>(*level);
        return true;
    }

    bool read_tag(std::string_view value) {
        if (value.size() > kMaxTag) {
            return refuse("syslog tag length exceeds 32");
        }
        const auto is_plain = [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                   c == '_';
        };
        if (!std::ranges::all_of(value, is_plain)) {
            return refuse("syslog \"tag\" only allows alphanumeric characters and underscore");
        }
        out_.tag = value;
        return true;
    }

    bool finish() {
        if (!has_server_) {
            return refuse("no syslog server specified", "server=host:port or server=unix:/path");
        }
        if (!has_tag_) {
            out_.tag = build_.is_compat() ? "nginx" : "sluice";
        }
        if (has_host_) {
            std::string host = build_.facts().host_name();
            std::ranges::transform(host, host.begin(), [](char c) { return to_lower(c); });
            out_.host = build_.arena().copy(host);
        }
        if (!has_framing_) {
            // RFC 6587 §3.4: a line feed is what receivers of the old format expect.
            out_.counts_octets = out_.is_rfc5424;
        }
        return true;
    }

    conf::Build& build_;
    const conf::Argument& at_;
    conf::SyslogSpec& out_;
    bool has_server_ = false;
    bool has_facility_ = false;
    bool has_severity_ = false;
    bool has_tag_ = false;
    bool has_host_ = true;
    bool has_framing_ = false;
};

}  // namespace

bool parse_syslog(conf::Build& build, const conf::Argument& target, conf::SyslogSpec& out) {
    return Reader(build, target, out).run(target.text.substr(std::string_view("syslog:").size()));
}

}  // namespace sluice::log
