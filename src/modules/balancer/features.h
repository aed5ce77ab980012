// SPDX-License-Identifier: BSD-2-Clause
// The balancing methods of this room, one file each; the registry lists their rows.
// Runs in: any.
#pragma once

#include "conf/module.h"

namespace sluice::modules {

extern const conf::Module kLeastConn;  ///< least_conn.cpp
extern const conf::Module kHash;       ///< hash.cpp: hash KEY [consistent]
extern const conf::Module kIpHash;     ///< ip_hash.cpp
extern const conf::Module kRandom;     ///< random.cpp: random [two …]
extern const conf::Module kLeastTime;  ///< least_time.cpp

}  // namespace sluice::modules
