// SPDX-License-Identifier: BSD-2-Clause
// OneFile: a world in which a text is the main configuration file, and reading it with every module
// of the program.
// Runs in: tests.
#pragma once

#include <string>
#include <string_view>

#include "conf/generation.h"
#include "registry/registry.h"
#include "support/fake_facts.h"

namespace sluice::support {

/// The text is the main file; nothing else exists, but whatever user or group is asked for.
class OneFile final : public conf::FakeFacts {
  public:
    static constexpr std::string_view kPath = "/c/sluice.conf";

    explicit OneFile(std::string_view text) { files.emplace(kPath, text); }

    std::optional<conf::Account> user(std::string_view) override { return conf::Account{1, 1}; }

    std::optional<std::uint32_t> group(std::string_view) override { return 1; }

    Result<std::vector<std::string>> resolve(std::string_view) override {
        return std::vector<std::string>{"127.0.0.1"};
    }
};

inline conf::Compiled compile(conf::Facts& facts, GenerationNumber number = GenerationNumber{1}) {
    return conf::compile(facts, {.main_file = std::string(OneFile::kPath),
                                 .globals = {},
                                 .number = number,
                                 .modules = registry::modules(),
                                 .features = registry::features()});
}

}  // namespace sluice::support
