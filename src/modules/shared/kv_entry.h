// SPDX-License-Identifier: BSD-2-Clause
// What an entry of a zone of keys and values is made of: {length of the media type} media type, bytes.
// HTTP and RESP share it; an entry that came over RESP has no media type.
// Runs in: worker.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace sluice::modules {

/// What stands before the bytes of an entry without a media type.
inline constexpr std::string_view kPlainHead{"\0", 1};

/// Where the bytes begin in a whole entry, or in the beginning of one.
[[nodiscard]] inline std::size_t value_begin(std::string_view entry) {
    const std::size_t type = entry.empty() ? 0 : static_cast<unsigned char>(entry.front());
    return std::min(entry.size(), type + 1);
}

/// The media type of a whole entry; empty: it has none.
[[nodiscard]] inline std::string_view entry_type(std::string_view entry) {
    const std::size_t begin = value_begin(entry);
    return begin == 0 ? std::string_view{} : entry.substr(1, begin - 1);
}

}  // namespace sluice::modules
