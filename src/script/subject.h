// SPDX-License-Identifier: BSD-2-Clause
// SubjectAccess: what a subject of variables (an http exchange, a stream session) lends to
// tables that the configuration makes: a slot per variable and the captures of patterns. With it
// map, geo and split_clients know no subject.
// Runs in: any (named while a configuration is compiled), worker (called).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "net/address.h"
#include "script/template.h"
#include "script/variable.h"

namespace sluice::script {

struct Pattern;

/// All functions may be called with a subject whose variables are being read, so that the subject
/// is const; slots and captures are what they may change of it.
struct SubjectAccess {
    /// The value that `set` or a group gave to a declared variable; the Declared is the data.
    BoundGetter read = nullptr;
    /// What a slot holds; data() == nullptr: nothing yet.
    std::string_view (*peek)(const void* subject, std::uint16_t slot) = nullptr;
    /// Puts `text` into a slot as it is; it must live as long as the subject. False: no room.
    bool (*keep)(const void* subject, std::uint16_t slot, std::string_view text) = nullptr;
    /// $1…$9 as of now.
    Captures (*captures)(const void* subject) = nullptr;
    /// After `pattern` has matched `text`: $1…$9 and the variables of its groups. False: no room.
    bool (*capture)(const void* subject, const Pattern& pattern, std::string_view text) = nullptr;
    /// The client's address.
    const net::Address& (*peer)(const void* subject) = nullptr;
    /// Lists of addresses that proxies have added for those behind them (X-Forwarded-For), in the
    /// order received; the last ones where there are more than `out` takes. Gives how many. Null:
    /// proxies of such subjects tell nothing.
    std::size_t (*forwarded)(const void* subject, std::span<std::string_view> out) = nullptr;
    /// Tells the log, at most now and then, that a variable's value depends on itself.
    void (*tell_cycle)(const void* subject, std::string_view name) = nullptr;
};

}  // namespace sluice::script
