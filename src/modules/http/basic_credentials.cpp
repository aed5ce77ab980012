// SPDX-License-Identifier: BSD-2-Clause
// Reading Basic credentials.
// Runs in: worker.
#include "modules/http/basic_credentials.h"

#include "base/ascii.h"
#include "base/base64.h"

namespace sluice::modules {

std::optional<BasicCredentials> basic_credentials(const http::Request& request, Arena& arena) {
    constexpr std::string_view kScheme = "Basic ";
    std::string_view field = request.get(http::Field::Authorization);
    if (field.size() <= kScheme.size() ||
        !equals_ignoring_case(field.substr(0, kScheme.size()), kScheme)) {
        return std::nullopt;
    }
    field = trim(field.substr(kScheme.size()));
    const auto room = arena.make_span<char>(base64_bound(field.size()));
    if (room.size() < base64_bound(field.size())) {
        return std::nullopt;
    }
    const std::optional<std::size_t> size = decode_base64(field, room);
    const std::string_view text(room.data(), size.value_or(0));
    const std::size_t colon = text.find(':');
    if (colon == text.npos || colon == 0) {
        return std::nullopt;
    }
    return BasicCredentials{.user = text.substr(0, colon), .password = text.substr(colon + 1)};
}

}  // namespace sluice::modules
