// SPDX-License-Identifier: BSD-2-Clause
// `resolver`, and what the machine's own files say where there is none.
// Runs in: any.
#pragma once

#include "conf/build.h"
#include "conf/parse_as.h"
#include "upstream/spec.h"

namespace sluice::upstream {

/// What /etc/resolv.conf and /etc/hosts say now; in the generation's arena.
[[nodiscard]] const ResolverSpec* machine_resolver(conf::Build& build);

}  // namespace sluice::upstream

template <>
struct sluice::conf::ParseAs<const sluice::upstream::ResolverSpec*> {
    static bool parse(Build& build, const Directive& directive, const upstream::ResolverSpec*& out);
};
