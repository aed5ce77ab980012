// SPDX-License-Identifier: BSD-2-Clause
// Variables of sessions: their outcome, their bytes, their attempts at peers.
// Runs in: worker.
#include "proto/stream/variables.h"

#include <algorithm>

#include <fmt/format.h>

#include "proto/stream/session.h"
#include "proto/stream/site.h"
#include "script/connection_variables.h"

namespace sluice::stream {

namespace {

using script::Value;

const Session& of(const void* subject) {
    return *static_cast<const Session*>(subject);
}

Value get_status(const void* subject, Arena& arena, std::string_view) {
    const std::uint16_t status = of(subject).status;
    return status == 0 ? Value{"000"} : script::number_text(arena, status);
}

Value get_received(const void* subject, Arena& arena, std::string_view) {
    return script::number_text(arena, of(subject).received);
}

Value get_sent(const void* subject, Arena& arena, std::string_view) {
    return script::number_text(arena, of(subject).sent);
}

Value get_session_time(const void* subject, Arena& arena, std::string_view) {
    const Timings& timings = of(subject).timings;
    const std::int64_t millis = std::max<std::int64_t>((timings.now - timings.started).count(), 0);
    return script::seconds_text(arena, millis);
}

Value get_protocol(const void* subject, Arena&, std::string_view) {
    return {of(subject).wire.is_datagram() ? "UDP" : "TCP"};
}

Value get_server_name(const void* subject, Arena&, std::string_view) {
    const Server* const server = of(subject).server;
    return {server == nullptr ? std::string_view("") : server->name};
}

// ---- attempts at peers: one value each, "a, b" ----

using Writer = void (*)(fmt::appender out, const Try& attempt);

template <Writer kWrite>
Value get_tries(const void* subject, Arena& arena, std::string_view) {
    const Session& session = of(subject);
    if (session.tries == nullptr) {
        return Value::none();
    }
    fmt::basic_memory_buffer<char, 256> text;
    for (const Try* one = session.tries; one != nullptr; one = one->next) {
        if (one != session.tries) {
            text.append(std::string_view(", "));
        }
        kWrite(fmt::appender(text), *one);
    }
    return script::kept_text(arena, {text.data(), text.size()});
}

void write_address(fmt::appender out, const Try& attempt) {
    fmt::format_to(out, "{}", attempt.address);
}

template <std::uint64_t Try::* Which>
void write_bytes(fmt::appender out, const Try& attempt) {
    fmt::format_to(out, "{}", attempt.*Which);
}

template <Millis Try::* Which>
void write_time(fmt::appender out, const Try& attempt) {
    const std::int64_t millis = (attempt.*Which).count();
    if (millis < 0) {
        fmt::format_to(out, "-");
    } else {
        fmt::format_to(out, "{}.{:03}", millis / 1000, millis % 1000);
    }
}

// clang-format off
constexpr script::VariableRow kRows[] = {
    {"status", get_status, "How the session ended: 200, 400 (bad PROXY header or first bytes), 403, 500, 502 (no peer), 503 (a limit).", false, true},
    {"bytes_received", get_received, "Bytes received from the client.", false, true},
    {"bytes_sent", get_sent, "Bytes sent to the client.", false, true},
    {"session_time", get_session_time, "How long the session took, in seconds with milliseconds.", false, true},
    {"protocol", get_protocol, "TCP or UDP."},
    {"server_name", get_server_name, "The first name of the server that the session came to, or that ssl_preread chose."},
    {"upstream_addr", get_tries<&write_address>, "Addresses of the peers that were tried, as \"a, b\"."},
    {"upstream_bytes_sent", get_tries<&write_bytes<&Try::sent>>, "Bytes sent to each peer that was tried."},
    {"upstream_bytes_received", get_tries<&write_bytes<&Try::received>>, "Bytes received from each peer that was tried."},
    {"upstream_connect_time", get_tries<&write_time<&Try::connect>>, "Time to connect to each peer that was tried, in seconds."},
    {"upstream_first_byte_time", get_tries<&write_time<&Try::first_byte>>, "Time to the first byte of each peer that was tried, in seconds."},
    {"upstream_session_time", get_tries<&write_time<&Try::whole>>, "How long the session with each peer that was tried took, in seconds."},
};
// clang-format on

}  // namespace

std::span<const script::VariableRow> core_variables() {
    return kRows;
}

std::span<const script::VariableRow> connection_variables() {
    return script::ConnectionVariables<Session>::kRows;
}

}  // namespace sluice::stream
