// SPDX-License-Identifier: BSD-2-Clause
// The registry's lists. A new feature is one line here.
// Runs in: any.
#include "registry/registry.h"

#include <algorithm>
#include <array>
#include <vector>

#include "conf/data_file.h"
#include "conf/process_conf.h"
#include "log/error_log_conf.h"
#include "metrics/process_rows.h"
#include "modules/balancer/features.h"
#include "modules/http/directory_watches.h"
#include "modules/http/features.h"
#include "modules/http/live.h"
#include "modules/http/status_sections.h"
#include "modules/shared/features.h"
#include "modules/shared/health_check.h"
#include "modules/shared/resp_worker.h"
#include "modules/shared/upstream_section.h"
#include "modules/shared/zone_section.h"
#include "modules/shared/zone_state.h"
#include "modules/stream/features.h"
#include "net/connection_rows.h"
#include "proto/dgram/datagram_rows.h"
#include "proto/dgram/protocol.h"
#include "proto/http/core_conf.h"
#include "proto/http/meter.h"
#include "proto/http/variables.h"
#include "proto/http1/protocol.h"
#include "proto/stream/core_conf.h"
#include "proto/stream/meter.h"
#include "proto/stream/variables.h"
#include "proto/tcp/protocol.h"
#include "script/environment.h"
#include "script/pcre_jit.h"
#include "upstream/block.h"
#include "upstream/upstreams.h"

namespace sluice::registry {

namespace {

constexpr const http::Module* kHttpModules[] = {
    &modules::kMap,  // tables take part in no phase
    &modules::kGeo,
    &modules::kGeoip2,
    &modules::kSplitClients,
    &modules::kFiles,
    &modules::kReadBody,  // before whatever may use the body
    &modules::kRealIp,  // before whatever asks for the client
    &modules::kRewrite,
    &modules::kLimitConn,
    &modules::kLimitReq,
    &modules::kAccess,
    &modules::kAuthBasic,
    &modules::kSatisfy,  // ends the access phase
    &modules::kKv,
    &modules::kLive,
    &modules::kTryFiles,
    &modules::kStubStatus,
    &modules::kStatusApi,
    &modules::kIndex,
    &modules::kAutoindex,
    &modules::kPrecompressed,
    &modules::kStaticFile,  // ends the content phase
    &modules::kMsieRefresh,  // makes another reply
    &modules::kHeaders,
    &modules::kLiveHead,
    &modules::kCharset,
    &modules::kUserId,  // behind kHeaders: its cookie is no one else's to change
    &modules::kReferer,
    &modules::kSecureLink,
    &modules::kRemoteUser,
    &modules::kAccessLog,
};

constexpr const stream::Module* kStreamModules[] = {
    &modules::kStreamMap,  // tables take part in no phase
    &modules::kStreamGeo,
    &modules::kStreamGeoip2,
    &modules::kStreamSplitClients,
    &modules::kStreamRealIp,  // before whatever asks for the client
    &modules::kStreamSet,
    &modules::kStreamLimitConn,
    &modules::kStreamAccess,
    &modules::kStreamSslPreread,
    &modules::kStreamProxy,
    &modules::kStreamReturn,
    &modules::kStreamPass,
    &modules::kStreamEcho,
    &modules::kStreamKv,
    &modules::kStreamAccessLog,
};

constexpr const conf::Module* kProcessModules[] = {
    &conf::kProcessModule,
    &log::kErrorLogModule,
    &http::kCoreModule,
    &modules::kZoneState,
    &upstream::kUpstreamModule,
    &conf::kDataFileModule,
    &modules::kHealthCheck,
    &modules::kLeastConn,
    &modules::kLeastTime,
    &modules::kHash,
    &modules::kIpHash,
    &modules::kRandom,
    &stream::kCoreModule,
    &script::kPcreJitModule,
};

constexpr const metrics::Group* kCounterGroups[] = {
    &metrics::kWorkerFacts,
    &metrics::kMasterRows,
    &net::kConnectionRows,
    &http::kHttpRows,
    &modules::kWatchRows,
    &stream::kStreamRows,
    &dgram::kDatagramRows,
    &modules::kRespRows,
};

constexpr const metrics::Section* kStatusSections[] = {
    &modules::kProcessSection,
    &modules::kConnectionSection,
    &modules::kRequestSection,
    &modules::kWorkerSection,
    &modules::kUpstreamSection,
    &modules::kZoneSection,
    &modules::kLiveSection,
    &modules::kLogSection,
    &modules::kCounterSection,
};

constexpr http::Features kFeatures{.modules = kHttpModules, .sections = kStatusSections};
constexpr stream::Features kStreamFeatures{.modules = kStreamModules};

/// Settings that http and stream share are listed once.
template <class Modules>
void add_settings(const Modules& modules, std::vector<const conf::Module*>& out) {
    for (const auto* const module : modules) {
        if (module->conf != nullptr && std::ranges::find(out, module->conf) == out.end()) {
            out.push_back(module->conf);
        }
    }
}

std::vector<const conf::Module*> collect() {
    std::vector<const conf::Module*> out(std::begin(kProcessModules), std::end(kProcessModules));
    add_settings(kHttpModules, out);
    add_settings(kStreamModules, out);
    return out;
}

using VariableLists = std::vector<std::span<const script::VariableRow>>;

/// A protocol's own, those of connections, the features'.
template <class Modules>
VariableLists all_variables(std::span<const script::VariableRow> own,
                            std::span<const script::VariableRow> of_connections,
                            const Modules& modules) {
    VariableLists out{own, of_connections, script::environment_variables()};
    for (const auto* const module : modules) {
        out.push_back(module->variables);
    }
    return out;
}

}  // namespace

std::span<const conf::Module* const> modules() {
    // Made at the first call and never changed: the modules' objects are in other files, so that
    // their members are no constant expressions here.
    static const std::vector<const conf::Module*> all = collect();
    return all;
}

std::span<const http::Module* const> http_modules() {
    return kHttpModules;
}

std::span<const std::span<const script::VariableRow>> http_variables() {
    static const VariableLists all =
        all_variables(http::core_variables(), http::connection_variables(), kHttpModules);
    return all;
}

std::span<const stream::Module* const> stream_modules() {
    return kStreamModules;
}

std::span<const std::span<const script::VariableRow>> stream_variables() {
    static const VariableLists all =
        all_variables(stream::core_variables(), stream::connection_variables(), kStreamModules);
    return all;
}

std::span<const net::ProtocolKind> protocols() {
    static const std::array<net::ProtocolKind, 3> all{
        http1::protocol_kind(), tcp::protocol_kind(), dgram::protocol_kind()};
    return all;
}

std::span<const net::ServiceKind> services() {
    static const std::array<net::ServiceKind, 2> all{upstream::service_kind(),
                                                     modules::live_service_kind()};
    return all;
}

metrics::Schema counter_groups() {
    return kCounterGroups;
}

std::span<const metrics::Section* const> status_sections() {
    return kStatusSections;
}

conf::FeatureLists features() {
    return {.http = &kFeatures, .stream = &kStreamFeatures};
}

}  // namespace sluice::registry
