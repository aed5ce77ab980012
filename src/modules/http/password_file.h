// SPDX-License-Identifier: BSD-2-Clause
// Password file: lines of `user:hash`, and whether a password fits a hash: crypt(3) with all that
// the system's libcrypt knows (bcrypt, yescrypt, SHA-512 …), apr1, {SHA}, {SSHA} and {PLAIN}.
// Runs in: any thread. Blocks: hashes are made to be slow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::modules {

/// The hash of the first line of `user`; nothing where there is none.
[[nodiscard]] std::optional<std::string_view> find_hash(std::string_view file,
                                                        std::string_view user);

/// Whether `password` is the one that `hash` was made of. Malformed or unknown hashes fit nothing.
[[nodiscard]] bool fits_hash(const std::string& password, std::string_view hash);

}  // namespace sluice::modules
