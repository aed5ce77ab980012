// SPDX-License-Identifier: BSD-2-Clause
// Row: one directive. A row binds a name to a member of a settings struct, or to a function, and
// says where the directive may stand, how many arguments it takes, what it is when unset and what
// an operator should know. Parsing, inheritance, --explain and the reference all come from rows.
//
//     struct StaticConf { conf::Setting<bool> sendfile; };
//     constexpr conf::Row kRows[] = {
//         conf::row<&StaticConf::sendfile>("sendfile", conf::kAnyHttp, conf::flag(),
//                                          "Send from page cache without copying.")
//             .defaults("off").better("on"),
//     };
//
// Runs in: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "conf/build.h"
#include "conf/context.h"
#include "conf/parse_as.h"
#include "conf/tree.h"

namespace sluice::conf {

/// A value that one directive sets. After inheritance `value` is always meaningful.
template <class T>
struct Setting {
    T value{};
    bool is_set = false;  ///< set at this very level
    Position at{};        ///< where, also when inherited; line 0: by default

    const T& operator*() const { return value; }

    const T* operator->() const { return &value; }
};

/// How many arguments a directive takes, and whether a block follows.
struct Arity {
    std::uint16_t least = 0;
    std::uint16_t most = 0;
    bool is_flag = false;
    bool has_block = false;
    bool may_have_block = false;
};

inline constexpr std::uint16_t kNoLimit = std::numeric_limits<std::uint16_t>::max();

[[nodiscard]] consteval Arity take(std::uint16_t count) {
    return {count, count};
}

[[nodiscard]] consteval Arity take_range(std::uint16_t least, std::uint16_t most) {
    return {least, most};
}

[[nodiscard]] consteval Arity take_at_least(std::uint16_t least) {
    return {least, kNoLimit};
}

/// One argument, `on` or `off`.
[[nodiscard]] consteval Arity flag() {
    return {1, 1, true};
}

/// How a reload applies a change of the directive, weakest first.
enum class Applies : std::uint8_t {
    InPlace,  ///< living workers take it over
    Replace,  ///< new workers are started, old ones retire
    Restart,  ///< only a new master (or a binary upgrade) takes it
};

struct Row {
    std::string_view name;
    ContextMask contexts = 0;
    Arity arity{};
    std::string_view sentence{};      ///< for operators
    std::string_view default_text{};  ///< nginx's default, as it would be written
    std::string_view better_text{};   ///< sluice's, without `compat nginx;`
    bool has_default = false;
    bool has_better = false;
    bool is_repeatable = false;
    Applies how_applied = Applies::InPlace;
    /// Parses `directive` into the settings struct; false: an error was reported.
    bool (*set)(Build&, const Directive&, void* settings) = nullptr;
    /// Copies the member from the parent level unless it is set. Null: nothing to inherit.
    void (*inherit)(void* child, const void* parent) = nullptr;
    /// Whether the member is set at this level. Null where inherit is.
    bool (*is_set)(const void* settings) = nullptr;
    /// Marks a member that was just filled with its default.
    void (*forget_set)(void* settings) = nullptr;

    /// nginx's default. Where none is given the member's initialiser stands.
    [[nodiscard]] consteval Row defaults(std::string_view text) const {
        Row row = *this;
        row.default_text = text;
        row.has_default = true;
        return row;
    }

    /// sluice's own default, which `compat nginx;` turns off.
    [[nodiscard]] consteval Row better(std::string_view text) const {
        Row row = *this;
        row.better_text = text;
        row.has_better = true;
        return row;
    }

    [[nodiscard]] consteval Row applies(Applies how) const {
        Row row = *this;
        row.how_applied = how;
        return row;
    }

    /// May have a block, which the parser finds in Directive::children.
    [[nodiscard]] consteval Row may_have_block() const {
        Row row = *this;
        row.arity.may_have_block = true;
        return row;
    }

    /// May stand several times in one block.
    [[nodiscard]] consteval Row repeats() const {
        Row row = *this;
        row.is_repeatable = true;
        return row;
    }
};

namespace detail {

template <auto Member>
struct MemberOf;

template <class O, class T, T O::* Member>
struct MemberOf<Member> {
    using Owner = O;
    using Type = T;
};

template <auto Member>
void inherit_member(void* child, const void* parent) {
    using Owner = typename MemberOf<Member>::Owner;
    auto& mine = static_cast<Owner*>(child)->*Member;
    if (!mine.is_set) {
        const auto& theirs = static_cast<const Owner*>(parent)->*Member;
        mine.value = theirs.value;
        mine.at = theirs.at;
    }
}

template <auto Member>
bool member_is_set(const void* settings) {
    using Owner = typename MemberOf<Member>::Owner;
    return (static_cast<const Owner*>(settings)->*Member).is_set;
}

template <auto Member>
void forget_member(void* settings) {
    using Owner = typename MemberOf<Member>::Owner;
    auto& member = static_cast<Owner*>(settings)->*Member;
    member.is_set = false;
    member.at = {};
}

template <auto Member>
bool set_member(Build& build, const Directive& directive, void* settings) {
    using Owner = typename MemberOf<Member>::Owner;
    auto& member = static_cast<Owner*>(settings)->*Member;
    using Value = std::remove_cvref_t<decltype(member.value)>;
    if (!ParseAs<Value>::parse(build, directive, member.value)) {
        return false;
    }
    member.is_set = true;
    member.at = directive.at;
    return true;
}

template <class Owner, auto Function>
bool call(Build& build, const Directive& directive, void* settings) {
    return Function(build, directive, *static_cast<Owner*>(settings));
}

template <auto Member, auto Function>
bool call_for_member(Build& build, const Directive& directive, void* settings) {
    using Owner = typename MemberOf<Member>::Owner;
    auto& owner = *static_cast<Owner*>(settings);
    if (!Function(build, directive, owner)) {
        return false;
    }
    (owner.*Member).is_set = true;
    (owner.*Member).at = directive.at;
    return true;
}

}  // namespace detail

/// A row without a parser yet.
[[nodiscard]] consteval Row bare_row(std::string_view name,
                                     ContextMask contexts,
                                     Arity arity,
                                     std::string_view sentence) {
    Row out;
    out.name = name;
    out.contexts = contexts;
    out.arity = arity;
    out.sentence = sentence;
    return out;
}

/// Fills in what inheritance needs of a member.
template <auto Member>
[[nodiscard]] consteval Row inherits(Row out) {
    out.inherit = &detail::inherit_member<Member>;
    out.is_set = &detail::member_is_set<Member>;
    out.forget_set = &detail::forget_member<Member>;
    return out;
}

/// A directive whose one value is parsed by its member's type.
template <auto Member>
[[nodiscard]] consteval Row row(std::string_view name,
                                ContextMask contexts,
                                Arity arity,
                                std::string_view sentence) {
    Row out = inherits<Member>(bare_row(name, contexts, arity, sentence));
    out.set = &detail::set_member<Member>;
    return out;
}

/// A directive with a parser of its own, `bool(Build&, const Directive&, Owner&)`, that fills a
/// Setting which is inherited as a whole. For a repeatable one the parser appends.
template <auto Member, auto Function>
[[nodiscard]] consteval Row row_fn(std::string_view name,
                                   ContextMask contexts,
                                   Arity arity,
                                   std::string_view sentence) {
    Row out = inherits<Member>(bare_row(name, contexts, arity, sentence));
    out.set = &detail::call_for_member<Member, Function>;
    return out;
}

/// A directive with a parser of its own and nothing to inherit.
template <class Owner, auto Function>
[[nodiscard]] consteval Row row_fn(std::string_view name,
                                   ContextMask contexts,
                                   Arity arity,
                                   std::string_view sentence) {
    Row out = bare_row(name, contexts, arity, sentence);
    out.set = &detail::call<Owner, Function>;
    return out;
}

/// A directive with a block: the function opens a level (Build::open_level, run_block) or reads the
/// children itself.
template <class Owner, auto Function>
[[nodiscard]] consteval Row block(std::string_view name,
                                  ContextMask contexts,
                                  Arity arity,
                                  std::string_view sentence) {
    Row out = row_fn<Owner, Function>(name, contexts, arity, sentence);
    out.arity.has_block = true;
    return out;
}

}  // namespace sluice::conf
