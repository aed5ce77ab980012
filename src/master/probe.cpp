// SPDX-License-Identifier: BSD-2-Clause
// One HTTP GET.
// Runs in: any (the command line).
#include "master/probe.h"

#include <algorithm>
#include <array>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/error.h"
#include "log/log.h"
#include "net/address.h"
#include "sys/clock.h"
#include "sys/epoll.h"
#include "sys/file.h"
#include "sys/resolve.h"
#include "sys/socket.h"

namespace sluice::master {

namespace {

constexpr std::string_view kScheme = "http://";
/// "HTTP/1.1 200"
constexpr std::size_t kStatusEnd = 12;

class Deadline {
  public:
    explicit Deadline(Millis limit) : at_(sys::monotonic_now() + limit) {}

    /// Waits until `fd` is ready for `events`.
    [[nodiscard]] Result<> wait(int fd, std::uint32_t events) const {
        const sys::UniqueFd epoll = TRY(sys::epoll_create());
        TRY(sys::epoll_add(epoll.get(), fd, events, nullptr));
        std::array<epoll_event, 1> ready{};
        for (;;) {
            const Millis left = at_ - sys::monotonic_now();
            if (left.count() <= 0) {
                return fail("waiting", ETIMEDOUT);
            }
            if (TRY(sys::epoll_wait(epoll.get(), ready, left)) > 0) {
                return {};
            }
        }
    }

  private:
    Millis at_;
};

Result<sys::UniqueFd> connect_to(const net::Address& address, const Deadline& deadline) {
    sys::UniqueFd socket = TRY(sys::socket(address.family(), SOCK_STREAM));
    const Result<> connected = sys::connect(socket.get(), address.raw(), address.size());
    if (!connected && connected.error().code != EINPROGRESS) {
        return std::unexpected(connected.error());
    }
    TRY(deadline.wait(socket.get(), EPOLLOUT));
    const int code = TRY(sys::get_option(socket.get(), SOL_SOCKET, SO_ERROR));
    if (code != 0) {
        return fail("connect()", code);
    }
    return socket;
}

Result<std::string> head_of_reply(int socket,
                                  const std::string& request,
                                  const Deadline& deadline) {
    TRY(sys::send(socket, request));  // a fresh socket takes so few bytes at once
    std::string reply;
    std::array<char, 1024> bytes{};
    while (reply.size() < kStatusEnd) {
        TRY(deadline.wait(socket, EPOLLIN));
        const sys::Transfer got = TRY(sys::recv(socket, bytes));
        if (got.is_end) {
            break;
        }
        reply.append(bytes.data(), got.size);
    }
    return reply;
}

Result<int> ask_status(const ProbeTarget& target, const Deadline& deadline) {
    const std::string request = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: sluice-probe\r\n"
        "Connection: close\r\n\r\n",
        target.path, target.host);
    std::vector<std::string> hosts;
    if (net::Address::parse(fmt::format("{}:{}", target.host, target.port))) {
        hosts = {target.host};
    } else {
        hosts = TRY(sys::resolve_host(target.host.c_str()));
    }
    Error last{"resolving", ENOENT};
    for (const std::string& host : hosts) {
        const auto address = net::Address::parse(fmt::format("{}:{}", host, target.port));
        if (!address) {
            continue;
        }
        const Result<sys::UniqueFd> socket = connect_to(*address, deadline);
        if (!socket) {
            last = socket.error();
            continue;
        }
        const std::string reply = TRY(head_of_reply(socket->get(), request, deadline));
        const std::optional<int> status = parse_status(reply);
        return status ? Result<int>(*status) : fail("reading the reply", EPROTO);
    }
    return std::unexpected(last);
}

}  // namespace

std::optional<ProbeTarget> parse_probe_url(std::string_view url) {
    if (!equals_ignoring_case(url.substr(0, kScheme.size()), kScheme)) {
        return std::nullopt;
    }
    url.remove_prefix(kScheme.size());
    ProbeTarget out;
    const std::size_t slash = std::min(url.find_first_of("/?#"), url.size());
    std::string_view authority = url.substr(0, slash);
    if (std::string_view rest = url.substr(slash, url.find('#') - slash); !rest.empty()) {
        out.path = (rest.front() == '/' ? "" : "/") + std::string(rest);
    }
    const std::size_t bracket = authority.rfind(']');
    const std::size_t colon = authority.rfind(':');
    if (colon != authority.npos && (bracket == authority.npos || colon > bracket)) {
        const std::optional<std::uint64_t> port = parse_decimal(authority.substr(colon + 1));
        if (!port || *port == 0 || *port > 0xffff) {
            return std::nullopt;
        }
        out.port = static_cast<std::uint16_t>(*port);
        authority = authority.substr(0, colon);
    }
    const auto is_bad = [](char c) { return c <= ' ' || c == '@' || c == 0x7f; };
    if (authority.empty() || std::any_of(authority.begin(), authority.end(), is_bad) ||
        std::any_of(out.path.begin(), out.path.end(), [](char c) { return c <= ' '; })) {
        return std::nullopt;
    }
    out.host = authority;
    return out;
}

std::optional<int> parse_status(std::string_view response) {
    if (response.size() < kStatusEnd || !response.starts_with("HTTP/1.") || response[8] != ' ') {
        return std::nullopt;
    }
    const std::optional<std::uint64_t> code = parse_decimal(response.substr(9, 3));
    return code && *code >= 100 ? std::optional(static_cast<int>(*code)) : std::nullopt;
}

int probe(std::string_view url, Millis limit) {
    const auto print = [](const std::string& text) {
        static_cast<void>(sys::write_all(2, "sluice: " + text + "\n"));
    };
    const std::optional<ProbeTarget> target = parse_probe_url(url);
    if (!target) {
        print(fmt::format("invalid URL \"{}\" of --probe, expected http://host[:port]/path", url));
        return 1;
    }
    const Result<int> status = ask_status(*target, Deadline(limit));
    if (!status) {
        print(fmt::format("probe of {}: {}", url, log::Failure{status.error()}));
        return 1;
    }
    if (*status < 200 || *status >= 400) {
        print(fmt::format("probe of {}: status {}", url, *status));
        return 1;
    }
    return 0;
}

}  // namespace sluice::master
