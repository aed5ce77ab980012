// SPDX-License-Identifier: BSD-2-Clause
// Accepted: nginx's directives that are read without effect (one warning each), and the names of
// those that this version does not have. A directive whose absence would change who may see what is
// never accepted.
// Runs in: any.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "conf/context.h"
#include "conf/row.h"

namespace sluice::conf {

struct AcceptedRow {
    std::string_view name;
    ContextMask contexts = 0;
    std::string_view why;    ///< what sluice does instead
    bool is_silent = false;  ///< tuning of nginx's inner tables: not worth a warning
    Arity arity{1, 1};
};

[[nodiscard]] std::span<const AcceptedRow> accepted_directives();
[[nodiscard]] const AcceptedRow* find_accepted(std::string_view name);
/// Whether `name` is a directive of nginx that sluice refuses for now.
[[nodiscard]] bool is_nginx_directive(std::string_view name);

}  // namespace sluice::conf
