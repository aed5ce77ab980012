// SPDX-License-Identifier: BSD-2-Clause
// Words of a line that somebody typed: separated by blanks, quoted where they hold some.
// Runs in: worker.
#pragma once

#include <string_view>

#include "proto/resp/request_parser.h"

namespace sluice::resp {

/// Makes a request of a line. "…" knows \n \r \t \b \a \xHH and \ before any other byte,
/// '…' knows \' only. False: a quote is not closed, or something follows a closing one.
[[nodiscard]] bool split_words(std::string_view line, Request& request);

}  // namespace sluice::resp
