// SPDX-License-Identifier: BSD-2-Clause
// Request: what a client asked for, free of any wire. A wire (http1 now) fills it; handlers read
// it. Runs in: worker.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::http {

enum class Method : std::uint8_t {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Trace,
    Connect,
    Patch,
    Mkcol,
    Copy,
    Move,
    Propfind,
    Proppatch,
    Lock,
    Unlock,
    Other,  ///< a valid token that has no name here; see Request::method_text
};

/// Fields that the server itself reads; the wire notes where each stands.
enum class Field : std::uint8_t {
    Host,
    Connection,
    ContentLength,
    TransferEncoding,
    ContentType,
    Expect,
    Upgrade,
    KeepAlive,
    IfModifiedSince,
    IfUnmodifiedSince,
    IfNoneMatch,
    IfMatch,
    IfRange,
    Range,
    UserAgent,
    Referer,
    AcceptEncoding,
    Authorization,
    Cookie,
    XForwardedFor,
    Other,
};
inline constexpr std::size_t kFieldCount = static_cast<std::size_t>(Field::Other);

struct Header {
    std::string_view name;   ///< as received
    std::string_view value;  ///< trimmed
    Field field = Field::Other;
};

enum class Version : std::uint8_t { Http09, Http10, Http11, Http2 };

/// Lives: all views end with the exchange. The wire keeps the bytes still until then.
struct Request {
    Method method = Method::Get;
    Version version = Version::Http11;
    bool is_chunked = false;
    bool keeps_alive = false;          ///< what the client asked for; the wire may still refuse
    bool is_pipelined = false;         ///< arrived before the reply to the one before was sent
    bool is_internal = false;          ///< after an internal redirect: `internal` locations match
    bool has_complex_uri = false;      ///< uri differs from the target's path text
    std::int64_t content_length = -1;  ///< -1: none
    std::string_view method_text;
    std::string_view line;    ///< whole request line, as received ($request)
    std::string_view target;  ///< as received ($request_uri)
    std::string_view uri;     ///< decoded and normalised path ($uri); changes on internal redirects
    std::string_view args;    ///< without '?' ($args)
    std::string_view host;    ///< lower case, without port and trailing dot; empty: none
    std::span<const Header> headers;
    std::array<const Header*, kFieldCount> known{};  ///< first occurrence of each, or null

    /// The value of a field the server knows; data() == nullptr where it is absent.
    [[nodiscard]] std::string_view get(Field field) const {
        const Header* const header = known[static_cast<std::size_t>(field)];
        return header == nullptr ? std::string_view{} : header->value;
    }

    /// First header of that name, ignoring case, or null.
    [[nodiscard]] const Header* find(std::string_view name) const;
};

}  // namespace sluice::http
