// SPDX-License-Identifier: BSD-2-Clause
// Reading requests to keys and values.
// Runs in: worker.
#include "modules/shared/kv_request.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "proto/http/site.h"
#include "sys/file.h"

namespace sluice::modules {

using http::Exchange;

std::string_view kv_key(Exchange& exchange, const KvConf& conf) {
    if (conf.has_key) {
        return exchange.render(conf.key);
    }
    std::string_view uri = exchange.request.uri;
    const http::Location& location = *exchange.location;
    const bool is_prefix = location.match == http::Match::Prefix ||
                           location.match == http::Match::PrefixNoRegex ||
                           location.match == http::Match::Exact;
    if (is_prefix && uri.starts_with(location.name)) {
        uri.remove_prefix(location.name.size());
    }
    return uri;
}

std::optional<std::string_view> query_argument(std::string_view args, std::string_view name) {
    while (!args.empty()) {
        const std::size_t size = std::min(args.find('&'), args.size());
        const std::string_view one = args.substr(0, size);
        args.remove_prefix(std::min(size + 1, args.size()));
        if (one.starts_with(name) && one.substr(name.size()).starts_with('=')) {
            return one.substr(name.size() + 1);
        }
    }
    return std::nullopt;
}

bool read_ttl(const http::Request& request, Millis& ttl) {
    std::optional<std::string_view> text = query_argument(request.args, "ttl");
    if (const http::Header* const header = request.find("X-TTL"); !text && header != nullptr) {
        text = header->value;
    }
    constexpr std::string_view kMaxAge = "max-age=";
    if (const http::Header* const header = request.find("Cache-Control");
        !text && header != nullptr && header->value.find(kMaxAge) != std::string_view::npos) {
        text = header->value.substr(header->value.find(kMaxAge) + kMaxAge.size());
        text = text->substr(0, text->find_first_of(", "));
    }
    if (!text) {
        return true;
    }
    constexpr std::uint64_t kMost = std::uint64_t{100} * 366 * 86400;
    const std::optional<std::uint64_t> seconds = parse_decimal(*text);
    if (!seconds || *seconds > kMost) {
        return false;
    }
    ttl = Millis(static_cast<std::int64_t>(*seconds) * 1000);
    return true;
}

ChangeCondition change_condition(const http::Request& request) {
    if (const std::string_view match = request.get(http::Field::IfMatch); match.data() != nullptr) {
        if (match == "*") {
            return {.when = shm::PutWhen::IfPresent};
        }
        std::uint64_t version = 0;
        const bool is_quoted = match.size() > 2 && match.starts_with('"') && match.ends_with('"');
        const std::string_view inner = is_quoted ? match.substr(1, match.size() - 2) : "";
        const auto read = std::from_chars(inner.data(), inner.data() + inner.size(), version, 16);
        // One tag of ours; a list of several, a weak or a foreign one matches nothing.
        const bool is_ours = !inner.empty() && read.ptr == inner.data() + inner.size() &&
                             read.ec == std::errc{};
        return {.is_good = is_ours, .when = shm::PutWhen::IfVersion, .version = version};
    }
    if (request.get(http::Field::IfNoneMatch) == "*") {
        return {.when = shm::PutWhen::IfAbsent};
    }
    return {};
}

std::string packed_entry(const Exchange& exchange) {
    std::string_view type = exchange.request.get(http::Field::ContentType);
    if (type.empty() || type.size() > kLongestType) {
        type = kDefaultType;
    }
    std::string value(1, static_cast<char>(static_cast<unsigned char>(type.size())));
    value += type;
    const http::RequestBody& body = exchange.body;
    if (!body.is_in_file()) {
        return value.append(body.memory());
    }
    // Just written, so it comes from the page cache.
    std::size_t filled = value.size();
    value.resize(filled + body.size());
    for (off_t at = 0; filled < value.size();) {
        const Result<sys::Transfer> got =
            sys::read_at(body.fd(), std::span(value).subspan(filled), at);
        if (!got || got->size == 0) {
            return {};
        }
        filled += got->size;
        at += static_cast<off_t>(got->size);
    }
    return value;
}

}  // namespace sluice::modules
