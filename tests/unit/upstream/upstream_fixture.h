// SPDX-License-Identifier: BSD-2-Clause
// A compiled configuration with upstreams out of a text, and their groups with a clock of the test's.
// Runs in: tests.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/fake_facts.h"
#include "base/arena.h"
#include "conf/generation.h"
#include "upstream/attempt.h"
#include "upstream/block.h"

namespace sluice::upstream {

/// Opens `http { }` and `stream { }`; `target ADDRESS` there stands for proxy_pass.
struct OuterConf {
    TargetUse target;
    static inline const void* dialect = nullptr;
};

template <conf::Context context>
bool open_outer(conf::Build& build, const conf::Directive& directive, OuterConf&) {
    conf::Level& level = build.open_level(context, directive);
    level.dialect = OuterConf::dialect;
    return build.run_block(directive, level);
}

inline bool set_target(conf::Build& build, const conf::Directive& directive, OuterConf& conf) {
    const bool is_http = build.level().context == conf::kHttp;
    use_target(build, directive.args[0], directive.args[0].text,
               is_http ? std::optional<std::uint16_t>(80) : std::nullopt, conf.target);
    return true;
}

inline constexpr conf::Arity kBlock{.least = 0, .most = 0, .is_flag = false, .has_block = true};

inline constexpr conf::Row kOuterRows[] = {
    conf::row_fn<OuterConf, &open_outer<conf::kHttp>>("http", conf::kMain, kBlock, "Tests."),
    conf::row_fn<OuterConf, &open_outer<conf::kStream>>("stream", conf::kMain, kBlock, "Tests."),
    conf::row_fn<OuterConf, &set_target>("target", conf::kHttp | conf::kStream, conf::take(1),
                                         "Tests."),
    conf::row_fn<OuterConf, [](conf::Build& build, const conf::Directive&, OuterConf&) {
        static_cast<void>(build);
        return true;
    }>("compat", conf::kMain, conf::take(1), "Tests."),
};
inline constexpr conf::ConfKind kOuterKind = conf::kind<OuterConf>("outer", kOuterRows);
inline constexpr conf::Module kOuterModule{"outer", &kOuterKind};

class UpstreamFixture {
  public:
    explicit UpstreamFixture(std::string_view text,
                             std::span<const conf::Module* const> more = {},
                             PeerStore* store = nullptr)
        : store_(store != nullptr ? store : &own_store_) {
        facts.files["/p/test.conf"] = text;
        modules_ = {&kOuterModule, &kUpstreamModule};
        modules_.insert(modules_.end(), more.begin(), more.end());
        conf::CompileOptions options;
        options.main_file = "/p/test.conf";
        options.modules = modules_;
        compiled_ = conf::compile(facts, options);
        if (compiled_.generation != nullptr) {
            generation = conf::GenerationRef(std::move(compiled_.generation));
            for (const GroupSpec* at = groups(); at != nullptr; at = at->next) {
                at->attached = &generation->keep(std::make_unique<Group>(*at, *store_, now));
            }
        }
    }

    /// All errors and warnings.
    [[nodiscard]] std::string complaints() const {
        std::string out;
        for (const std::string& one : compiled_.errors) {
            out += one + "\n";
        }
        for (const std::string& one : compiled_.warnings) {
            out += one + "\n";
        }
        return out;
    }

    [[nodiscard]] const GroupSpec* groups() const {
        return generation->main_level().conf<UpstreamConf>().groups;
    }

    [[nodiscard]] Group& group(std::string_view name) const {
        for (const GroupSpec* at = groups(); at != nullptr; at = at->next) {
            if (at->name == name) {
                return *at->attached;
            }
        }
        ADD_FAILURE() << "no group " << name;
        std::abort();
    }

    static void tell(const void* /*subject*/, log::Level /*level*/, std::string_view text) {
        told().emplace_back(text);
    }

    static std::vector<std::string>& told() {
        static std::vector<std::string> lines;
        return lines;
    }

    void begin(Attempt& attempt, std::string_view name, const void* subject = nullptr) {
        attempt.begin(group(name),
                      {.subject = subject, .arena = arena, .client = client, .tell = &tell}, now);
    }

    /// The ports of `count` peers that one attempt after the other gets and succeeds with.
    std::string ports(std::string_view name, int count, const void* subject = nullptr) {
        std::string out;
        for (int i = 0; i < count; ++i) {
            Attempt attempt;
            begin(attempt, name, subject);
            const Peer* const peer = attempt.next(now);
            out += (out.empty() ? "" : " ") +
                   (peer == nullptr ? "none" : std::to_string(peer->address.port()));
            if (peer != nullptr) {
                attempt.succeed(now);
            }
        }
        return out;
    }

    conf::FakeFacts facts;

  private:
    std::vector<const conf::Module*> modules_;  // the generation needs them to the end
    PeerStore own_store_;

  public:
    conf::GenerationRef generation;
    Arena arena;
    net::Address client = *net::Address::parse("192.0.2.1:5000");
    Millis now{1'000'000};

  private:
    PeerStore* store_;
    conf::Compiled compiled_;
};

}  // namespace sluice::upstream
