// SPDX-License-Identifier: BSD-2-Clause
// ParseAs: how a directive's arguments become a value, once per type.
// Runs in: any.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/units.h"
#include "conf/build.h"
#include "conf/tree.h"

namespace sluice::conf {

/// Parses `directive` into `out`; false: an error was reported. Specialise for new types.
template <class T>
struct ParseAs;

/// nginx's times: `30`, `1m30s`, `500ms`, `1d`; units y M w d h m s ms, largest first; a bare
/// number counts seconds.
[[nodiscard]] std::optional<Millis> parse_time(std::string_view text);
/// nginx's sizes: `512`, `8k`, `1m`, `2g`.
[[nodiscard]] std::optional<Bytes> parse_size(std::string_view text);

template <>
struct ParseAs<bool> {
    static bool parse(Build& build, const Directive& directive, bool& out);
};

template <>
struct ParseAs<std::string_view> {
    static bool parse(Build& build, const Directive& directive, std::string_view& out);
};

template <>
struct ParseAs<Millis> {
    static bool parse(Build& build, const Directive& directive, Millis& out);
};

template <>
struct ParseAs<Bytes> {
    static bool parse(Build& build, const Directive& directive, Bytes& out);
};

template <>
struct ParseAs<std::uint64_t> {
    static bool parse(Build& build, const Directive& directive, std::uint64_t& out);
};

template <>
struct ParseAs<std::int64_t> {
    static bool parse(Build& build, const Directive& directive, std::int64_t& out);
};

template <>
struct ParseAs<std::uint32_t> {
    static bool parse(Build& build, const Directive& directive, std::uint32_t& out);
};

/// All arguments.
template <>
struct ParseAs<std::span<const std::string_view>> {
    static bool parse(Build& build,
                      const Directive& directive,
                      std::span<const std::string_view>& out);
};

/// The names of an enum's values: specialise with
/// `static constexpr std::pair<std::string_view, E> kTable[] = {…};`
template <class E>
struct EnumNames;

template <class E>
    requires std::is_enum_v<E>
struct ParseAs<E> {
    static bool parse(Build& build, const Directive& directive, E& out) {
        std::string expectation;
        for (const auto& [name, value] : EnumNames<E>::kTable) {
            if (directive.args.front().text == name) {
                out = value;
                return true;
            }
            expectation += (expectation.empty() ? "\"" : " or \"") + std::string(name) + "\"";
        }
        return build.invalid(directive, directive.args.front(), std::move(expectation));
    }
};

}  // namespace sluice::conf
