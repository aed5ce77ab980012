// SPDX-License-Identifier: BSD-2-Clause
// Slots of an exchange.
// Runs in: worker.
#include "proto/http/variable_slots.h"

#include <algorithm>

#include "proto/http/complain.h"
#include "proto/http/core_conf.h"
#include "proto/http/site.h"
#include "script/slots.h"

namespace sluice::http {

namespace {

using Slots = script::Slots<Exchange>;

script::Value read_slot(const void* subject, Arena&, const void* data) {
    const auto& exchange = *static_cast<const Exchange*>(subject);
    const auto& declared = *static_cast<const script::Declared*>(data);
    if (declared.slot < exchange.variables.size() &&
        exchange.variables[declared.slot].data() != nullptr) {
        return {exchange.variables[declared.slot]};
    }
    if (!declared.warns) {
        return script::Value::none();
    }
    const Location* const location = exchange.location;
    if (location == nullptr || *location->core->uninitialized_variable_warn) {
        complain(exchange, log::Level::Warn, "using uninitialized \"{}\" variable",
                 declared.row.name);
    }
    return {""};
}

std::size_t forwarded(const void* subject, std::span<std::string_view> out) {
    std::size_t count = 0;
    for (const Header& header : static_cast<const Exchange*>(subject)->request.headers) {
        if (header.field != Field::XForwardedFor) {
            continue;
        }
        if (count == out.size()) {  // the last ones count
            std::ranges::rotate(out, out.begin() + 1);
            --count;
        }
        out[count++] = header.value;
    }
    return count;
}

void tell_cycle(const void* subject, std::string_view name) {
    complain(*static_cast<const Exchange*>(subject), log::Level::Error,
             "cycle while evaluating variable \"{}\"", name);
}

}  // namespace

constexpr script::SubjectAccess kExchangeAccess{
    .read = &read_slot,
    .peek = &Slots::peek,
    .keep = &Slots::keep,
    .captures = &Slots::captures,
    .capture = &Slots::capture,
    .peer = &Slots::peer,
    .forwarded = &forwarded,
    .tell_cycle = &tell_cycle,
};

bool set_slot(Exchange& exchange, std::uint16_t slot, std::string_view text) {
    return Slots::assign(&exchange, slot, text);
}

bool keep_captures(Exchange& exchange, const script::Pattern& pattern, std::string_view subject) {
    return Slots::capture(&exchange, pattern, subject);
}

}  // namespace sluice::http
