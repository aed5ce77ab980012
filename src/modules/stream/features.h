// SPDX-License-Identifier: BSD-2-Clause
// The features of this room, one object per file; the registry lists them in running order.
// Runs in: any.
#pragma once

#include "proto/stream/module.h"

namespace sluice::modules {

extern const stream::Module kStreamEcho;    ///< echo.cpp
extern const stream::Module kStreamPass;    ///< pass.cpp
extern const stream::Module kStreamProxy;   ///< proxy.cpp
extern const stream::Module kStreamReturn;  ///< return.cpp
extern const stream::Module kStreamSet;     ///< set.cpp
extern const stream::Module kStreamSslPreread;  ///< ssl_preread.cpp

}  // namespace sluice::modules
