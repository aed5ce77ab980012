// SPDX-License-Identifier: BSD-2-Clause
// A compiled configuration out of a text, with a module that answers every request with the name
// of the server and location it reached.
// Runs in: tests.
#pragma once

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "support/fake_facts.h"
#include "conf/generation.h"
#include "proto/http/core_conf.h"
#include "proto/http/exchange.h"
#include "proto/http/module.h"
#include "proto/http/router.h"
#include "proto/http/variable_slots.h"

namespace sluice::http {

/// Answers `server|location|uri`; 404 for a uri that contains "missing", nothing for "/loop".
inline Verdict tell_place(Exchange& exchange, const void*) {
    const std::string_view uri = exchange.request.uri;
    if (uri.find("missing") != uri.npos && exchange.location->match != Match::Named) {
        return exchange.finish(404);
    }
    if (uri == "/loop") {
        return exchange.redirect_to("/loop", {});
    }
    const std::string text = std::string(exchange.server->name) + "|" +
                             std::string(exchange.location->name) + "|" + std::string(uri);
    exchange.reply.memory_body = exchange.arena.copy(text);
    return exchange.finish(200);
}

inline BoundRule bind_tell_place(Phase phase, conf::Level&) {
    return phase == Phase::Content ? BoundRule{&tell_place, nullptr} : BoundRule{};
}

inline constexpr Module kTellPlace{.name = "tell_place", .bind = &bind_tell_place};

class SiteFixture {
  public:
    explicit SiteFixture(std::string_view text, const Module& module = kTellPlace)
        : modules_{&module} {
        facts_.files["/p/test.conf"] = text;
        const Features features{modules_};
        conf::CompileOptions options;
        options.main_file = "/p/test.conf";
        options.modules = conf_modules_;
        options.features = {.http = &features, .stream = nullptr};
        compiled = conf::compile(facts_, options);
        if (compiled.generation != nullptr) {
            generation = conf::GenerationRef(std::move(compiled.generation));
        }
    }

    /// All errors and warnings.
    [[nodiscard]] std::string complaints() const {
        std::string out;
        for (const auto* list : {&compiled.errors, &compiled.warnings}) {
            for (const std::string& line : *list) {
                out += line + "\n";
            }
        }
        return out;
    }

    [[nodiscard]] ListenerId listener(std::string_view key) { return facts_.listener_id(key); }

    [[nodiscard]] const Port* port(std::string_view key) {
        return generation ? find_port(*generation, listener(key)) : nullptr;
    }

    conf::Compiled compiled;
    conf::GenerationRef generation;

  private:
    conf::FakeFacts facts_;
    std::array<const Module*, 1> modules_;
    // A generation keeps this span, and may outlive the fixture.
    static inline const std::array<const conf::Module*, 1> conf_modules_{&kCoreModule};
};

/// A wire for exchanges that are run without a connection.
class LooseWire final : public Wire {
  public:
    void reply_ready(Exchange&) override { ++ready; }

    void wake(Exchange&) override {}

    [[nodiscard]] const net::Address& peer() const override { return peer_; }

    [[nodiscard]] const net::Address& local() const override { return local_; }

    [[nodiscard]] std::uint64_t connection_number() const override { return 7; }

    [[nodiscard]] std::uint32_t request_number() const override { return 3; }

    int ready = 0;

  private:
    net::Address peer_ = *net::Address::parse("10.0.0.9:4711");
    net::Address local_ = *net::Address::parse("10.0.0.1:8080");
};

/// One exchange, ready to run for a GET of a uri.
struct LooseExchange {
    explicit LooseExchange(SiteFixture& site,
                           std::string_view uri,
                           std::string_view host = "",
                           std::string_view key = "0.0.0.0:80") {
        const script::Pattern* pattern = nullptr;
        exchange.port = site.port(key);
        exchange.server = &find_server(*exchange.port, host, pattern);
        exchange.generation = site.generation;
        exchange.request.uri = uri;
        exchange.request.host = host;
        exchange.request.target = uri;
        exchange.request.method_text = "GET";
    }

    [[nodiscard]] std::string body() {
        const bool is_decided = run_phases(exchange);
        return is_decided ? std::string(exchange.reply.memory_body) : "waiting";
    }

    LooseWire wire;
    Arena arena;
    Exchange exchange{wire, arena};
};

}  // namespace sluice::http
