// SPDX-License-Identifier: BSD-2-Clause
// The bundle over the control socket, and facts as the server has them.
// Runs in: any (the command line).
#include "master/running_server.h"

#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "log/log.h"
#include "master/control_socket.h"
#include "master/pidfile.h"
#include "sys/file.h"
#include "sys/memory.h"

namespace sluice::master {

namespace {

constexpr Millis kAnswerLimit{5'000};

/// Live answers, except where the running master's own differ from this program's.
class ServersFacts final : public conf::Facts {
  public:
    ServersFacts(conf::Facts& live, conf::Replay& recorded) : live_(live), recorded_(recorded) {}

    Result<std::string_view> file(std::string_view path) override { return live_.file(path); }

    Result<std::vector<std::string>> glob(std::string_view pattern) override {
        return live_.glob(pattern);
    }

    /// A process keeps the environment that it was started with. What it was never asked for is
    /// not known; then this program's is the best guess.
    std::optional<std::string> env(std::string_view name) override {
        const auto known =
            recorded_.answers().find(std::pair(conf::Question::Env, std::string(name)));
        return known == recorded_.answers().end() ? live_.env(name) : recorded_.env(name);
    }

    std::optional<conf::Account> user(std::string_view name) override { return live_.user(name); }

    std::optional<std::uint32_t> group(std::string_view name) override {
        return live_.group(name);
    }

    Result<std::vector<std::string>> resolve(std::string_view host) override {
        return live_.resolve(host);
    }

    /// CPUs are counted for `worker_processes auto` only; this program may be confined otherwise.
    int cpus() override {
        const bool is_known =
            recorded_.answers().contains(std::pair(conf::Question::Cpus, std::string()));
        return is_known ? recorded_.cpus() : live_.cpus();
    }

    bool is_root() override {
        const bool is_known =
            recorded_.answers().contains(std::pair(conf::Question::Root, std::string()));
        return is_known ? recorded_.is_root() : live_.is_root();
    }

    std::string host_name() override { return live_.host_name(); }

    std::string prefix() override {
        const std::string known = recorded_.prefix();
        return known.empty() ? live_.prefix() : known;
    }

    std::string default_error_log() override {
        const std::string known = recorded_.default_error_log();
        return known.empty() ? live_.default_error_log() : known;
    }

    ListenerId listener_id(std::string_view key) override { return live_.listener_id(key); }

    SinkId sink_id(std::string_view target) override { return live_.sink_id(target); }

    std::optional<SeriesId> series_id(std::string_view name) override {
        return live_.series_id(name);
    }

    ZoneId zone_id(std::string_view key) override { return live_.zone_id(key); }

  private:
    conf::Facts& live_;
    conf::Replay& recorded_;
};

Result<conf::Replay> read_bundle(int memfd) {
    const sys::FileInfo info = TRY(sys::file_info(memfd));
    const sys::Mapping mapping = TRY(sys::map_shared(memfd, info.size, false));
    return conf::Replay::open(mapping.bytes());
}

conf::CompileOptions options_for(const Start& start, const conf::BundleHead& head) {
    return {.main_file = head.main_file,
            .globals = head.globals,
            .number = head.generation,
            .modules = start.modules,
            .features = start.features};
}

/// Its answer, which begins with "ok ".
std::expected<Answer, std::string> asked(const std::string& pid_path) {
    if (const Result<pid_t> pid = read_pid(pid_path); !pid) {
        return std::unexpected(fmt::format("no server runs here: {}",
                                           log::Failure{pid.error(), "\"" + pid_path + "\""}));
    }
    const std::string path = control_path(pid_path);
    Result<Answer> answer = ask_for_fd(path, "configuration\n", kAnswerLimit);
    if (!answer) {
        const bool is_gone = answer.error().code == ENOENT || answer.error().code == ECONNREFUSED;
        return std::unexpected(
            fmt::format("{}: {}", is_gone ? "no server runs here" : "the server cannot be asked",
                        log::Failure{answer.error(), "to \"" + path + "\""}));
    }
    if (!answer->fd.is_open() || !answer->text.starts_with("ok ")) {
        return std::unexpected(
            answer->text.empty()
                ? "the server refused: only its owner and root may read its configuration"
                : "the server is of another version and does not tell its configuration");
    }
    return std::move(*answer);
}

}  // namespace

std::expected<RunningServer, std::string> find_running(const Start& start,
                                                       const std::string& pid_path) {
    auto answer = asked(pid_path);
    if (!answer) {
        return std::unexpected(std::move(answer).error());
    }
    RunningServer out;
    std::uint64_t generation = 0;
    std::istringstream words(answer->text.substr(3));
    words >> out.pid >> generation >> out.workers >> out.level;
    if (out.level == "-") {
        out.level.clear();
    }
    Result<conf::Replay> replay = read_bundle(answer->fd.get());
    if (!replay) {
        return std::unexpected(fmt::format("the server's configuration cannot be read: {}",
                                           log::Failure{replay.error()}));
    }
    out.replay = std::make_unique<conf::Replay>(std::move(*replay));
    conf::Compiled compiled =
        conf::compile(*out.replay, options_for(start, out.replay->head()));
    if (!compiled.generation) {
        return std::unexpected("the server is of another version: this program does not understand "
                               "its configuration");
    }
    out.generation = conf::GenerationRef(std::move(compiled.generation));
    return out;
}

std::expected<Configuration, std::vector<std::string>> read_as(const RunningServer& server,
                                                               const Start& start) {
    Counting counting(start.counters);
    Ids ids(counting);
    LiveFacts live(ids, start.places);
    ServersFacts facts(live, *server.replay);
    conf::Recorder recorder(facts);
    conf::BundleHead head = server.replay->head();
    head.main_file = start.places.main_file;
    if (!start.globals.empty()) {
        head.globals = start.globals;
    }
    conf::Compiled compiled = conf::compile(recorder, options_for(start, head));
    if (!compiled.generation) {
        return std::unexpected(std::move(compiled.errors));
    }
    Configuration out;
    out.bytes = recorder.serialize(head);
    out.generation = conf::GenerationRef(std::move(compiled.generation));
    out.warnings = std::move(compiled.warnings);
    return out;
}

}  // namespace sluice::master
