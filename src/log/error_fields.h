// SPDX-License-Identifier: BSD-2-Clause
// ErrorFields: the parts of an error line as they can be read back from its text, which is nginx's:
// `*7 open() "/www/x" failed (2: No such file or directory), client: 10.0.0.1, server: a.example,
// request: "GET /x HTTP/1.1"`. So JSON costs nothing where nobody asked for it. What a peer chose stands
// in quotes and has no quote inside, so it cannot be taken for a part.
// Runs in: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::log {

/// Views the line.
struct ErrorFields {
    std::optional<std::uint64_t> connection;  ///< behind the `*`
    std::string_view message;                 ///< without the two ends
    int error = 0;                            ///< the last errno that the message names
    std::string_view client;
    std::string_view server;
    std::string_view request;     ///< this and the following with Escaped's \xHH
    std::string_view subrequest;
    std::string_view upstream;
    std::string_view host;
    std::string_view referrer;
};

/// The parts of `text`; those that it has not are empty.
[[nodiscard]] ErrorFields error_fields(std::string_view text);

/// The byte that `text`, which starts with `\xHH`, stands for; nothing where it does not.
[[nodiscard]] std::optional<char> escaped_byte(std::string_view text);

}  // namespace sluice::log
