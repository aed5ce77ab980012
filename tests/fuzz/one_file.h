// SPDX-License-Identifier: BSD-2-Clause
// OneFile: a world in which a text is the main configuration file, and reading it with every module
// of the program.
// Runs in: tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/generation.h"
#include "registry/registry.h"

namespace sluice::fuzz {

/// The text is the main file; nothing else exists.
class OneFile : public conf::Facts {
  public:
    explicit OneFile(std::string_view text) : text_(text) {}

    Result<std::string_view> file(std::string_view path) override {
        if (path != "/c/sluice.conf") {
            return fail("open()", ENOENT);
        }
        return text_;
    }

    Result<std::vector<std::string>> glob(std::string_view) override {
        return std::vector<std::string>{};
    }

    std::optional<std::string> env(std::string_view) override { return std::nullopt; }

    std::optional<conf::Account> user(std::string_view) override { return conf::Account{1, 1}; }

    std::optional<std::uint32_t> group(std::string_view) override { return 1; }

    Result<std::vector<std::string>> resolve(std::string_view) override {
        return std::vector<std::string>{"127.0.0.1"};
    }

    int cpus() override { return 2; }

    bool is_root() override { return true; }

    std::string host_name() override { return "box"; }

    std::string prefix() override { return "/p/"; }

    std::string default_error_log() override { return "/p/error.log"; }

    ListenerId listener_id(std::string_view) override { return ListenerId{++listeners_}; }

    SinkId sink_id(std::string_view) override { return SinkId{1}; }

    ZoneId zone_id(std::string_view) override { return ZoneId{1}; }

  private:
    std::string_view text_;
    std::uint32_t listeners_ = 0;
};

inline conf::Compiled compile(conf::Facts& facts) {
    return conf::compile(facts, {.main_file = "/c/sluice.conf",
                                 .globals = {},
                                 .number = GenerationNumber{1},
                                 .modules = registry::modules(),
                                 .features = registry::features()});
}

}  // namespace sluice::fuzz
