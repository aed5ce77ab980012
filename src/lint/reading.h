// SPDX-License-Identifier: BSD-2-Clause
// Reading: small questions about written directives that many rules ask.
// Runs in: any (the command line).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "conf/tree.h"
#include "lint/rule.h"

namespace sluice::lint {

using Directives = std::span<const conf::Directive>;

/// The n-th argument, or an empty text.
[[nodiscard]] std::string_view argument(const conf::Directive& directive, std::size_t index = 0);
/// Whether one of the arguments is `text`.
[[nodiscard]] bool has_argument(const conf::Directive& directive, std::string_view text);

/// The first directive of that name in a block itself, or null.
[[nodiscard]] const conf::Directive* find(Directives block, std::string_view name);
[[nodiscard]] std::size_t count(Directives block, std::string_view name);

/// The place of the nearest block of that name, from `place` itself outwards, or null.
[[nodiscard]] const Place* enclosing(const Place& place, std::string_view name);
/// The directive of that name that holds in a block: its own, or the nearest further out, or null.
[[nodiscard]] const conf::Directive* effective(const Place& block, std::string_view name);

/// Calls `see` for each directive below, blocks before what is in them.
template <class See>
void each(Directives block, const See& see) {
    for (const conf::Directive& directive : block) {
        see(directive);
        each(directive.children, see);
    }
}

/// Whether `$name` or `${name}` is in the text.
[[nodiscard]] bool uses(std::string_view text, std::string_view name);
/// Whether any argument anywhere in the configuration uses the variable.
[[nodiscard]] bool uses_anywhere(const conf::Tree& tree, std::string_view name);

[[nodiscard]] inline bool is_constant(std::string_view text) {
    return text.find('$') == std::string_view::npos;
}

/// What a location's head says.
struct LocationHead {
    enum class Kind : unsigned char { Prefix, PrefixFirst, Exact, Regex, Named };
    Kind kind = Kind::Prefix;
    std::string_view text;  ///< without the sign
    bool is_caseless = false;
};

[[nodiscard]] LocationHead head_of(const conf::Directive& location);

/// Whether nobody gets anything here: `deny all` without an allow, `return 4xx`, `internal`.
[[nodiscard]] bool refuses(Directives block);
/// Whether something here decides who may: deny, auth_basic, internal, a refusal.
[[nodiscard]] bool guards(Directives block);
/// Whether it is a `return` of a refusal: 400 … 499.
[[nodiscard]] bool is_refusal(const conf::Directive& directive);

/// Where a redirect goes to: the text of `return 30x TEXT`, `return URL` or of a `rewrite` that
/// answers with a redirect; empty: no redirect.
[[nodiscard]] std::string_view redirect_target(const conf::Directive& directive);

/// `path` taken from the prefix.
[[nodiscard]] std::string absolute(const Subject& subject, std::string_view path);
[[nodiscard]] std::string without_end_slash(std::string_view path);
/// Whether `path` is in `directory` or further down; both absolute. Nothing is below an empty one.
[[nodiscard]] bool is_below(std::string_view path, std::string_view directory);

}  // namespace sluice::lint
