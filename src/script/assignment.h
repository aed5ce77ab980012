// SPDX-License-Identifier: BSD-2-Clause
// Assignment: what `set $name value;` does, in http and in stream.
// Runs in: any (read), worker (assign).
#pragma once

#include <cstdint>
#include <string_view>

#include "conf/build.h"
#include "conf/tree.h"
#include "script/subject.h"
#include "script/template.h"
#include "script/variable.h"

namespace sluice::script {

/// A variable of the configuration's own, or one of the subject's that may be changed, and its value.
struct Assignment {
    std::uint16_t slot = 0;
    Setter set = nullptr;                   ///< null: the slot
    const SubjectAccess* access = nullptr;  ///< of the slot
    Template value;
};

/// Reads `set`, declaring its variable where it is new. False: an error was reported.
bool read_assignment(conf::Build& build, const conf::Directive& directive, Assignment& out);

/// Gives the variable `text`, the value rendered for `subject`. Fails: false where the arena is full.
[[nodiscard]] bool assign(const Assignment& assignment, void* subject, std::string_view text);

}  // namespace sluice::script
