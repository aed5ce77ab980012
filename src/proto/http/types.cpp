// SPDX-License-Identifier: BSD-2-Clause
// Extensions and media types.
// Runs in: any (build), worker (lookup).
#include "proto/http/types.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/ascii.h"

namespace sluice::http {

namespace {

std::size_t hash_ignoring_case(std::string_view text) {
    std::size_t hash = 0xcbf29ce484222325;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(to_lower(c))) * 0x100000001b3;
    }
    return hash ^ (hash >> 29);
}

// The slot that holds `extension`, or the empty one where it belongs. Half the slots are empty.
std::size_t slot_of(std::span<const TypeTable::Entry> slots, std::string_view extension) {
    const std::size_t mask = slots.size() - 1;
    std::size_t at = hash_ignoring_case(extension) & mask;
    while (!slots[at].extension.empty() && !equals_ignoring_case(slots[at].extension, extension)) {
        at = (at + 1) & mask;
    }
    return at;
}

}  // namespace

const TypeTable* TypeTable::build(std::span<const Entry> entries, Arena& arena) {
    TypeTable* const table = arena.make<TypeTable>();
    const auto slots = arena.make_span<Entry>(std::bit_ceil(entries.size() * 2 + 2));
    if (table == nullptr || slots.empty()) {
        return nullptr;
    }
    for (const Entry& entry : entries) {
        slots[slot_of(slots, entry.extension)] = entry;
        table->longest_ = std::max(table->longest_, entry.extension.size());
    }
    table->slots_ = slots;
    return table;
}

std::string_view TypeTable::find(std::string_view extension) const {
    if (extension.empty() || extension.size() > longest_) {
        return {};
    }
    const Entry& entry = slots_[slot_of(slots_, extension)];
    return entry.extension.empty() ? std::string_view{} : entry.type;
}

std::span<const TypeTable::Entry> default_types() {
    static constexpr std::array<TypeTable::Entry, 3> kTypes{{
        {"html", "text/html"},
        {"gif", "image/gif"},
        {"jpg", "image/jpeg"},
    }};
    return kTypes;
}

std::string_view extension_of(std::string_view path) {
    const std::size_t at = path.find_last_of("./");
    const bool is_found = at != std::string_view::npos && path[at] == '.';
    return is_found ? path.substr(at + 1) : std::string_view{};
}

}  // namespace sluice::http
