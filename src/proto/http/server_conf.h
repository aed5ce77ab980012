// SPDX-License-Identifier: BSD-2-Clause
// The parsers of http, server, listen and server_name. Rows of them are in core_rows.cpp.
// Runs in: any.
#pragma once

#include "conf/build.h"
#include "proto/http/core_conf.h"

namespace sluice::http {

bool open_http(conf::Build& build, const conf::Directive& block, CoreConf& core);
bool open_server(conf::Build& build, const conf::Directive& block, CoreConf& core);
bool set_listen(conf::Build& build, const conf::Directive& directive, CoreConf& core);
bool set_server_name(conf::Build& build, const conf::Directive& directive, CoreConf& core);

}  // namespace sluice::http
