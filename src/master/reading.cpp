// SPDX-License-Identifier: BSD-2-Clause
// The configuration for commands.
// Runs in: any (the command line).
#include "master/reading.h"

#include <utility>

#include <fmt/format.h>

#include "conf/process_conf.h"
#include "log/log.h"
#include "master/candidate.h"
#include "master/counting.h"
#include "master/identity.h"
#include "sys/file.h"

namespace sluice::master {

namespace {

void print_all(std::string_view level, const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
        // Nowhere is left to report a failure to write to a standard descriptor.
        static_cast<void>(sys::write_all(2, fmt::format("sluice: [{}] {}\n", level, line)));
    }
}

}  // namespace

std::optional<Reading> read_for_command(const Start& start) {
    log::Journal journal;
    journal.install();
    Counting counting(start.counters);
    Ids ids(counting);
    auto configuration = read_configuration(start, ids, GenerationNumber{1});
    if (!configuration) {
        print_all("emerg", configuration.error());
        return std::nullopt;
    }
    if (!start.is_quiet) {
        print_all("warn", configuration->warnings);
    }
    const conf::ProcessConf& settings = conf::process_conf(*configuration->generation);
    Identity identity = identity_for(settings);
    Reading out{.generation = std::move(configuration->generation), .identity = {}};
    out.identity.drops_user = identity.drops_user;
    out.identity.uid = identity.account.uid;
    out.identity.gid = identity.account.gid;
    out.identity.user_name = std::move(identity.name);
    out.identity.working_directory = std::string(settings.working_directory.value);
    return out;
}

}  // namespace sluice::master
