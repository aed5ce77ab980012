// SPDX-License-Identifier: BSD-2-Clause
// zone_state: which file a shared zone is saved to and restored from. Here is only the directive, for
// zones of every feature; the master keeps the files.
// Runs in: any.
#pragma once

#include "conf/build.h"
#include "conf/module.h"
#include "conf/zone_spec.h"
#include "shm/zone.h"

namespace sluice::modules {

extern const conf::Module kZoneState;

/// Remembers a zone that was declared in the level that is being read. `kind` lives for ever.
void note_zone(conf::Build& build, conf::ZoneSpec& spec, const shm::ZoneKind& kind);

}  // namespace sluice::modules
