// SPDX-License-Identifier: BSD-2-Clause
// Entity tags of files.
// Runs in: worker.
#include "proto/http/etag.h"

#include <charconv>

namespace sluice::http {

std::string_view make_etag(UnixSeconds modified,
                           std::uint64_t size,
                           std::span<char, kMaxEtagSize> out) {
    char* const end = out.data() + out.size();
    char* at = out.data();
    *at++ = '"';
    at = std::to_chars(at, end, static_cast<std::uint64_t>(modified.count()), 16).ptr;
    *at++ = '-';
    at = std::to_chars(at, end, size, 16).ptr;
    *at++ = '"';
    return {out.data(), static_cast<std::size_t>(at - out.data())};
}

}  // namespace sluice::http
