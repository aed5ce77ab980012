// SPDX-License-Identifier: BSD-2-Clause
// Slots: what a subject keeps for the configuration itself: values that `set` assigned, and what
// patterns captured, by number and by name. One text for exchanges and sessions. Made at the first
// assignment, so that subjects that need none pay nothing.
// Runs in: worker.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "net/address.h"
#include "script/pattern.h"
#include "script/regex.h"
#include "script/template.h"

namespace sluice::script {

/// `Subject` has `variables`, a span of texts in its `arena`, as many as its `server` counts;
/// `captures`; and peer(). All functions take it const, as getters have it: slots and captures are all
/// that reading a variable may change.
template <class Subject>
struct Slots {
    /// What a slot holds; data() == nullptr: nothing yet.
    static std::string_view peek(const void* subject, std::uint16_t slot) {
        const auto& variables = static_cast<const Subject*>(subject)->variables;
        return slot < variables.size() ? variables[slot] : std::string_view{};
    }

    /// Puts `text` in as it is; it must live as long as the subject. False: no room.
    static bool keep(const void* subject, std::uint16_t slot, std::string_view text) {
        Subject& self = writable(subject);
        if (self.variables.empty()) {
            self.variables =
                self.arena.template make_span<std::string_view>(self.server->variable_count);
        }
        if (slot >= self.variables.size()) {
            return false;
        }
        self.variables[slot] = text;
        return true;
    }

    /// The same of an assignment: no address would mean "never set".
    static bool assign(const void* subject, std::uint16_t slot, std::string_view text) {
        return keep(subject, slot, text.data() == nullptr ? std::string_view("") : text);
    }

    static Captures captures(const void* subject) {
        return static_cast<const Subject*>(subject)->captures;
    }

    /// After `pattern` has matched `text`, which lives as long as the subject: $1…$9 and the variables
    /// of its named groups. False: no room.
    static bool capture(const void* subject, const Pattern& pattern, std::string_view text) {
        Subject& self = writable(subject);
        const std::size_t count = std::min(pattern.regex.group_count() + 1, Regex::kMaxGroups);
        const auto kept = self.arena.template make_span<std::string_view>(count);
        for (std::size_t i = 0; i < kept.size(); ++i) {
            kept[i] = pattern.regex.last_group(text, i);
        }
        self.captures.groups = kept;
        bool has_room = !kept.empty();
        for (const GroupSlot& named : pattern.groups) {
            has_room =
                assign(subject, named.slot, pattern.regex.last_group(text, named.group)) && has_room;
        }
        return has_room;
    }

    static const net::Address& peer(const void* subject) {
        return static_cast<const Subject*>(subject)->peer();
    }

  private:
    static Subject& writable(const void* subject) {
        return const_cast<Subject&>(*static_cast<const Subject*>(subject));
    }
};

}  // namespace sluice::script
