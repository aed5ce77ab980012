// SPDX-License-Identifier: BSD-2-Clause
// The promise of `is_number`, over every variable of the registry: whatever the subject, the value is
// a number as JSON writes it (but for zeros in front), or there is none. Log lines neither quote nor
// escape such values.
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "log/json_text.h"
#include "net/proxy_protocol.h"
#include "proto/http/exchange.h"
#include "proto/stream/session.h"
#include "registry/registry.h"
#include "script/variable.h"

namespace sluice {
namespace {

constexpr auto kMost64 = std::numeric_limits<std::int64_t>::max();
constexpr auto kMost32 = std::numeric_limits<std::uint32_t>::max();

/// What a wire knows of its connection, whichever protocol it carries.
struct Facts {
    net::Address peer;
    net::Address local;
    std::uint64_t connection = 0;
    std::uint32_t request = 0;
    Millis age{};
    std::optional<sys::TcpFacts> tcp;
    std::optional<net::ProxyHeader> header;
};

Facts nothing_known() {
    return {};
}

Facts addresses(std::string_view peer, std::string_view local) {
    Facts facts;
    facts.peer = *net::Address::parse(peer);
    facts.local = *net::Address::parse(local);
    facts.header = net::ProxyHeader{.client = net::PeerAddress(facts.local),
                                    .server = net::PeerAddress(facts.peer),
                                    .tlvs = {}};
    return facts;
}

Facts largest() {
    Facts facts = addresses("[::1]:65535", "255.255.255.255:65535");
    facts.connection = std::numeric_limits<std::uint64_t>::max();
    facts.request = kMost32;
    facts.age = Millis(kMost64);
    facts.tcp = sys::TcpFacts{kMost32, kMost32, kMost32, kMost32};
    return facts;
}

template <class Base>
class FixedWire : public Base {
  public:
    explicit FixedWire(Facts facts) : facts_(std::move(facts)) {}

    [[nodiscard]] const net::Address& peer() const override { return facts_.peer; }

    [[nodiscard]] const net::Address& local() const override { return facts_.local; }

    [[nodiscard]] std::uint64_t connection_number() const override { return facts_.connection; }

    [[nodiscard]] Millis age() const override { return facts_.age; }

    [[nodiscard]] std::optional<sys::TcpFacts> tcp() const override { return facts_.tcp; }

    [[nodiscard]] const net::ProxyHeader* proxied() const override {
        return facts_.header ? &*facts_.header : nullptr;
    }

  protected:
    ~FixedWire() = default;

    Facts facts_;
};

class HttpWire final : public FixedWire<http::Wire> {
  public:
    using FixedWire::FixedWire;

    void reply_ready(http::Exchange&) override {}
    void wake(http::Exchange&) override {}

    [[nodiscard]] std::uint32_t request_number() const override { return facts_.request; }
};

class StreamWire final : public FixedWire<stream::Wire> {
  public:
    using FixedWire::FixedWire;

    [[nodiscard]] bool is_datagram() const override { return false; }

    [[nodiscard]] std::string_view preread() const override { return {}; }
    void connect(const net::Address&, const net::ConnectOptions&, const stream::ConnectPlan&) override {}
    void reply(std::string_view) override {}
    void echo(Millis) override {}
    void relay(const stream::RelayPlan&) override {}
    stream::Passing pass(std::string_view) override { return stream::Passing::NoListener; }
    void resume() override {}
    void end(std::uint16_t) override {}
};

bool is_number_or_nothing(std::string_view text) {
    while (text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9') {
        text.remove_prefix(1);
    }
    return text.empty() || log::is_json_number(text);
}

void expect_number(const script::VariableRow& row, const void* subject, Arena& arena) {
    const script::Value value = row.value(subject, arena, {});
    EXPECT_TRUE(is_number_or_nothing(value.text)) << row.name << ": \"" << value.text << '"';
}

using Lists = std::span<const std::span<const script::VariableRow>>;

std::vector<const script::VariableRow*> number_rows(Lists lists) {
    std::vector<const script::VariableRow*> out;
    for (const auto list : lists) {
        for (const script::VariableRow& row : list) {
            if (row.is_number) {
                EXPECT_FALSE(row.is_prefix) << row.name;
                out.push_back(&row);
            }
        }
    }
    return out;
}

/// Every row of numbers for `subject`; with an arena that takes nothing there is none.
void expect_numbers(Lists lists, const void* subject, Arena& arena) {
    for (const script::VariableRow* const row : number_rows(lists)) {
        expect_number(*row, subject, arena);
        Arena full(64, 0);
        expect_number(*row, subject, full);
    }
}

const Facts kFacts[] = {nothing_known(), addresses("127.0.0.1:1", "10.0.0.1:80"),
                        addresses("unix:/a", "unix:/b"), largest()};

TEST(Variables, OfRequestsThatAreNumbersGiveNumbers) {
    EXPECT_GE(number_rows(registry::http_variables()).size(), 20U);
    for (const Facts& facts : kFacts) {
        Arena arena;
        HttpWire wire(facts);
        http::Exchange fresh(wire, arena);
        expect_numbers(registry::http_variables(), &fresh, arena);

        http::Exchange odd(wire, arena);
        odd.reply.status = 999;
        odd.limit_rate = kMost64;
        odd.timings = {.started = Nanos(kMost64),  // after `now`
                       .now = Nanos(1),
                       .wall = Millis(-1),
                       .bytes_sent = kMost64,
                       .body_bytes_sent = kMost64,
                       .request_length = kMost64};
        expect_numbers(registry::http_variables(), &odd, arena);
        odd.timings.started = Nanos(0);
        odd.timings.now = Nanos(kMost64);
        odd.timings.wall = Millis(kMost64);
        expect_numbers(registry::http_variables(), &odd, arena);
    }
}

TEST(Variables, OfRequestsAreNumbersWhateverSetGivesThem) {
    Arena arena;
    HttpWire wire(largest());
    http::Exchange exchange(wire, arena);
    int settable = 0;
    for (const script::VariableRow* const row : number_rows(registry::http_variables())) {
        if (row->set != nullptr) {
            ++settable;
            for (const char* const text : {"no \"number\"", "-1", "10k", "99999999999999999999"}) {
                row->set(&exchange, text);
                expect_number(*row, &exchange, arena);
            }
        }
    }
    EXPECT_GE(settable, 1);  // $limit_rate
}

TEST(Variables, OfSessionsThatAreNumbersGiveNumbers) {
    EXPECT_GE(number_rows(registry::stream_variables()).size(), 15U);
    for (const Facts& facts : kFacts) {
        Arena arena;
        StreamWire wire(facts);
        stream::Session fresh(wire, arena);
        expect_numbers(registry::stream_variables(), &fresh, arena);

        stream::Session odd(wire, arena);
        odd.status = 999;
        odd.received = odd.sent = std::numeric_limits<std::uint64_t>::max();
        odd.timings = {.started = Millis(2), .now = Millis(1), .wall = Millis(-1)};
        expect_numbers(registry::stream_variables(), &odd, arena);
        odd.timings = {.started = Millis(0), .now = Millis(kMost64), .wall = Millis(kMost64)};
        expect_numbers(registry::stream_variables(), &odd, arena);
    }
}

}  // namespace
}  // namespace sluice
