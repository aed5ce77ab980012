// SPDX-License-Identifier: BSD-2-Clause
// Replacement text: the uri or Location that a matching `rewrite` gives. Groups of a path that the
// client had escaped are escaped again where they become arguments or a redirect.
// Runs in: worker.
#pragma once

#include <string_view>

#include "modules/http/rewrite_program.h"

namespace sluice::modules {

/// Lives: the exchange's arena. Fails: data() == nullptr where that is full.
struct RewrittenUri {
    std::string_view path;
    std::string_view args;
};

[[nodiscard]] RewrittenUri rewritten_uri(http::Exchange& exchange, const Replacement& replacement);

/// Lives: the exchange's arena. Fails: data() == nullptr where that is full.
[[nodiscard]] std::string_view redirect_text(http::Exchange& exchange,
                                             const Replacement& replacement);

}  // namespace sluice::modules
