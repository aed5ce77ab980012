// SPDX-License-Identifier: BSD-2-Clause
// The rows of main and events.
// Runs in: any.
#include "conf/process_conf.h"

#include <algorithm>
#include <string>

#include "base/ascii.h"
#include "conf/build.h"
#include "conf/level.h"

namespace sluice::conf {

template <>
struct EnumNames<ReloadMode> {
    static constexpr std::pair<std::string_view, ReloadMode> kTable[] = {
        {"in_place", ReloadMode::InPlace}, {"replace", ReloadMode::Replace}};
};

namespace {

constexpr std::uint32_t kMaxWorkers = 1024;

bool parse_user(Build& build, const Directive& directive, ProcessConf& out) {
    const Argument& name = directive.args[0];
    const std::optional<Account> account = build.facts().user(name.text);
    if (!account) {
        return build.error(name, "getpwnam(\"" + std::string(name.text) + "\") failed",
                           "the name of a user of this machine");
    }
    out.user.value = {name.text, *account};
    if (directive.args.size() == 2) {
        const Argument& group = directive.args[1];
        const std::optional<std::uint32_t> gid = build.facts().group(group.text);
        if (!gid) {
            return build.error(group, "getgrnam(\"" + std::string(group.text) + "\") failed",
                               "the name of a group of this machine");
        }
        out.user.value.account.gid = *gid;
    }
    return true;
}

bool parse_worker_processes(Build& build, const Directive& directive, ProcessConf& out) {
    const Argument& argument = directive.args.front();
    if (argument.text == "auto") {
        out.worker_processes.value = static_cast<std::uint32_t>(std::max(1, build.facts().cpus()));
        return true;
    }
    const std::optional<std::uint64_t> count = parse_decimal(argument.text);
    if (!count || *count == 0 || *count > kMaxWorkers) {
        return build.invalid(directive, argument, "\"auto\" or a number from 1 to 1024");
    }
    out.worker_processes.value = static_cast<std::uint32_t>(*count);
    return true;
}

bool parse_mask(Build& build,
                const Directive& directive,
                const Argument& mask,
                std::vector<int>& cpus) {
    int cpu = 0;
    for (auto bit = mask.text.rbegin(); bit != mask.text.rend(); ++bit) {
        if (*bit == ' ') {
            continue;
        }
        if (*bit != '0' && *bit != '1') {
            return build.invalid(directive, mask, "a CPU mask of the digits 0 and 1");
        }
        if (*bit == '1') {
            cpus.push_back(cpu);
        }
        ++cpu;
    }
    return true;
}

bool parse_affinity(Build& build, const Directive& directive, ProcessConf& out) {
    Affinity& affinity = out.worker_cpu_affinity.value;
    for (const Argument& argument : directive.args) {
        if (argument.text == "auto" && &argument == &directive.args.front()) {
            affinity.is_auto = true;
            continue;
        }
        std::vector<int> cpus;
        if (!parse_mask(build, directive, argument, cpus)) {
            return false;
        }
        affinity.masks.push_back(std::move(cpus));
    }
    return true;
}

bool parse_pid(Build& build, const Directive& directive, ProcessConf& out) {
    out.pid.value = build.absolute_path(directive.args.front().text);
    return true;
}

bool parse_working_directory(Build& build, const Directive& directive, ProcessConf& out) {
    out.working_directory.value = build.absolute_path(directive.args.front().text);
    return true;
}

bool parse_env(Build& build, const Directive& directive, ProcessConf& out) {
    const std::string_view text = directive.args.front().text;
    const std::size_t equals = text.find('=');
    if (equals == 0) {
        return build.invalid(directive, directive.args.front(), "NAME or NAME=value");
    }
    const bool has_value = equals != std::string_view::npos;
    out.env.value.push_back({text.substr(0, equals),
                             has_value ? text.substr(equals + 1) : std::string_view{}, has_value});
    return true;
}

bool parse_compat(Build& build, const Directive& directive, ProcessConf&) {
    if (directive.args.front().text != "nginx") {
        return build.invalid(directive, directive.args.front(), "\"nginx\"");
    }
    return true;  // its effect was decided before any default
}

bool parse_thread_pool(Build& build, const Directive& directive, ProcessConf& out) {
    ThreadPools& pools = out.thread_pools.value;
    const std::string name(directive.args[0].text);
    if (std::ranges::find(pools.names, directive.args[0].text) != pools.names.end()) {
        return build.error(directive, "duplicate thread pool \"" + name + "\"");
    }
    std::uint32_t threads = 0;
    std::uint32_t max_queue = 65536;
    for (std::size_t i = 1; i < directive.args.size(); ++i) {
        const Argument& argument = directive.args[i];
        const std::size_t equals = argument.text.find('=');
        const std::string_view key = argument.text.substr(0, equals);
        const bool is_threads = key == "threads";
        if (equals == std::string_view::npos || (!is_threads && key != "max_queue")) {
            return build.invalid(directive, argument, "threads=number or max_queue=number");
        }
        const auto number = parse_decimal(argument.text.substr(equals + 1));
        if (!number || *number > UINT32_MAX || (is_threads && *number == 0)) {
            return build.error(argument, "invalid " + std::string(key) + " value \"" +
                                             std::string(argument.text) + "\"",
                               "a number");
        }
        (is_threads ? threads : max_queue) = static_cast<std::uint32_t>(*number);
    }
    if (threads == 0) {
        return build.error(directive, "\"" + name + "\" must have \"threads\" parameter");
    }
    const bool is_first = pools.names.empty();
    pools.threads = is_first ? threads : std::max(pools.threads, threads);
    pools.max_queue = is_first ? max_queue : std::max(pools.max_queue, max_queue);
    pools.names.push_back(directive.args[0].text);
    return true;
}

bool parse_connections(Build& build, const Directive& directive, ProcessConf& out) {
    if (!ParseAs<std::uint32_t>::parse(build, directive, out.worker_connections.value)) {
        return false;
    }
    if (out.worker_connections.value == 0) {
        return build.invalid(directive, directive.args.front(), "at least 1");
    }
    return true;
}

bool parse_events(Build& build, const Directive& directive, ProcessConf&) {
    // worker_connections and its kin live in the main level's settings: events holds nothing that
    // inherits, so its block is read with the main level's structs under its own context.
    Level& main = build.level();
    const Context outer = main.context;
    main.context = kEvents;
    const bool is_good = build.run_block(directive, main);
    main.context = outer;
    return is_good;
}

// clang-format off
constexpr Row kRows[] = {
    row_fn<ProcessConf, &parse_compat>("compat", kMain, take(1),
        "`compat nginx;` gives every directive nginx's default, wherever it stands.")
        .applies(Applies::Replace),
    row_fn<&ProcessConf::user, &parse_user>("user", kMain, take_range(1, 2),
        "User, and group, that workers and the logger run as when the master is root.")
        .applies(Applies::Replace),
    row_fn<&ProcessConf::worker_processes, &parse_worker_processes>("worker_processes", kMain, take(1),
        "Number of workers; `auto` counts the CPUs that affinity and cgroup quota leave.")
        .defaults("1").better("auto"),
    row<&ProcessConf::worker_rlimit_nofile>("worker_rlimit_nofile", kMain, take(1),
        "Most descriptors that one worker may open.").applies(Applies::Replace),
    row<&ProcessConf::worker_rlimit_core>("worker_rlimit_core", kMain, take(1),
        "Largest core file of a worker.").applies(Applies::Replace),
    row_fn<&ProcessConf::worker_cpu_affinity, &parse_affinity>("worker_cpu_affinity", kMain, take_at_least(1),
        "CPU masks of the workers, or `auto`.").applies(Applies::Replace),
    row<&ProcessConf::worker_priority>("worker_priority", kMain, take(1),
        "Nice value of the workers.").defaults("0").applies(Applies::Replace),
    row<&ProcessConf::worker_shutdown_timeout>("worker_shutdown_timeout", kMain, take(1),
        "How long a retiring process waits for its connections; 0 waits without limit.")
        .defaults("0").better("30s"),
    row_fn<&ProcessConf::pid, &parse_pid>("pid", kMain, take(1),
        "File that holds the master's pid; the control socket stands beside it.")
        .defaults(kDefaultPidFile).applies(Applies::Restart),
    row<&ProcessConf::daemon>("daemon", kMain, flag(),
        "Whether the master goes to the background.")
        .defaults("on").better("off").applies(Applies::Restart),
    row<&ProcessConf::master_process>("master_process", kMain, flag(),
        "Accepted for nginx's sake; there is always a master.")
        .defaults("on").applies(Applies::Restart),
    row<&ProcessConf::reload_mode>("reload_mode", kMain, take(1),
        "`in_place`: living workers take a new configuration over and no connection notices; "
        "`replace`: new workers are started and the old ones retire.")
        .defaults("replace").better("in_place"),
    row_fn<&ProcessConf::working_directory, &parse_working_directory>("working_directory", kMain, take(1),
        "Directory that workers run in.").applies(Applies::Replace),
    row_fn<&ProcessConf::env, &parse_env>("env", kMain, take(1),
        "An environment variable to keep, or to set with NAME=value, for spawned programs; $env_NAME gives its value.")
        .repeats().applies(Applies::Replace),
    row_fn<&ProcessConf::thread_pools, &parse_thread_pool>("thread_pool", kMain, take_range(2, 3),
        "Most threads of a worker, and how much work may wait for them. There is one pool, which "
        "starts threads as they are needed; of several declarations the largest numbers hold.")
        .repeats(),
    block<ProcessConf, &parse_events>("events", kMain, take(0),
        "Settings of connection processing."),
    row_fn<&ProcessConf::worker_connections, &parse_connections>("worker_connections", kEvents, take(1),
        "Most connections of one worker; past it idle ones are closed first, then accepting pauses.")
        .defaults("512"),
    row<&ProcessConf::multi_accept>("multi_accept", kEvents, flag(),
        "Take all waiting connections at once instead of sharing them among the workers.")
        .defaults("off"),
    row<&ProcessConf::gather>("gather", kEvents, flag(),
        "Let a busy worker rest for up to 0.1 ms where datagrams, or requests of kv, come so fast that "
        "more of them then come together: less CPU for each.")
        .defaults("on"),
};
// clang-format on

constexpr ConfKind kKind = kind<ProcessConf>("process", kRows);

}  // namespace

constexpr Module kProcessModule{"process", &kKind};

}  // namespace sluice::conf
