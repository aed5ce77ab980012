// SPDX-License-Identifier: BSD-2-Clause
// Closed hashes of names.
// Runs in: any (build), worker (find).
#include "script/name_table.h"

#include <algorithm>
#include <bit>

#include "base/ascii.h"

namespace sluice::script {

namespace {

// Clients choose what is looked up, never what is stored: nobody can make the chains long.
std::uint32_t hash_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(to_lower(c))) * 0x100000001b3;
    }
    return static_cast<std::uint32_t>(hash ^ (hash >> 29U));
}

}  // namespace

std::uint32_t NameTable::find(std::span<const Slot> slots, std::string_view text) {
    if (slots.empty()) {
        return kNone;
    }
    const std::uint32_t hash = hash_of(text);
    const std::size_t mask = slots.size() - 1;
    for (std::size_t at = hash & mask; slots[at].number != kNone; at = (at + 1) & mask) {
        if (slots[at].hash == hash && equals_ignoring_case(slots[at].name, text)) {
            return slots[at].number;
        }
    }
    return kNone;
}

std::uint32_t NameTable::find_exact(std::string_view text) const {
    return find(exact_, text);
}

std::uint32_t NameTable::find_host(std::string_view host) const {
    std::uint32_t number = find(exact_, host);
    if (number == kNone && !suffixes_.empty()) {
        // The longest suffix first: from the left. As in nginx the star may stand for nothing.
        for (std::size_t dot = host.find('.'); dot < host.size() && number == kNone;
             dot = host.find('.', dot + 1)) {
            number = find(suffixes_, host.substr(dot));
        }
    }
    if (number == kNone && !prefixes_.empty()) {
        for (std::size_t dot = host.rfind('.'); dot < host.size() && number == kNone;
             dot = dot == 0 ? host.npos : host.rfind('.', dot - 1)) {
            number = dot + 1 < host.size() ? find(prefixes_, host.substr(0, dot + 1)) : kNone;
        }
    }
    return number;
}

bool NameTableBuilder::add(Collection& into, std::string_view name, std::uint32_t number) {
    if (into.index.size() < 2 * (into.slots.size() + 1)) {
        into.index.assign(std::bit_ceil(4 * (into.slots.size() + 1)), 0);
        for (std::size_t i = 0; i < into.slots.size(); ++i) {
            std::size_t at = into.slots[i].hash & (into.index.size() - 1);
            while (into.index[at] != 0) {
                at = (at + 1) & (into.index.size() - 1);
            }
            into.index[at] = static_cast<std::uint32_t>(i + 1);
        }
    }
    const std::uint32_t hash = hash_of(name);
    std::size_t at = hash & (into.index.size() - 1);
    for (; into.index[at] != 0; at = (at + 1) & (into.index.size() - 1)) {
        const NameTable::Slot& known = into.slots[into.index[at] - 1];
        if (known.hash == hash && equals_ignoring_case(known.name, name)) {
            return false;
        }
    }
    into.slots.push_back({.name = names_.copy(name), .hash = hash, .number = number});
    into.index[at] = static_cast<std::uint32_t>(into.slots.size());
    return true;
}

NameTableBuilder::Outcome NameTableBuilder::add_exact(std::string_view name, std::uint32_t number) {
    return add(exact_, name, number) ? Outcome::Added : Outcome::Known;
}

NameTableBuilder::Outcome NameTableBuilder::add_host(std::string_view name, std::uint32_t number) {
    const std::size_t star = name.find('*');
    const bool has_star = star != name.npos;
    if (name.find("..") != name.npos || (has_star && name.find('*', star + 1) != name.npos)) {
        return Outcome::Malformed;
    }
    bool is_new = false;
    if (name.size() > 1 && name.starts_with('.') && !has_star) {
        is_new = add(exact_, name.substr(1), number) && add(suffixes_, name, number);
    } else if (name.size() > 2 && name.starts_with("*.")) {
        is_new = add(suffixes_, name.substr(1), number);
    } else if (name.size() > 2 && name.ends_with(".*")) {
        is_new = add(prefixes_, name.substr(0, name.size() - 1), number);
    } else if (has_star) {
        return Outcome::Malformed;
    } else {
        is_new = add(exact_, name, number);
    }
    return is_new ? Outcome::Added : Outcome::Known;
}

bool NameTableBuilder::build(const Slots& slots,
                             Arena& arena,
                             std::span<const NameTable::Slot>& out) {
    if (slots.empty()) {
        return true;
    }
    const auto table = arena.make_span<NameTable::Slot>(std::bit_ceil(slots.size() * 2));
    if (table.empty()) {
        return false;
    }
    for (NameTable::Slot slot : slots) {
        std::size_t at = slot.hash & (table.size() - 1);
        while (table[at].number != NameTable::kNone) {
            at = (at + 1) & (table.size() - 1);
        }
        slot.name = arena.copy(slot.name);
        table[at] = slot;
    }
    out = table;
    return true;
}

bool NameTableBuilder::build(Arena& arena, NameTable& out) const {
    return build(exact_.slots, arena, out.exact_) && build(suffixes_.slots, arena, out.suffixes_) &&
           build(prefixes_.slots, arena, out.prefixes_);
}

}  // namespace sluice::script
