// SPDX-License-Identifier: BSD-2-Clause
// The walk of a session through its phases.
// Runs in: worker.
#include "proto/stream/session.h"

#include "proto/stream/error_line.h"
#include "proto/stream/meter.h"
#include "proto/stream/site.h"
#include "proto/stream/variable_slots.h"

namespace sluice::stream {

void Session::choose_server(std::string_view host) {
    preread_name = host;
    const script::Pattern* pattern = nullptr;
    const Server* const found = find_server(*port, host, pattern);
    if (found == nullptr) {
        return;
    }
    server = found;
    if (pattern != nullptr && !keep_captures(*this, *pattern, host)) {
        write_error(*this, log::Level::Error, "no memory for what server_name captured");
    }
}

void Session::catch_up() {
    const Millis now = timings.started + wire.age();
    timings.wall += now - timings.now;
    timings.now = now;
}

Try* Session::add_try(std::string_view address) {
    Try* const made = arena.make<Try>();
    if (made == nullptr) {
        return nullptr;
    }
    made->address = address;
    (last_try == nullptr ? tries : last_try->next) = made;
    last_try = made;
    return made;
}

Verdict Session::run_phases() {
    for (; phase_ < Phase::Log; phase_ = static_cast<Phase>(static_cast<unsigned>(phase_) + 1)) {
        // A Preread rule may choose another server: its list counts from the next phase on.
        const auto rules = server->rules[static_cast<std::size_t>(phase_)];
        for (; rule_ < rules.size(); ++rule_) {
            const Verdict verdict = rules[rule_].run(*this, rules[rule_].settings);
            if (verdict != Verdict::Declined) {
                return verdict;
            }
        }
        rule_ = 0;
    }
    // nginx refuses such a server when it reads the configuration, and so do we: never reached.
    status = kInternalError;
    return Verdict::Decided;
}

void Session::end() {
    if (server != nullptr) {
        for (const BoundRule& rule : server->rules[static_cast<std::size_t>(Phase::Log)]) {
            static_cast<void>(rule.run(*this, rule.settings));
        }
        if (meter != nullptr) {
            meter->count(*this);
        }
    }
    while (holdings != nullptr) {
        Holding& last = *holdings;
        holdings = last.next;
        last.release(last);
    }
    generation = {};
    port = nullptr;
    server = nullptr;
    captures = {};
    variables = {};
    client = nullptr;
    preread_name = {};
    preread_facts = nullptr;
    limit_note = nullptr;
    timings = {};
    received = 0;
    sent = 0;
    tries = last_try = nullptr;
    status = 0;
    phase_ = Phase::PostAccept;
    rule_ = 0;
}

void Session::tell_no_room(const script::Template& text) const {
    write_error(*this, complaint_level(*this, log::Level::Error),
                "no memory for \"{}\", the session has used {} bytes", text.source(),
                arena.footprint());
}

}  // namespace sluice::stream
