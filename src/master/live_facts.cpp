// SPDX-License-Identifier: BSD-2-Clause
// Facts by system calls.
// Runs in: master.
#include "master/live_facts.h"

#include "master/cpus.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/resolve.h"

namespace sluice::master {

namespace {

// More than any real configuration, less than what a mistaken `include /dev/zero` would eat.
constexpr std::size_t kLargestFile = 64U * 1024 * 1024;

template <class Id>
Id number_for(std::map<std::string, Id, std::less<>>& known, std::string_view name) {
    const auto at = known.find(name);
    if (at != known.end()) {
        return at->second;
    }
    const Id id{static_cast<decltype(Id::value)>(known.size() + 1)};
    known.emplace(std::string(name), id);
    return id;
}

}  // namespace

ListenerId Ids::listener(std::string_view key) {
    return number_for(listeners_, key);
}

SinkId Ids::sink(std::string_view target) {
    return number_for(sinks_, target);
}

ZoneId Ids::zone(std::string_view key) {
    return number_for(zones_, key);
}

Result<std::string_view> LiveFacts::file(std::string_view path) {
    files_.push_back(TRY(sys::read_file(std::string(path).c_str(), kLargestFile)));
    return std::string_view(files_.back());
}

Result<std::vector<std::string>> LiveFacts::glob(std::string_view pattern) {
    return sys::glob(std::string(pattern).c_str());
}

std::optional<std::string> LiveFacts::env(std::string_view name) {
    return sys::environment_value(std::string(name).c_str());
}

std::optional<conf::Account> LiveFacts::user(std::string_view name) {
    const std::optional<sys::Account> account = sys::find_user(std::string(name).c_str());
    if (!account) {
        return std::nullopt;
    }
    return conf::Account{account->uid, account->gid};
}

std::optional<std::uint32_t> LiveFacts::group(std::string_view name) {
    return sys::find_group(std::string(name).c_str());
}

Result<std::vector<std::string>> LiveFacts::resolve(std::string_view host) {
    return sys::resolve_host(std::string(host).c_str());
}

bool LiveFacts::is_root() {
    return sys::own_uid() == 0;
}

int LiveFacts::cpus() {
    return static_cast<int>(count_for(cpu_share()));
}

std::string LiveFacts::host_name() {
    return sys::host_name();
}

}  // namespace sluice::master
