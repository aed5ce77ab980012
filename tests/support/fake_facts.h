// SPDX-License-Identifier: BSD-2-Clause
// FakeFacts: files and answers out of maps, for tests of the configuration.
// Runs in: tests.
#pragma once

#include <map>
#include <string>

#include "conf/facts.h"

namespace sluice::conf {

class FakeFacts : public Facts {
  public:
    std::map<std::string, std::string, std::less<>> files;
    std::map<std::string, std::string, std::less<>> environment;
    int questions = 0;

    Result<std::string_view> file(std::string_view path) override {
        ++questions;
        const auto found = files.find(path);
        if (found == files.end()) {
            return fail("open()", ENOENT);
        }
        return std::string_view(found->second);
    }

    /// `*` at the end of the pattern only.
    Result<std::vector<std::string>> glob(std::string_view pattern) override {
        std::vector<std::string> out;
        for (const auto& [path, bytes] : files) {
            if (path.starts_with(pattern.substr(0, pattern.find('*')))) {
                out.push_back(path);
            }
        }
        return out;
    }

    std::optional<std::string> env(std::string_view name) override {
        const auto found = environment.find(name);
        return found == environment.end() ? std::nullopt : std::optional(found->second);
    }

    std::optional<Account> user(std::string_view name) override {
        return name == "www" ? std::optional(Account{33, 34}) : std::nullopt;
    }

    std::optional<std::uint32_t> group(std::string_view name) override {
        return name == "staff" ? std::optional(50U) : std::nullopt;
    }

    Result<std::vector<std::string>> resolve(std::string_view host) override {
        if (host != "localhost") {
            return fail("getaddrinfo()", ENOENT);
        }
        return std::vector<std::string>{"127.0.0.1", "[::1]"};
    }

    int cpus() override { return 3; }

    bool is_root() override { return is_root_; }

    bool is_root_ = true;

    std::string host_name() override { return "box"; }

    std::string prefix() override { return "/p/"; }

    std::string default_error_log() override { return "/p/logs/error.log"; }

    ListenerId listener_id(std::string_view key) override {
        return ListenerId{id_of(listeners_, key)};
    }

    ZoneId zone_id(std::string_view) override { return ZoneId{1}; }

    SinkId sink_id(std::string_view target) override {
        return SinkId{static_cast<std::uint16_t>(id_of(sinks_, target))};
    }

  private:
    using Ids = std::map<std::string, std::uint32_t, std::less<>>;

    static std::uint32_t id_of(Ids& ids, std::string_view key) {
        const auto next = static_cast<std::uint32_t>(ids.size() + 1);
        return ids.emplace(std::string(key), next).first->second;
    }

    Ids listeners_;
    Ids sinks_;
};

}  // namespace sluice::conf
