// SPDX-License-Identifier: BSD-2-Clause
// The user and password of a Basic Authorization field, RFC 7617.
// Runs in: worker.
#pragma once

#include <optional>
#include <string_view>

#include "base/arena.h"
#include "proto/http/request.h"

namespace sluice::modules {

/// Lives: as long as the arena.
struct BasicCredentials {
    std::string_view user;  ///< never empty
    std::string_view password;
};

/// Nothing where the client sent none, or none that can be read.
[[nodiscard]] std::optional<BasicCredentials> basic_credentials(const http::Request& request,
                                                                Arena& arena);

}  // namespace sluice::modules
