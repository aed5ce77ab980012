// SPDX-License-Identifier: BSD-2-Clause
// Fuzzes request targets: what is accepted is a path that stays below the root, and escaping it and
// reading it again gives the same path.
// Runs in: tests.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proto/http/uri.h"

namespace {

using namespace sluice;  // NOLINT: a program of one file

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void check_path(std::string_view path) {
    require(path.starts_with('/'));
    require(path.find('\0') == path.npos);
    const std::string framed = std::string(path) + "/";
    require(framed.find("/../") == framed.npos);
    require(framed.find("/./") == framed.npos);
}

void check_target(std::string_view target, bool merge_slashes) {
    Arena arena(4096, 1 << 20);
    const auto uri = http::parse_target(target, merge_slashes, arena);
    if (!uri || uri->path == "*") {
        return;
    }
    check_path(uri->path);
    require(!merge_slashes || !uri->is_complex || uri->path.find("//") == uri->path.npos);
    require(uri->args.find('\0') == uri->args.npos);
    const std::string_view escaped = http::escape(uri->path, http::Escape::Component, arena);
    std::string again;
    for (std::size_t at = 0; at < escaped.size(); ++at) {
        const bool is_slash = escaped.substr(at, 3) == "%2F";
        again += is_slash ? '/' : escaped[at];
        at += is_slash ? 2 : 0;
    }
    const auto back = http::parse_target(again, merge_slashes, arena);
    require(back.has_value() && back->path == uri->path);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(static_cast<const char*>(static_cast<const void*>(data)), size);
    check_target(text, true);
    check_target(text, false);
    Arena arena(4096, 1 << 20);
    if (const auto path = http::normalise_path(text, true, arena)) {
        check_path(*path);
    }
    if (const auto host = http::parse_host(text, arena)) {
        require(!host->empty() && host->find('/') == host->npos && host->find('\0') == host->npos);
        require(http::parse_host(*host, arena) == host);
    }
    return 0;
}
