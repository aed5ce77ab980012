// SPDX-License-Identifier: BSD-2-Clause
// client_body_read: read a request's body before the location's other rules run, so that
// $request_body can be used in answers and logs even where no handler asks for it.
// Runs in: any (settings), worker (rule).
#include "conf/level.h"
#include "conf/row.h"
#include "modules/http/features.h"
#include "proto/http/exchange.h"
#include "script/value_text.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

struct ReadBodyConf {
    conf::Setting<bool> client_body_read;
};

// clang-format off
constexpr conf::Row kRows[] = {
    conf::row<&ReadBodyConf::client_body_read>("client_body_read", conf::kAnyHttp, conf::flag(),
        "Read the request's body before anything in the location answers, for $request_body.")
        .defaults("off"),
};
// clang-format on

constexpr conf::ConfKind kKind = conf::kind<ReadBodyConf>("read_body", kRows);
constexpr conf::Module kConf{"read_body", &kKind};

Verdict go_on(Exchange&, const void*) {
    return Verdict::Declined;
}

Verdict read(Exchange& exchange, const void* settings) {
    return exchange.read_body(&go_on, settings);
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    const bool is_own =
        phase == http::Phase::Rewrite && *level.conf<ReadBodyConf>().client_body_read;
    return is_own ? http::BoundRule{.run = &read, .settings = nullptr} : http::BoundRule{};
}

script::Value get_request_body(const void* subject, Arena&, std::string_view) {
    const http::RequestBody& body = static_cast<const Exchange*>(subject)->body;
    const bool is_here = body.state() == http::RequestBody::State::Whole && !body.is_in_file();
    return is_here ? script::Value{.text = body.memory(), .is_found = true} : script::Value::none();
}

script::Value get_request_body_file(const void* subject, Arena&, std::string_view) {
    const http::RequestBody& body = static_cast<const Exchange*>(subject)->body;
    return body.path().empty() ? script::Value::none()
                               : script::Value{.text = body.path(), .is_found = true};
}

script::Value get_request_body_size(const void* subject, Arena& arena, std::string_view) {
    const http::RequestBody& body = static_cast<const Exchange*>(subject)->body;
    if (body.state() != http::RequestBody::State::Whole) {
        return script::Value::none();
    }
    return script::number_text(arena, body.size());
}

// clang-format off
constexpr script::VariableRow kVariables[] = {
    {.name = "request_body", .get = &get_request_body, .sentence = "The request's body, where it was read and is in memory."},
    {.name = "request_body_file", .get = &get_request_body_file, .sentence = "Name of the file with the request's body: see client_body_in_file_only."},
    {.name = "request_body_size", .get = &get_request_body_size, .sentence = "Bytes of the request's body, where it was read.", .is_number = true},
};
// clang-format on

}  // namespace

constexpr http::Module kReadBody{
    .name = "read_body",
    .conf = &kConf,
    .bind = &bind,
    .variables = kVariables,
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
