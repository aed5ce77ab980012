// SPDX-License-Identifier: BSD-2-Clause
// The name and version of this program. Raised together with the project version in CMakeLists.txt.
// Runs in: any.
#pragma once

#include <string_view>

namespace sluice {

inline constexpr std::string_view kProductName = "sluice";
inline constexpr std::string_view kVersion = "0.2.0";
/// Name and version, as `server_tokens on` shows them.
inline constexpr std::string_view kProduct = "sluice/0.2.0";

}  // namespace sluice
