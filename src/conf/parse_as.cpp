// SPDX-License-Identifier: BSD-2-Clause
// The value types of directives.
// Runs in: any.
#include "conf/parse_as.h"

#include <charconv>
#include <limits>

#include "base/ascii.h"

namespace sluice::conf {

namespace {

struct TimeUnit {
    std::string_view name;
    std::int64_t millis;
};

// Largest first: units must come in falling order. "M" and "m" differ, as in nginx.
constexpr TimeUnit kTimeUnits[] = {
    {"y", 365LL * 24 * 3600 * 1000},
    {"M", 30LL * 24 * 3600 * 1000},
    {"w", 7LL * 24 * 3600 * 1000},
    {"d", 24LL * 3600 * 1000},
    {"h", 3600LL * 1000},
    {"m", 60LL * 1000},
    {"s", 1000},
    {"ms", 1},
};

// Far beyond any sensible time-out and far from overflow.
constexpr std::int64_t kMaxMillis = std::numeric_limits<std::int64_t>::max() / 1024;

std::size_t unit_at(std::string_view text) {
    std::size_t best = std::size(kTimeUnits);
    for (std::size_t i = 0; i < std::size(kTimeUnits); ++i) {
        const std::string_view name = kTimeUnits[i].name;
        // "ms" before "m": the longer name wins.
        if (text.starts_with(name) &&
            (best == std::size(kTimeUnits) || name.size() > kTimeUnits[best].name.size())) {
            best = i;
        }
    }
    return best;
}

/// nginx words wrong times, sizes and numbers in this order; the value is shown besides.
bool refuse(Build& build,
            const Directive& directive,
            std::string_view what,
            std::string expectation) {
    const Argument& argument = directive.args.front();
    return build.error(argument,
                       "\"" + std::string(directive.name) + "\" directive " + std::string(what) +
                           " \"" + std::string(argument.text) + "\"",
                       std::move(expectation));
}

template <class Int>
bool parse_number(Build& build, const Directive& directive, Int& out) {
    const Argument& argument = directive.args.front();
    const char* const end = argument.text.data() + argument.text.size();
    Int value{};
    const auto [stop, code] = std::from_chars(argument.text.data(), end, value);
    if (argument.text.empty() || code != std::errc{} || stop != end) {
        return refuse(build, directive, "invalid number", "a whole number");
    }
    out = value;
    return true;
}

}  // namespace

std::optional<Millis> parse_time(std::string_view text) {
    std::int64_t total = 0;
    std::size_t last_unit = 0;
    bool has_number = false;
    while (!text.empty()) {
        std::int64_t value = 0;
        const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (!is_digit(text.front()) || code != std::errc{}) {
            return std::nullopt;
        }
        text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
        std::int64_t factor = 1000;
        if (!text.empty() && text.front() != ' ') {
            const std::size_t unit = unit_at(text);
            if (unit == std::size(kTimeUnits) || (has_number && unit <= last_unit)) {
                return std::nullopt;
            }
            last_unit = unit;
            factor = kTimeUnits[unit].millis;
            text.remove_prefix(kTimeUnits[unit].name.size());
        }
        if (value > kMaxMillis / factor || total > kMaxMillis - value * factor) {
            return std::nullopt;
        }
        total += value * factor;
        has_number = true;
        text = trim(text);
    }
    return has_number ? std::optional(Millis(total)) : std::nullopt;
}

std::optional<Bytes> parse_size(std::string_view text) {
    if (text.empty()) {
        return std::nullopt;
    }
    unsigned shift = 0;
    switch (to_lower(text.back())) {
        case 'k':
            shift = 10;
            break;
        case 'm':
            shift = 20;
            break;
        case 'g':
            shift = 30;
            break;
        default:
            break;
    }
    if (shift > 0) {
        text.remove_suffix(1);
    }
    const std::optional<std::uint64_t> value = parse_decimal(text);
    // Sizes meet signed file offsets: half the range is the limit.
    if (!value || *value > (static_cast<std::uint64_t>(INT64_MAX) >> shift)) {
        return std::nullopt;
    }
    return Bytes{*value << shift};
}

bool ParseAs<bool>::parse(Build& build, const Directive& directive, bool& out) {
    const Argument& argument = directive.args.front();
    if (equals_ignoring_case(argument.text, "on") || equals_ignoring_case(argument.text, "off")) {
        out = equals_ignoring_case(argument.text, "on");
        return true;
    }
    return build.error(argument,
                       "invalid value \"" + std::string(argument.text) + "\" in \"" +
                           std::string(directive.name) +
                           "\" directive, it must be \"on\" or \"off\"",
                       "\"on\" or \"off\"");
}

bool ParseAs<std::string_view>::parse(Build&, const Directive& directive, std::string_view& out) {
    out = directive.args.front().text;
    return true;
}

bool ParseAs<Millis>::parse(Build& build, const Directive& directive, Millis& out) {
    const std::optional<Millis> value = parse_time(directive.args.front().text);
    if (!value) {
        return refuse(build, directive, "invalid value", "a time such as 30, 30s, 1m30s or 500ms");
    }
    out = *value;
    return true;
}

bool ParseAs<Bytes>::parse(Build& build, const Directive& directive, Bytes& out) {
    const std::optional<Bytes> value = parse_size(directive.args.front().text);
    if (!value) {
        return refuse(build, directive, "invalid value", "a size such as 512, 8k or 1m");
    }
    out = *value;
    return true;
}

bool ParseAs<std::uint64_t>::parse(Build& build, const Directive& directive, std::uint64_t& out) {
    return parse_number(build, directive, out);
}

bool ParseAs<std::int64_t>::parse(Build& build, const Directive& directive, std::int64_t& out) {
    return parse_number(build, directive, out);
}

bool ParseAs<std::uint32_t>::parse(Build& build, const Directive& directive, std::uint32_t& out) {
    return parse_number(build, directive, out);
}

bool ParseAs<std::span<const std::string_view>>::parse(Build& build,
                                                       const Directive& directive,
                                                       std::span<const std::string_view>& out) {
    const std::span<std::string_view> kept =
        build.arena().make_span<std::string_view>(directive.args.size());
    for (std::size_t i = 0; i < kept.size(); ++i) {
        kept[i] = directive.args[i].text;
    }
    out = kept;
    return true;
}

}  // namespace sluice::conf
