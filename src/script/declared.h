// SPDX-License-Identifier: BSD-2-Clause
// DeclaredVariables: variables that the configuration makes itself, by `set` or by a named group of
// a pattern. Each has a slot in the subject; who owns the subject says how a slot is read.
// Runs in: any (while a configuration is compiled); entries are read in workers.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "conf/tree.h"
#include "script/regex.h"
#include "script/subject.h"
#include "script/variable.h"

namespace sluice::script {

struct Declared {
    VariableRow row;  ///< row.data is this object
    std::uint16_t slot = 0;
    bool is_declared = false;  ///< false: only used so far
    bool warns = false;        ///< `set` declared it: reading it before is worth a warning
    conf::Position used_at;    ///< where it was first used, while nothing declares it
    std::size_t width = 0;
};

/// What a named group of a pattern fills.
struct GroupSlot {
    std::uint16_t group = 0;
    std::uint16_t slot = 0;
};

class DeclaredVariables {
  public:
    /// Entries live in `arena`; `access` must outlive the configuration.
    DeclaredVariables(Arena& arena, const SubjectAccess& access)
        : arena_(arena), access_(access) {}

    /// By name, ignoring case; null: nothing declares or uses it yet.
    [[nodiscard]] Declared* find(std::string_view name) const;
    /// The row of a variable that is used before anything declares it. Null: no room.
    [[nodiscard]] const VariableRow* want(std::string_view name);
    /// Notes for all variables wanted since the last call that `argument` uses them.
    void place_wanted(const conf::Argument& argument);
    /// Declares `name`. Null: no room.
    [[nodiscard]] Declared* declare(std::string_view name);
    /// Declares every named group of `regex`; `known` are the rows that no group may be called as.
    /// Fails: a sentence.
    [[nodiscard]] std::expected<std::span<const GroupSlot>, std::string> declare_groups(
        const Regex& regex, const VariableTable& known);

    /// Entries that are used though nothing declares them.
    [[nodiscard]] std::vector<const Declared*> unknown() const;
    /// Slots that a subject needs.
    [[nodiscard]] std::size_t count() const { return entries_.size(); }
    /// How slots are read and written.
    [[nodiscard]] const SubjectAccess& access() const { return access_; }

  private:
    Declared* add(std::string_view name);

    Arena& arena_;
    const SubjectAccess& access_;
    std::vector<Declared*> entries_;
    std::vector<Declared*> unplaced_;
};

}  // namespace sluice::script
