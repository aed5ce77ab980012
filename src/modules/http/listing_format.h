// SPDX-License-Identifier: BSD-2-Clause
// The text of a directory listing in the four forms of autoindex_format, byte for byte nginx's.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/units.h"

namespace sluice::modules {

enum class ListingFormat : std::uint8_t { Html, Json, Xml, Jsonp };

struct ListingStyle {
    ListingFormat format = ListingFormat::Html;
    bool has_exact_size = true;   ///< html: bytes rather than K, M, G
    bool is_utf8 = false;         ///< html: names are measured in characters
    UnixSeconds utc_offset{};     ///< html: added to times
    std::string_view callback;    ///< jsonp: the function's name
};

struct ListedFile {
    enum class Kind : std::uint8_t { Directory, File, Other };

    std::string_view name;
    Kind kind = Kind::Other;
    std::uint64_t size = 0;
    UnixSeconds modified{};
};

[[nodiscard]] std::string_view content_type_of(ListingFormat format);

/// Whether jsonp may call a function of this name: at most 128 letters, digits, '_' and '.'.
[[nodiscard]] bool is_callback(std::string_view name);

void append_listing_head(std::string& out, const ListingStyle& style, std::string_view uri);
/// `is_first`: the first entry of the listing.
void append_listed(std::string& out, const ListingStyle& style, const ListedFile& file, bool is_first);
void append_listing_end(std::string& out, const ListingStyle& style);

}  // namespace sluice::modules
