// SPDX-License-Identifier: BSD-2-Clause
// What status_zone decides: the name under which a server or location is counted, or that it is
// not. Runs in: any (while a configuration is compiled).
#pragma once

#include <string_view>

#include "conf/build.h"
#include "conf/listen_spec.h"
#include "metrics/series.h"

namespace sluice::metrics {

/// Declares what is counted of a server or location whose status_zone is `zone`: nothing for "off".
[[nodiscard]] inline SeriesId declare_series(conf::Build& build,
                                             std::string_view zone,
                                             const conf::SeriesSpec& spec,
                                             conf::Position at) {
    return zone == "off" ? kNoSeries : build.declare_series(spec, at);
}

/// The same for a whole server, which is shown as `name`.
[[nodiscard]] inline SeriesId declare_server_series(conf::Build& build,
                                                    std::string_view zone,
                                                    std::string_view name,
                                                    conf::Position at) {
    return declare_series(
        build, zone, {.id = kOtherServers, .server = name, .location = {}, .is_location = false},
        at);
}

}  // namespace sluice::metrics
