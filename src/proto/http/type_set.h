// SPDX-License-Identifier: BSD-2-Clause
// TypeSet: the media types that a filter is for, as charset_types and its kin name them, and what a
// Content-Type says.
// Runs in: any (parse), worker (has).
#pragma once

#include <span>
#include <string_view>

#include "conf/build.h"
#include "conf/parse_as.h"

namespace sluice::http {

/// Lives: as long as the generation.
struct TypeSet {
    std::span<const std::string_view> types;
    bool has_all = false;  ///< "*"

    /// Whether a Content-Type of this value is meant; parameters do not matter.
    [[nodiscard]] bool has(std::string_view content_type) const;
    /// The same of a type that is known to have no parameters.
    [[nodiscard]] bool has_bare(std::string_view type) const;
};

/// A Content-Type's value without its parameters.
[[nodiscard]] std::string_view bare_type(std::string_view content_type);

/// The charset that a Content-Type names; empty: none.
[[nodiscard]] std::string_view charset_of(std::string_view content_type);

}  // namespace sluice::http

/// All arguments; text/html always belongs to it, as in nginx.
template <>
struct sluice::conf::ParseAs<sluice::http::TypeSet> {
    static bool parse(Build& build, const Directive& directive, http::TypeSet& out);
};
