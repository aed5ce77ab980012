// SPDX-License-Identifier: BSD-2-Clause
// Identity.
// Runs in: master.
#include "master/identity.h"

#include <optional>

#include "sys/process.h"

namespace sluice::master {

namespace {

/// Who workers are where the master is root and no `user` stands.
constexpr const char* kDefaultUser = "nobody";

}  // namespace

Identity identity_for(const conf::ProcessConf& settings) {
    if (sys::own_uid() != 0) {
        return {};
    }
    if (!settings.user.value.name.empty()) {
        return {true, settings.user.value.account, std::string(settings.user.value.name)};
    }
    if (const std::optional<sys::Account> nobody = sys::find_user(kDefaultUser); nobody) {
        return {true, {nobody->uid, nobody->gid}, kDefaultUser};
    }
    return {};
}

}  // namespace sluice::master
