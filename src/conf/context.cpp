// SPDX-License-Identifier: BSD-2-Clause
// The contexts' names.
// Runs in: any.
#include "conf/context.h"

#include <string_view>
#include <utility>

namespace sluice::conf {

std::string context_names(ContextMask mask) {
    static constexpr std::pair<Context, std::string_view> kNames[] = {
        {kMain, "main"},
        {kEvents, "events"},
        {kHttp, "http"},
        {kServer, "server"},
        {kLocation, "location"},
        {kLimitExcept, "limit_except"},
        {kServerIf, "if in server"},
        {kLocationIf, "if in location"},
        {kTypes, "types"},
        {kMap, "map"},
        {kGeo, "geo"},
        {kSplitClients, "split_clients"},
        {kUpstream, "upstream"},
        {kStream, "stream"},
        {kStreamServer, "stream server"},
        {kStreamUpstream, "stream upstream"},
    };
    std::string out;
    for (const auto& [bit, name] : kNames) {
        if ((mask & bit) != 0) {
            out += (out.empty() ? "" : ", ") + std::string(name);
        }
    }
    return out;
}

}  // namespace sluice::conf
