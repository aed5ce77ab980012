// SPDX-License-Identifier: BSD-2-Clause
// Variables with a name inside: $arg_name, $http_name, $sent_http_name, $cookie_name.
// Runs in: worker.
#pragma once

#include "script/variable.h"

namespace sluice::http {

[[nodiscard]] script::Value get_argument(const void* subject, Arena& arena, std::string_view name);
[[nodiscard]] script::Value get_request_field(const void* subject,
                                              Arena& arena,
                                              std::string_view name);
[[nodiscard]] script::Value get_reply_field(const void* subject,
                                            Arena& arena,
                                            std::string_view name);
[[nodiscard]] script::Value get_reply_trailer(const void* subject,
                                              Arena& arena,
                                              std::string_view name);
[[nodiscard]] script::Value get_cookie(const void* subject, Arena& arena, std::string_view name);

}  // namespace sluice::http
