// SPDX-License-Identifier: BSD-2-Clause
// Identity: which user workers and logger run as.
// Runs in: master.
#pragma once

#include <string>

#include "conf/process_conf.h"

namespace sluice::master {

struct Identity {
    bool drops_user = false;  ///< the master is root: children become `account`
    conf::Account account;
    std::string name;
};

/// By `user`; a root master without one takes nobody.
[[nodiscard]] Identity identity_for(const conf::ProcessConf& settings);

}  // namespace sluice::master
