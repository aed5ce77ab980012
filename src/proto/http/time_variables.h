// SPDX-License-Identifier: BSD-2-Clause
// Variables that tell the time: $request_time, $msec, $time_local, $time_iso8601.
// Runs in: worker.
#pragma once

#include <string_view>

#include "base/arena.h"
#include "script/variable.h"

namespace sluice::http {

[[nodiscard]] script::Value get_request_time(const void* subject, Arena&, std::string_view);
[[nodiscard]] script::Value get_msec(const void* subject, Arena&, std::string_view);
[[nodiscard]] script::Value get_time_local(const void* subject, Arena&, std::string_view);
[[nodiscard]] script::Value get_time_iso8601(const void* subject, Arena&, std::string_view);

}  // namespace sluice::http
