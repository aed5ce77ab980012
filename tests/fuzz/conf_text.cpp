// SPDX-License-Identifier: BSD-2-Clause
// Any text as a configuration, read with every module of the program: no crash, no endless loop,
// and whatever compiles compiles again from its own bundle.
// Runs in: tests.
#include <cstdlib>
#include <string>
#include <string_view>

#include "conf/bundle.h"
#include "conf/generation.h"
#include "registry/registry.h"

namespace {

using namespace sluice;  // NOLINT: a test program of one file

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

conf::Compiled compile(conf::Facts& facts) {
    return conf::compile(facts, {.main_file = "/c/sluice.conf",
                                 .globals = {},
                                 .number = GenerationNumber{1},
                                 .modules = registry::modules(),
                                 .features = registry::features()});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    OneFile live(std::string_view(reinterpret_cast<const char*>(data), size));
    conf::Recorder recorder(live);
    const conf::Compiled first = compile(recorder);
    const std::string bytes = recorder.serialize({.generation = GenerationNumber{1}});
    Result<conf::Replay> replay = conf::Replay::open(bytes);
    if (!replay) {
        std::abort();
    }
    const conf::Compiled second = compile(*replay);
    if ((first.generation == nullptr) != (second.generation == nullptr)) {
        std::abort();
    }
    return 0;
}
