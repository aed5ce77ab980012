// SPDX-License-Identifier: BSD-2-Clause
// Settings of live.
// Runs in: any.
#pragma once

#include "conf/module.h"
#include "modules/http/live_hub.h"

namespace sluice::modules {

struct LiveConf {
    LiveSpec* spec = nullptr;   ///< of this very location
    LiveSpec* specs = nullptr;  ///< at main: all of the generation
};

extern const conf::ConfKind kLiveKind;

}  // namespace sluice::modules
