// SPDX-License-Identifier: BSD-2-Clause
// Patterns of keys: * ? [abc] [a-z] [^a] and \ before what means itself.
// Runs in: worker.
#pragma once

#include <string_view>

namespace sluice::resp {

/// Whether the whole of `text` fits. Costs at most the product of both lengths, whatever they are.
[[nodiscard]] bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace sluice::resp
