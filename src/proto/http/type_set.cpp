// SPDX-License-Identifier: BSD-2-Clause
// TypeSet: parsing, looking up.
// Runs in: any (parse), worker (has).
#include "proto/http/type_set.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/ascii.h"

namespace sluice::http {

std::string_view bare_type(std::string_view content_type) {
    return trim(content_type.substr(0, content_type.find(';')));
}

std::string_view charset_of(std::string_view content_type) {
    for (std::size_t at = content_type.find(';'); at != std::string_view::npos;
         at = content_type.find(';', at + 1)) {
        constexpr std::string_view kName = "charset=";
        const std::string_view field = trim(content_type.substr(at + 1));
        if (equals_ignoring_case(field.substr(0, kName.size()), kName)) {
            std::string_view value = field.substr(kName.size());
            value = trim(value.substr(0, value.find(';')));
            const bool is_quoted = value.size() > 1 && value.front() == '"' && value.back() == '"';
            return is_quoted ? value.substr(1, value.size() - 2) : value;
        }
    }
    return {};
}

bool TypeSet::has(std::string_view content_type) const {
    return has_bare(bare_type(content_type));
}

bool TypeSet::has_bare(std::string_view type) const {
    return has_all || std::ranges::any_of(types, [type](std::string_view one) {
               return equals_ignoring_case(one, type);
           });
}

}  // namespace sluice::http

namespace sluice::conf {

bool ParseAs<http::TypeSet>::parse(Build& build, const Directive& directive, http::TypeSet& out) {
    std::vector<std::string_view> types{"text/html"};
    for (const Argument& argument : directive.args) {
        if (argument.text == "*") {
            out = {.types = {}, .has_all = true};
            return true;
        }
        const auto same = [&argument](std::string_view one) {
            return equals_ignoring_case(one, argument.text);
        };
        if (std::ranges::none_of(types, same)) {
            types.push_back(argument.text);
        } else if (argument.at.line != 0) {
            build.warn(argument.at, "duplicate MIME type \"" + std::string(argument.text) + "\"",
                       "text/html always belongs to the list");
        }
    }
    const auto kept = build.arena().make_span<std::string_view>(types.size());
    std::ranges::copy_n(types.begin(), static_cast<std::ptrdiff_t>(kept.size()), kept.begin());
    out = {.types = kept, .has_all = false};
    return kept.size() == types.size();
}

}  // namespace sluice::conf
