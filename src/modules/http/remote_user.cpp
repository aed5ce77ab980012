// SPDX-License-Identifier: BSD-2-Clause
// $remote_user: the name in a Basic Authorization field, as access logs show it. Nothing is
// checked here.
// Runs in: worker.
#include "modules/http/basic_credentials.h"
#include "modules/http/features.h"
#include "proto/http/exchange.h"

namespace sluice::modules {

namespace {

script::Value get_remote_user(const void* subject, Arena& arena, std::string_view) {
    const auto& exchange = *static_cast<const http::Exchange*>(subject);
    const auto credentials = basic_credentials(exchange.request, arena);
    return credentials ? script::Value{credentials->user} : script::Value::none();
}

constexpr script::VariableRow kVariables[] = {
    {.name = "remote_user", .get = &get_remote_user, .sentence = "User name of Basic authentication."},
};

}  // namespace

constexpr http::Module kRemoteUser{
    .name = "remote_user",
    .conf = nullptr,
    .bind = nullptr,
    .variables = kVariables,
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
