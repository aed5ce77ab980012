// SPDX-License-Identifier: BSD-2-Clause
// Variables of requests and replies that are single values; those with a name inside ($arg_x,
// $http_x) are in prefix_variables.cpp.
// Runs in: worker.
#include "proto/http/variables.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/digits.h"
#include "conf/parse_as.h"
#include "proto/http/core_conf.h"
#include "proto/http/exchange.h"
#include "proto/http/prefix_variables.h"
#include "proto/http/site.h"
#include "script/clock_text.h"
#include "script/connection_variables.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sluice::http {

namespace {

using script::Value;
using script::VariableRow;

const Exchange& of(const void* subject) {
    return *static_cast<const Exchange*>(subject);
}

// What a client did not send is "not found": empty in a text, "-" in a log.
Value optional(std::string_view text) {
    return text.data() == nullptr ? Value::none() : Value{text};
}

Value get_request_line(const void* subject, Arena&, std::string_view) {
    return optional(of(subject).request.line);
}

Value get_method(const void* subject, Arena&, std::string_view) {
    return optional(of(subject).request.method_text);
}

Value get_request_uri(const void* subject, Arena&, std::string_view) {
    return optional(of(subject).request.target);
}

Value get_uri(const void* subject, Arena&, std::string_view) {
    return optional(of(subject).request.uri);
}

Value get_args(const void* subject, Arena&, std::string_view) {
    return optional(of(subject).request.args);
}

void set_args(void* subject, std::string_view text) {
    Request& request = static_cast<Exchange*>(subject)->request;
    request.args = text;
    request.has_complex_uri = true;
}

Value get_is_args(const void* subject, Arena&, std::string_view) {
    return {of(subject).request.args.empty() ? std::string_view("") : std::string_view("?")};
}

Value get_host(const void* subject, Arena&, std::string_view) {
    const Exchange& exchange = of(subject);
    if (!exchange.request.host.empty()) {
        return {exchange.request.host};
    }
    return exchange.server == nullptr ? Value::none() : Value{exchange.server->name};
}

Value get_server_name(const void* subject, Arena&, std::string_view) {
    const Server* const server = of(subject).server;
    return server == nullptr ? Value::none() : Value{server->name};
}

Value get_server_protocol(const void* subject, Arena&, std::string_view) {
    switch (of(subject).request.version) {
        case Version::Http09:
            return {"HTTP/0.9"};
        case Version::Http10:
            return {"HTTP/1.0"};
        case Version::Http11:
            return {"HTTP/1.1"};
        case Version::Http2:
            return {"HTTP/2.0"};
    }
    return Value::none();
}

Value get_scheme(const void*, Arena&, std::string_view) {
    return {"http"};
}

Value get_status(const void* subject, Arena& arena, std::string_view) {
    std::array<char, 3> text{};
    put_digits(text.data(), of(subject).reply.status, 3);
    return script::kept_text(arena, {text.data(), text.size()});
}

Value get_bytes_sent(const void* subject, Arena& arena, std::string_view) {
    return script::number_text(arena, of(subject).timings.bytes_sent);
}

Value get_body_bytes_sent(const void* subject, Arena& arena, std::string_view) {
    return script::number_text(arena, of(subject).timings.body_bytes_sent);
}

Value get_request_length(const void* subject, Arena& arena, std::string_view) {
    return script::number_text(arena, of(subject).timings.request_length);
}

Value get_connection_requests(const void* subject, Arena& arena, std::string_view) {
    return script::number_text(arena, of(subject).wire.request_number());
}

Value get_pipe(const void* subject, Arena&, std::string_view) {
    return {of(subject).request.is_pipelined ? "p" : "."};
}

// Templates are rendered into the exchange's arena; nothing else of it changes.
Exchange& writable(const void* subject) {
    return const_cast<Exchange&>(of(subject));
}

Value get_document_root(const void* subject, Arena&, std::string_view) {
    return of(subject).location == nullptr ? Value::none()
                                           : script::built_text(document_root(writable(subject)));
}

Value get_realpath_root(const void* subject, Arena& arena, std::string_view) {
    if (of(subject).location == nullptr) {
        return Value::none();
    }
    const std::string_view root = arena.copy(document_root(writable(subject)));
    if (root.data() == nullptr) {
        return Value::no_room();
    }
    const auto path = sys::real_path(root.data());
    return path ? script::kept_text(arena, *path) : Value::none();
}

Value get_completion(const void* subject, Arena&, std::string_view) {
    return {of(subject).timings.is_complete ? "OK" : ""};
}

Value get_request_filename(const void* subject, Arena&, std::string_view) {
    return of(subject).location == nullptr ? Value::none() : optional(file_path(writable(subject)));
}

// As nginx: a text that is no size changes nothing.
void set_limit_rate(void* subject, std::string_view text) {
    if (const auto rate = conf::parse_size(text); rate && rate->count <= INT64_MAX) {
        static_cast<Exchange*>(subject)->limit_rate = static_cast<std::int64_t>(rate->count);
    }
}

Value get_limit_rate(const void* subject, Arena& arena, std::string_view) {
    return of(subject).location == nullptr
               ? Value::none()
               : script::number_text(arena, rate_limit_of(writable(subject)).rate);
}

Value get_request_id(const void* subject, Arena& arena, std::string_view) {
    const Exchange& exchange = of(subject);
    if (exchange.request_id.data() == nullptr) {
        std::array<unsigned char, 16> bytes{};
        if (!sys::random_bytes(bytes)) {
            return Value::none();
        }
        std::array<char, 32> text{};
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            constexpr std::string_view kDigits = "0123456789abcdef";
            text[2 * i] = kDigits[bytes[i] >> 4];
            text[2 * i + 1] = kDigits[bytes[i] & 15];
        }
        exchange.request_id = arena.copy({text.data(), text.size()});
    }
    return script::built_text(exchange.request_id);
}

Value get_content_length(const void* subject, Arena&, std::string_view) {
    return optional(of(subject).request.get(Field::ContentLength));
}

Value get_content_type(const void* subject, Arena&, std::string_view) {
    return optional(of(subject).request.get(Field::ContentType));
}

Value get_https(const void*, Arena&, std::string_view) {
    return {""};
}

/// The port in the authority that the request names: the target's, else the Host field's.
std::string_view port_asked_for(const Request& request) {
    constexpr std::string_view kMark = "://";
    std::string_view host = request.get(Field::Host);
    if (const std::size_t mark = request.target.find(kMark);
        !request.target.starts_with('/') && mark != std::string_view::npos) {
        host = request.target.substr(mark + kMark.size());
        host = host.substr(0, host.find_first_of("/?#"));
    }
    const std::size_t colon = host.rfind(':');
    const std::size_t bracket = host.rfind(']');
    const bool has_port = colon != std::string_view::npos &&
                          (bracket == std::string_view::npos || colon > bracket);
    const std::string_view port = has_port ? host.substr(colon + 1) : std::string_view{};
    const auto number = parse_decimal(port);
    return number && *number > 0 && *number < 65536 ? port : std::string_view("");
}

Value get_request_port(const void* subject, Arena&, std::string_view) {
    return {port_asked_for(of(subject).request)};
}

Value get_is_request_port(const void* subject, Arena&, std::string_view) {
    return {port_asked_for(of(subject).request).empty() ? "" : ":"};
}

Value get_request_time(const void* subject, Arena& arena, std::string_view) {
    const Timings& timings = of(subject).timings;
    const auto spent = std::chrono::duration_cast<Millis>(timings.now - timings.started);
    return script::seconds_text(arena, std::max<std::int64_t>(spent.count(), 0));
}

// clang-format off
constexpr VariableRow kRows[] = {
    {"request", get_request_line, "The request line as received."},
    {"request_method", get_method, "The method, such as GET."},
    {"request_uri", get_request_uri, "The request target as received, with arguments."},
    {"uri", get_uri, "The decoded and normalised path; changes in internal redirects."},
    {"document_uri", get_uri, "The same as $uri."},
    {"args", get_args, "The arguments of the request, without the question mark; set may change them.", false, false, set_args},
    {"query_string", get_args, "The same as $args, but not for set."},
    {"is_args", get_is_args, "\"?\" where the request has arguments, else empty."},
    {"host", get_host, "The host asked for, lower case and without port; else the server's name."},
    {"server_name", get_server_name, "The first name of the server that answers."},
    {"server_protocol", get_server_protocol, "The protocol of the request, such as HTTP/1.1."},
    {"scheme", get_scheme, "http or https."},
    {"status", get_status, "The status of the reply.", false, true},
    {"bytes_sent", get_bytes_sent, "Bytes sent to the client.", false, true},
    {"body_bytes_sent", get_body_bytes_sent, "Bytes sent to the client without the head.", false, true},
    {"request_length", get_request_length, "Bytes of the request: line, headers and body.", false, true},
    {"request_time", get_request_time, "Seconds since the first byte of the request, with milliseconds.", false, true},
    {"connection_requests", get_connection_requests, "The number of this request on its connection.", false, true},
    {"pipe", get_pipe, "\"p\" for a pipelined request, \".\" otherwise."},
    {"document_root", get_document_root, "The directory that counts for this request."},
    {"request_filename", get_request_filename, "The file that this request means."},
    {"limit_rate", get_limit_rate, "Bytes per second of this reply, 0: no limit; `set $limit_rate` changes it.", false, true, set_limit_rate},
    {"request_completion", get_completion, "\"OK\" when the reply has gone out whole, else empty."},
    {"realpath_root", get_realpath_root, "$document_root with symbolic links resolved."},
    {"request_id", get_request_id, "16 random bytes in hexadecimal, one value per request."},
    {"content_length", get_content_length, "The Content-Length of the request."},
    {"content_type", get_content_type, "The Content-Type of the request."},
    {"https", get_https, "\"on\" where the connection is encrypted, else empty."},
    {"request_port", get_request_port, "The port in the host that was asked for; empty where it names none."},
    {"is_request_port", get_is_request_port, "\":\" where $request_port is not empty, else empty."},
    {"arg_", get_argument, "An argument of the request by name.", true},
    {"http_", get_request_field, "A field of the request: lower case, underscores for dashes.", true},
    {"sent_http_", get_reply_field, "A field of the reply: lower case, underscores for dashes.", true},
    {"sent_trailer_", get_reply_trailer, "A trailer field of the reply.", true},
    {"cookie_", get_cookie, "A cookie of the request by name.", true},
};
// clang-format on

}  // namespace

std::span<const VariableRow> core_variables() {
    return kRows;
}

std::span<const VariableRow> connection_variables() {
    return script::ConnectionVariables<Exchange>::kRows;
}

}  // namespace sluice::http
