// SPDX-License-Identifier: BSD-2-Clause
// Variables: the rows that give `$name` its meaning. A row binds a name to a function; the subject
// (an http exchange, later a stream session) is opaque here, so http, stream and logs share one
// engine.
// Runs in: worker (get), any (lookup while a configuration is compiled).
#pragma once

#include <span>
#include <string_view>

#include "base/arena.h"

namespace sluice::script {

/// The value of a variable at one moment. `is_found` false: nginx's "not found", rendered as an
/// empty string, or as "-" in a log.
/// Lives: as long as the subject's arena, or the subject itself.
struct Value {
    std::string_view text;
    bool is_found = true;

    [[nodiscard]] static Value none() { return {{}, false}; }

    /// What a value is that the arena has no room for: logs show it as not found; a text that needs
    /// it cannot be rendered (Template::render).
    [[nodiscard]] static Value no_room() { return {{kNoRoom, 0}, false}; }

    [[nodiscard]] bool has_room() const { return text.data() != kNoRoom; }

    static constexpr char kNoRoom[] = "";  ///< known by its address
};

/// Gives the value for `subject`. `suffix` is what follows the name of a prefix row ("foo" for
/// `$arg_foo`), else empty. Text that must be built is built in `arena`.
using Getter = Value (*)(const void* subject, Arena& arena, std::string_view suffix);

/// The same for rows that a configuration makes while it is read: `data` tells them apart.
using BoundGetter = Value (*)(const void* subject, Arena& arena, const void* data);

/// Takes what `set` assigns to a variable that is part of the subject ($args).
/// Lives: `text` as long as the subject's arena.
using Setter = void (*)(void* subject, std::string_view text);

struct VariableRow {
    std::string_view name;      ///< without `$`; for a prefix row ends with `_`
    Getter get = nullptr;       ///< null for a prefix: a module gives each name its value at load
    std::string_view sentence;  ///< for operators; the reference is made from it
    bool is_prefix = false;
    bool is_number = false;     ///< always a number: JSON logs write it bare
    Setter set = nullptr;       ///< null: `set` may not change it
    BoundGetter get_bound = nullptr;  ///< used instead of `get` where it is given
    const void* data = nullptr;       ///< for get_bound

    [[nodiscard]] Value value(const void* subject, Arena& arena, std::string_view suffix) const {
        return get_bound == nullptr ? get(subject, arena, suffix)
                                    : get_bound(subject, arena, data);
    }
};

class DeclaredVariables;

/// The rows known in one place (http or stream). Views rows; owns nothing.
class VariableTable {
  public:
    constexpr VariableTable() = default;
    explicit constexpr VariableTable(std::span<const std::span<const VariableRow>> lists,
                                     DeclaredVariables* declared = nullptr)
        : lists_(lists), declared_(declared) {}

    struct Found {
        const VariableRow* row = nullptr;
        std::string_view suffix;
    };

    /// The row for `name`: an exact one, else one that the configuration declares, else the
    /// longest prefix row that `name` starts with.
    [[nodiscard]] Found find(std::string_view name) const;
    [[nodiscard]] std::span<const std::span<const VariableRow>> lists() const { return lists_; }
    /// What the configuration declares itself; null where it cannot.
    [[nodiscard]] DeclaredVariables* declared() const { return declared_; }

  private:
    std::span<const std::span<const VariableRow>> lists_;
    DeclaredVariables* declared_ = nullptr;
};

}  // namespace sluice::script
