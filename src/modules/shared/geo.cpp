// SPDX-License-Identifier: BSD-2-Clause
// geo: a variable whose value depends on an address: networks, of which the narrowest counts, or
// ranges, of which the last written counts.
// Runs in: any (settings), worker (look-up).
#include <array>
#include <compare>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "conf/level.h"
#include "modules/shared/features.h"
#include "modules/shared/forwarded.h"
#include "modules/shared/range_table.h"
#include "net/network.h"
#include "proto/http/module.h"
#include "proto/stream/module.h"
#include "script/computed.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

struct KeyV4 {
    std::uint32_t value = 0;
    auto operator<=>(const KeyV4&) const = default;
};

struct KeyV6 {
    std::array<std::uint64_t, 2> value{};
    auto operator<=>(const KeyV6&) const = default;
};

/// The key behind `key`; false: it is the last one.
bool next(const KeyV4& key, KeyV4& out) {
    out.value = key.value + 1;
    return out.value != 0;
}

bool next(const KeyV6& key, KeyV6& out) {
    out.value[1] = key.value[1] + 1;
    out.value[0] = key.value[0] + (out.value[1] == 0 ? 1 : 0);
    return out != KeyV6{};
}

std::uint64_t read_bytes(const net::IpBytes& ip, std::size_t from, std::size_t count) {
    std::uint64_t out = 0;
    for (std::size_t i = from; i < from + count; ++i) {
        out = out << 8U | ip.bytes[i];
    }
    return out;
}

KeyV4 key_v4(const net::IpBytes& ip) {
    return {static_cast<std::uint32_t>(read_bytes(ip, 0, 4))};
}

KeyV6 key_v6(const net::IpBytes& ip) {
    return {{read_bytes(ip, 0, 8), read_bytes(ip, 8, 8)}};
}

struct Geo : script::Computed {
    bool has_source = false;  ///< else the client's address counts
    script::Template source;
    Trusted proxies;
    bool is_recursive = false;
    RangeTable<KeyV4> v4;
    RangeTable<KeyV6> v6;
    std::span<const std::string_view> values;
};

struct GeoConf {};

// ---- look-up ----

/// The address that counts; size 0: none. Nothing: no room for the text of it.
std::optional<net::IpBytes> address_for(const Geo& geo, const void* subject, Arena& arena) {
    const bool asks_proxies = !geo.proxies.empty();
    if (!geo.has_source) {
        const net::Address& peer = geo.access->peer(subject);
        return asks_proxies ? ip_behind(*geo.access, subject, peer, geo.proxies, geo.is_recursive)
                            : peer.ip();
    }
    const std::string_view text =
        geo.source.render(subject, arena, geo.access->captures(subject));
    if (text.data() == nullptr) {
        return std::nullopt;
    }
    if (!asks_proxies) {
        return net::parse_ip(text).value_or(net::IpBytes{});
    }
    const std::optional<net::Address> peer = parse_client(text);
    return peer ? ip_behind(*geo.access, subject, *peer, geo.proxies, geo.is_recursive)
                : net::IpBytes{};
}

script::Value compute(const script::Computed& self, const void* subject, Arena& arena) {
    const Geo& geo = static_cast<const Geo&>(self);
    const std::optional<net::IpBytes> address = address_for(geo, subject, arena);
    if (!address) {
        return script::Value::no_room();
    }
    const net::IpBytes ip = net::unmapped(*address);
    switch (ip.size) {
        case 4:
            return {geo.values[geo.v4.find(key_v4(ip))]};
        case 16:
            return {geo.values[geo.v6.find(key_v6(ip))]};
        default:  // nginx's stand-in for what has no address: a Unix socket, or no text of one
            return {geo.values[geo.v4.find(KeyV4{UINT32_MAX})]};
    }
}

// ---- settings ----

/// A stretch of addresses of one family with its value.
struct Entry {
    net::IpBytes first;
    net::IpBytes last;
    std::uint32_t number = 0;

    [[nodiscard]] bool is_same(const Entry& other) const {
        return first.size == other.first.size && first.bytes == other.first.bytes &&
               last.bytes == other.last.bytes;
    }
};

/// A geo while its block is read.
struct Reading {
    conf::Build& build;
    Geo& geo;
    bool has_ranges = false;
    bool has_default = false;
    std::vector<Entry> entries{};
    /// By first and last address: the entry that counts so far.
    std::unordered_map<std::string, std::size_t> known{};
    std::vector<std::string_view> values{""};  ///< 0: the default
    std::unordered_map<std::string_view, std::uint32_t> numbers{};
};

std::string name_of(const Entry& entry) {
    std::string out;
    for (const net::IpBytes* const ip : {&entry.first, &entry.last}) {
        out.append(ip->bytes.begin(), ip->bytes.begin() + static_cast<std::ptrdiff_t>(ip->size));
    }
    return out;
}

std::uint32_t number_of(Reading& reading, std::string_view value) {
    const auto [at, is_new] = reading.numbers.try_emplace(
        value, static_cast<std::uint32_t>(reading.values.size()));
    if (is_new) {
        reading.values.push_back(value);
    }
    return at->second;
}

bool read_range(Reading& reading, const conf::Argument& key, Entry& out) {
    const std::size_t dash = key.text.find('-');
    const auto first = net::parse_ip(key.text.substr(0, dash));
    const auto last = dash == key.text.npos ? std::nullopt : net::parse_ip(key.text.substr(dash + 1));
    if (!first || !last || first->size != 4 || last->size != 4 || key_v4(*first) > key_v4(*last)) {
        return reading.build.error(key, fmt::format("invalid range \"{}\"", key.text),
                                   "two IPv4 addresses: 10.0.0.1-10.0.0.9");
    }
    out.first = *first;
    out.last = *last;
    return true;
}

bool read_network(Reading& reading, const conf::Argument& key, Entry& out) {
    const auto network = net::Network::parse(key.text);
    if (!network) {
        return reading.build.error(key, fmt::format("invalid network \"{}\"", key.text),
                                   "an address or a network such as 10.0.0.0/8");
    }
    if (network->had_low_bits()) {
        reading.build.warn(key.at, fmt::format("low address bits of {} are meaningless", key.text));
    }
    out.first = network->first();
    out.last = network->last();
    return true;
}

bool read_key(Reading& reading, const conf::Argument& key, Entry& out) {
    return reading.has_ranges ? read_range(reading, key, out) : read_network(reading, key, out);
}

bool drop(Reading& reading, const conf::Argument& key) {
    Entry entry;
    if (!read_key(reading, key, entry)) {
        return false;
    }
    const auto found = reading.known.find(name_of(entry));
    if (found == reading.known.end()) {
        reading.build.warn(key.at, fmt::format("no {} \"{}\" to delete",
                                               reading.has_ranges ? "address range" : "network",
                                               key.text));
        return true;
    }
    if (reading.has_ranges) {  // what a range had covered is covered no more
        entry.number = 0;
        reading.entries.push_back(entry);
    } else {
        reading.entries[found->second].first.size = 0;
    }
    reading.known.erase(found);
    return true;
}

bool add(Reading& reading, const conf::Argument& key, std::string_view value) {
    Entry entry;
    if (!read_key(reading, key, entry)) {
        return false;
    }
    entry.number = number_of(reading, value);
    const auto [at, is_new] =
        reading.known.try_emplace(name_of(entry), reading.entries.size());
    if (is_new || reading.has_ranges) {
        at->second = reading.entries.size();
        reading.entries.push_back(entry);
    }
    if (!is_new) {
        Entry& old = reading.entries[at->second];
        reading.build.warn(key.at, fmt::format("duplicate {} \"{}\", value: \"{}\"",
                                               reading.has_ranges ? "range" : "network", key.text,
                                               value));
        old.number = entry.number;
    }
    return true;
}

bool set_default(Reading& reading, const conf::Argument& key, std::string_view value) {
    if (reading.has_default) {
        reading.build.warn(key.at, fmt::format("duplicate default geo value \"{}\"", value));
    }
    reading.has_default = true;
    reading.values[0] = value;
    return true;
}

bool read_row(Reading& reading, const conf::Directive& row) {
    const conf::Argument key{.text = row.name, .at = row.at};
    if (row.args.empty() && row.name == "ranges") {
        if (!reading.entries.empty() || reading.has_default) {
            return reading.build.error(
                key, "the \"ranges\" directive must be the first directive inside \"geo\" block");
        }
        reading.has_ranges = true;
        return true;
    }
    if (row.args.empty() && row.name == "proxy_recursive") {
        reading.geo.is_recursive = true;
        return true;
    }
    if (row.args.size() != 1 || row.has_block) {
        return reading.build.error(row, "invalid number of the geo parameters",
                                   "a network and its value");
    }
    if (row.name == "proxy") {
        if (reading.geo.access->forwarded == nullptr) {
            return reading.build.error(row, "\"proxy\" in \"geo\" is not allowed here",
                                       "it in a geo of http, where proxies name the client");
        }
        return add_trusted(reading.build, row.args[0], row.name, reading.geo.proxies);
    }
    if (row.name == "delete") {
        return drop(reading, row.args[0]);
    }
    return row.name == "default" ? set_default(reading, key, row.args[0].text)
                                 : add(reading, key, row.args[0].text);
}

bool build_tables(Reading& reading) {
    std::vector<Entry> entries;
    std::ranges::copy_if(reading.entries, std::back_inserter(entries),
                         [](const Entry& entry) { return entry.first.size != 0; });
    if (!reading.has_ranges) {
        // The wider ones first: narrower ones are painted over them.
        const auto width = [](const Entry& entry) {
            return entry.first.size == 4 ? KeyV6{{0, key_v4(entry.last).value - key_v4(entry.first).value}}
                                         : KeyV6{{key_v6(entry.last).value[0] - key_v6(entry.first).value[0],
                                                  key_v6(entry.last).value[1] - key_v6(entry.first).value[1]}};
        };
        std::ranges::stable_sort(entries, [width](const Entry& a, const Entry& b) {
            return width(a) > width(b);
        });
    }
    RangePainter<KeyV4> v4(0);
    RangePainter<KeyV6> v6(0);
    for (const Entry& entry : entries) {
        if (entry.first.size == 4) {
            v4.paint(key_v4(entry.first), key_v4(entry.last), entry.number);
        } else {
            v6.paint(key_v6(entry.first), key_v6(entry.last), entry.number);
        }
    }
    Arena& arena = reading.build.arena();
    const auto values = arena.make_span<std::string_view>(reading.values.size());
    std::copy_n(reading.values.begin(), values.size(), values.begin());
    reading.geo.values = values;
    return v4.build(arena, reading.geo.v4) && v6.build(arena, reading.geo.v6) && !values.empty();
}

bool open_geo(conf::Build& build, const conf::Directive& block, GeoConf&) {
    Geo* const geo = build.arena().make<Geo>();
    if (geo == nullptr) {
        return build.error(block, "no memory for geo");
    }
    geo->compute = &compute;
    const script::VariableTable variables = script::variables_of(build);
    geo->has_source = block.args.size() == 2;
    if (geo->has_source &&
        (!block.args[0].text.starts_with('$') ||
         !script::compile_argument(build, block.args[0], variables, geo->source))) {
        return build.error(block.args[0],
                           fmt::format("invalid variable name \"{}\"", block.args[0].text),
                           "$ and the name of a variable that holds an address");
    }
    if (!script::declare_computed(build, block.args.back(), variables, *geo)) {
        return false;
    }
    Reading reading{.build = build, .geo = *geo};
    bool is_good = true;
    for (const conf::Directive& row : block.children) {
        is_good = read_row(reading, row) && is_good;
    }
    if (is_good && !build_tables(reading)) {
        return build.error(block, "no memory for geo");
    }
    return is_good;
}

constexpr conf::Row kRows[] = {
    conf::block<GeoConf, &open_geo>(
        "geo", conf::kHttp | conf::kStream, conf::take_range(1, 2),
        "A variable (last) whose value depends on the client's address, or on that in the first "
        "variable: lines of a network and a value; default, delete, ranges, proxy, "
        "proxy_recursive (http only), include."),
};
constexpr conf::ConfKind kKind = conf::kind<GeoConf>("geo", kRows);
constexpr conf::Module kConf{"geo", &kKind};

}  // namespace

constexpr http::Module kGeo{
    .name = "geo",
    .conf = &kConf,
};

constexpr stream::Module kStreamGeo{
    .name = "geo",
    .conf = &kConf,
};

}  // namespace sluice::modules
