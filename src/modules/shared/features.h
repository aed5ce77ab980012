// SPDX-License-Identifier: BSD-2-Clause
// The features of this room, one object per file; the registry lists them in running order.
// Runs in: any.
#pragma once

#include "proto/http/module.h"
#include "proto/stream/module.h"

namespace sluice::modules {

extern const http::Module kAccess;     ///< access.cpp: allow, deny
extern const http::Module kAccessLog;  ///< access_log.cpp: access_log, log_format
extern const http::Module kGeo;        ///< geo.cpp
extern const http::Module kGeoip2;     ///< geoip2.cpp
extern const http::Module kKv;         ///< kv.cpp
extern const http::Module kLimitConn;  ///< limit_conn.cpp
extern const http::Module kLimitReq;   ///< limit_req.cpp
extern const http::Module kMap;        ///< map.cpp
extern const http::Module kRealIp;     ///< realip.cpp
extern const http::Module kSplitClients;  ///< split_clients.cpp
extern const stream::Module kStreamKv;    ///< resp_service.cpp: kv in stream

// The same rules for stream: the settings are the ones above.
extern const stream::Module kStreamAccess;
extern const stream::Module kStreamAccessLog;
extern const stream::Module kStreamGeo;
extern const stream::Module kStreamGeoip2;
extern const stream::Module kStreamLimitConn;
extern const stream::Module kStreamMap;
extern const stream::Module kStreamRealIp;
extern const stream::Module kStreamSplitClients;

}  // namespace sluice::modules
