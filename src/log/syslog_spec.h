// SPDX-License-Identifier: BSD-2-Clause
// The parameters of a `syslog:` target: server=, facility=, severity=, tag=, nohostname as in nginx;
// tcp, rfc=5424 and framing= are ours.
// Runs in: any.
#pragma once

#include "conf/build.h"
#include "conf/sink_spec.h"
#include "conf/tree.h"

namespace sluice::log {

/// Reads everything behind `syslog:`. Asks the facts for the receiver's address and this machine's
/// name. False: an error was reported in nginx's words.
bool parse_syslog(conf::Build& build, const conf::Argument& target, conf::SyslogSpec& out);

}  // namespace sluice::log
