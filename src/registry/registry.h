// SPDX-License-Identifier: BSD-2-Clause
// The registry: the only list of features, in running order. Everything else receives it as a span.
// Runs in: any.
#pragma once

#include <span>

#include "conf/module.h"
#include "metrics/row.h"
#include "metrics/section.h"
#include "net/protocol.h"
#include "net/service.h"
#include "proto/http/module.h"
#include "proto/stream/module.h"
#include "script/variable.h"

namespace sluice::registry {

/// Every module that has directives, in the order in which they run.
[[nodiscard]] std::span<const conf::Module* const> modules();

/// The features of HTTP, in running order: within a phase the first that answers counts.
[[nodiscard]] std::span<const http::Module* const> http_modules();

/// The variables of HTTP: its own and the features'.
[[nodiscard]] std::span<const std::span<const script::VariableRow>> http_variables();

/// The same of stream. A feature that both have is one module of settings, named once.
[[nodiscard]] std::span<const stream::Module* const> stream_modules();

/// The variables of stream: its own and the features'.
[[nodiscard]] std::span<const std::span<const script::VariableRow>> stream_variables();

/// The wire protocols.
[[nodiscard]] std::span<const net::ProtocolKind> protocols();

/// What a worker runs beside them.
[[nodiscard]] std::span<const net::ServiceKind> services();

/// The counters of every room; the layout of the board.
[[nodiscard]] metrics::Schema counter_groups();

/// The sections of status pages, in the order in which they are shown.
[[nodiscard]] std::span<const metrics::Section* const> status_sections();

/// For conf::CompileOptions::features.
[[nodiscard]] conf::FeatureLists features();

}  // namespace sluice::registry
