// SPDX-License-Identifier: BSD-2-Clause
// Field lines, framing, target.
// Runs in: worker.
#include "proto/http1/parser.h"

#include <array>
#include <cstring>
#include <optional>

#include "base/ascii.h"
#include "proto/http/uri.h"
#include "proto/http1/bytes.h"

namespace sluice::http1 {

namespace {

using http::Field;
using http::Header;
using http::Request;

struct NamedMethod {
    std::string_view text;
    http::Method method;
};

constexpr std::array<NamedMethod, 16> kMethods{{
    {"GET", http::Method::Get},
    {"HEAD", http::Method::Head},
    {"POST", http::Method::Post},
    {"PUT", http::Method::Put},
    {"DELETE", http::Method::Delete},
    {"OPTIONS", http::Method::Options},
    {"TRACE", http::Method::Trace},
    {"CONNECT", http::Method::Connect},
    {"PATCH", http::Method::Patch},
    {"MKCOL", http::Method::Mkcol},
    {"COPY", http::Method::Copy},
    {"MOVE", http::Method::Move},
    {"PROPFIND", http::Method::Propfind},
    {"PROPPATCH", http::Method::Proppatch},
    {"LOCK", http::Method::Lock},
    {"UNLOCK", http::Method::Unlock},
}};

struct NamedField {
    std::string_view name;  // lower case
    Field field;
};

// Sorted by length, so that a name is compared with the few of its own length only.
constexpr std::array<NamedField, http::kFieldCount> kFields{{
    {"host", Field::Host},
    {"range", Field::Range},
    {"expect", Field::Expect},
    {"cookie", Field::Cookie},
    {"upgrade", Field::Upgrade},
    {"referer", Field::Referer},
    {"if-match", Field::IfMatch},
    {"if-range", Field::IfRange},
    {"connection", Field::Connection},
    {"keep-alive", Field::KeepAlive},
    {"user-agent", Field::UserAgent},
    {"content-type", Field::ContentType},
    {"if-none-match", Field::IfNoneMatch},
    {"authorization", Field::Authorization},
    {"content-length", Field::ContentLength},
    {"accept-encoding", Field::AcceptEncoding},
    {"x-forwarded-for", Field::XForwardedFor},
    {"transfer-encoding", Field::TransferEncoding},
    {"if-modified-since", Field::IfModifiedSince},
    {"if-unmodified-since", Field::IfUnmodifiedSince},
}};

constexpr std::size_t kLongestField = kFields.back().name.size();

// kFirstOfLength[n]: index of the first field whose name has n bytes or more.
constexpr std::array<std::uint8_t, kLongestField + 2> kFirstOfLength = [] {
    std::array<std::uint8_t, kLongestField + 2> table{};
    for (std::size_t length = 0; length < table.size(); ++length) {
        std::uint8_t index = 0;
        while (index < kFields.size() && kFields[index].name.size() < length) {
            ++index;
        }
        table[length] = index;
    }
    return table;
}();

// Whether `name`, a token, is `lower` but for its case; both have the same size. Of a token's bytes
// only a capital letter becomes a small one, or a '-', by that bit.
bool is_named(std::string_view name, std::string_view lower) {
    for (std::size_t i = 0; i < lower.size(); ++i) {
        if ((name[i] | 0x20) != lower[i]) {
            return false;
        }
    }
    return true;
}

constexpr std::uint32_t bit(Field field) {
    return std::uint32_t{1} << static_cast<unsigned>(field);
}

// Sent twice, these make a request ambiguous; nginx refuses the same ones.
constexpr std::uint32_t kUnique =
    bit(Field::Host) | bit(Field::ContentLength) | bit(Field::TransferEncoding) |
    bit(Field::ContentType) | bit(Field::Expect) | bit(Field::Upgrade) |
    bit(Field::IfModifiedSince) | bit(Field::IfUnmodifiedSince) | bit(Field::IfNoneMatch) |
    bit(Field::IfMatch) | bit(Field::IfRange) | bit(Field::Range) | bit(Field::UserAgent) |
    bit(Field::Referer) | bit(Field::Authorization);

enum class LineKind : std::uint8_t { Kept, Dropped, Bad };

// [begin, end) without the blanks around it.
std::string_view trimmed(const char* begin, const char* end) {
    while (begin != end && (*begin == ' ' || *begin == '\t')) {
        ++begin;
    }
    while (begin != end && (end[-1] == ' ' || end[-1] == '\t')) {
        --end;
    }
    return {begin, static_cast<std::size_t>(end - begin)};
}

// One field line without its line end.
LineKind parse_field_line(std::string_view line, const HeadLimits& limits, Header& out) {
    std::size_t name_end = 0;
    std::uint8_t classes = kToken | kPlainName;
    bool has_underscore = false;
    // RFC 9112 §5.1, §5.2: no white space before the colon, no folded lines: neither is a token.
    for (; name_end < line.size() && line[name_end] != ':'; ++name_end) {
        const char c = line[name_end];
        const std::uint8_t of_byte = kByteClasses[static_cast<unsigned char>(c)];
        if (c == '_') {
            has_underscore = true;
            continue;
        }
        classes &= of_byte;
    }
    if (name_end == 0 || name_end == line.size() || (classes & kToken) == 0) {
        return LineKind::Bad;
    }
    out.name = std::string_view(line.data(), name_end);
    out.value = trimmed(line.data() + name_end + 1, line.data() + line.size());
    if (has_control_byte(out.value)) {
        return LineKind::Bad;
    }
    const bool is_plain =
        (classes & kPlainName) != 0 && (!has_underscore || limits.allows_underscores);
    if (!is_plain && limits.ignores_invalid) {
        return LineKind::Dropped;
    }
    out.field = has_underscore ? Field::Other : field_of(out.name);
    return LineKind::Kept;
}

HeadFault parse_fields(std::string_view bytes,
                       const HeadScan& scan,
                       const HeadLimits& limits,
                       Arena& arena,
                       Request& request) {
    const std::span<Header> table = arena.make_span<Header>(scan.field_lines());
    if (table.size() != scan.field_lines()) {
        return HeadFault::NoMemory;
    }
    std::size_t count = 0;
    const char* at = bytes.data() + scan.line().end;
    at += *at == '\r' ? 2 : 1;  // the request line's own end
    const char* const head_end = bytes.data() + scan.size();
    const auto next_line = [&] {
        const char* const lf = static_cast<const char*>(
            std::memchr(at, '\n', static_cast<std::size_t>(head_end - at)));
        const char* const end = lf > at && lf[-1] == '\r' ? lf - 1 : lf;
        const std::string_view line(at, static_cast<std::size_t>(end - at));
        at = lf + 1;
        return line;
    };
    for (std::uint32_t i = 0; i < scan.field_lines(); ++i) {
        Header& header = table[count];
        const LineKind kind = parse_field_line(next_line(), limits, header);
        if (kind == LineKind::Bad) {
            return HeadFault::Malformed;
        }
        if (kind == LineKind::Dropped) {
            continue;
        }
        ++count;
        if (header.field == Field::Other) {
            continue;
        }
        const Header*& first = request.known[static_cast<std::size_t>(header.field)];
        if (first == nullptr) {
            first = &header;
        } else if ((kUnique & bit(header.field)) != 0) {
            return HeadFault::Malformed;
        }
    }
    request.headers = table.first(count);
    return HeadFault::None;
}

// RFC 9112 §6: what follows the head. Anything ambiguous is refused.
HeadFault decide_framing(Request& request) {
    const std::string_view coding = request.get(Field::TransferEncoding);
    const std::string_view length = request.get(Field::ContentLength);
    if (coding.data() != nullptr) {
        if (length.data() != nullptr || request.version != http::Version::Http11) {
            return HeadFault::Malformed;
        }
        if (!equals_ignoring_case(coding, "chunked")) {
            return HeadFault::BadCoding;
        }
        request.is_chunked = true;
        return HeadFault::None;
    }
    if (length.data() == nullptr) {
        return HeadFault::None;
    }
    const std::optional<std::uint64_t> size = parse_decimal(length);
    if (!size || *size > INT64_MAX) {
        return HeadFault::Malformed;
    }
    request.content_length = static_cast<std::int64_t>(*size);
    return HeadFault::None;
}

bool list_has(std::string_view list, std::string_view word) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        if (equals_ignoring_case(trim(list.substr(0, comma)), word)) {
            return true;
        }
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    }
    return false;
}

// RFC 9112 §9.3. Several Connection fields count as one list.
bool asks_to_keep_alive(const Request& request) {
    bool closes = false;
    bool keeps = false;
    if (request.known[static_cast<std::size_t>(Field::Connection)] != nullptr) {
        for (const Header& header : request.headers) {
            if (header.field == Field::Connection) {
                closes = closes || list_has(header.value, "close");
                keeps = keeps || list_has(header.value, "keep-alive");
            }
        }
    }
    return !closes && (keeps || request.version == http::Version::Http11);
}

}  // namespace

http::Method method_of(std::string_view text) {
    for (const NamedMethod& named : kMethods) {
        if (named.text == text) {
            return named.method;
        }
    }
    return http::Method::Other;
}

Field field_of(std::string_view name) {
    if (name.size() > kLongestField) {
        return Field::Other;
    }
    const std::size_t end = kFirstOfLength[name.size() + 1];
    for (std::size_t i = kFirstOfLength[name.size()]; i < end; ++i) {
        if (is_named(name, kFields[i].name)) {
            return kFields[i].field;
        }
    }
    return Field::Other;
}

void note_request_line(std::string_view bytes, const HeadScan& scan, Request& request) {
    const RequestLine& line = scan.line();
    if (!scan.has_request_line() || line.end == 0) {
        return;
    }
    request.version = line.version;
    // The scan's offsets lie within `bytes`: no need for substr() to check them.
    const auto between = [bytes](std::uint32_t begin, std::uint32_t end) {
        return std::string_view(bytes.data() + begin, end - begin);
    };
    request.line = between(line.begin, line.end);
    if (line.target_end != 0) {
        request.method_text = between(line.begin, line.method_end);
        const bool is_get = request.method_text.size() == 3 &&
                            std::memcmp(request.method_text.data(), "GET", 3) == 0;
        request.method = is_get ? http::Method::Get : method_of(request.method_text);
        request.target = between(line.target, line.target_end);
    }
}

HeadFault parse_head(std::string_view bytes,
                     const HeadScan& scan,
                     const HeadLimits& limits,
                     Arena& arena,
                     Request& request) {
    note_request_line(bytes, scan, request);
    if (request.version == http::Version::Http09) {
        request.keeps_alive = false;
        return HeadFault::None;
    }
    HeadFault fault = parse_fields(bytes, scan, limits, arena, request);
    if (fault != HeadFault::None) {
        return fault;
    }
    fault = decide_framing(request);
    if (fault != HeadFault::None) {
        return fault;
    }
    // RFC 9112 §3.2: a 1.1 request without Host is answered 400.
    if (request.version == http::Version::Http11 && request.get(Field::Host).data() == nullptr) {
        return HeadFault::Malformed;
    }
    request.keeps_alive = asks_to_keep_alive(request);
    return HeadFault::None;
}

HeadFault fill_target(Request& request, bool merge_slashes, Arena& arena) {
    const auto fault_of = [](http::UriFault fault) {
        return fault == http::UriFault::NoMemory ? HeadFault::NoMemory : HeadFault::Malformed;
    };
    if (request.method == http::Method::Connect || request.method == http::Method::Trace) {
        return HeadFault::BadMethod;
    }
    const auto uri = http::parse_target(request.target, merge_slashes, arena);
    if (!uri) {
        return fault_of(uri.error());
    }
    if (uri->path == "*" && request.method != http::Method::Options) {
        return HeadFault::Malformed;
    }
    request.uri = uri->path;
    request.args = uri->args;
    request.has_complex_uri = uri->is_complex;
    // RFC 9112 §3.2.2: the authority of an absolute-form target counts, Host is ignored; but a
    // Host that is no host is refused all the same.
    const std::string_view field = request.get(Field::Host);
    if (field.data() != nullptr) {
        const auto host = http::parse_host(field, arena);
        if (!host) {
            return fault_of(host.error());
        }
        request.host = *host;
    }
    if (uri->authority.data() != nullptr) {
        const auto host = http::parse_host(uri->authority, arena);
        if (!host) {
            return fault_of(host.error());
        }
        request.host = *host;
    }
    return HeadFault::None;
}

}  // namespace sluice::http1
