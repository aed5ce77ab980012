// SPDX-License-Identifier: BSD-2-Clause
// Listen addresses: `8080`, `*:80`, `localhost:80`, `[::]:80`, `unix:/path` to their canonical
// keys. Runs in: any.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "conf/facts.h"

namespace sluice::conf {

/// The canonical keys that `text` means: "0.0.0.0:8080", "[::1]:80", "unix:/path"; several where a
/// host name has several addresses, or where a range of ports is given ("8000-8010"). `default_port` is used where the text has none.
/// Fails: nginx's words for what is wrong: `invalid port in "x" of the "listen" directive` without
/// the directive's part.
[[nodiscard]] std::expected<std::vector<std::string>, std::string> listen_keys(
    std::string_view text, int default_port, Facts& facts);
/// The port of a key, or 0 for a Unix socket.
[[nodiscard]] int port_of_key(std::string_view key);

}  // namespace sluice::conf
