// SPDX-License-Identifier: BSD-2-Clause
// The parsers of location, root, alias, types and error_page. Rows of them are in core_rows.cpp.
// Runs in: any.
#pragma once

#include "conf/build.h"
#include "proto/http/core_conf.h"

namespace sluice::http {

bool open_location(conf::Build& build, const conf::Directive& block, CoreConf& core);
bool open_limit_except(conf::Build& build, const conf::Directive& block, CoreConf& core);
bool set_root(conf::Build& build, const conf::Directive& directive, CoreConf& core);
bool set_alias(conf::Build& build, const conf::Directive& directive, CoreConf& core);
bool set_types(conf::Build& build, const conf::Directive& block, CoreConf& core);
bool set_error_page(conf::Build& build, const conf::Directive& directive, CoreConf& core);

}  // namespace sluice::http
