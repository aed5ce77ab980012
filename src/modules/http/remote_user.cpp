// SPDX-License-Identifier: BSD-2-Clause
// $remote_user: the name in a Basic Authorization field, as access logs show it. Nothing is
// checked here.
// Runs in: worker.
#include <cstdint>

#include "base/ascii.h"
#include "modules/http/features.h"
#include "proto/http/exchange.h"

namespace sluice::modules {

namespace {

/// The value of a base64 digit, or -1.
int digit_value(char c) {
    constexpr std::string_view kMarks = "+/";
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (is_digit(c)) {
        return c - '0' + 52;
    }
    const std::size_t at = kMarks.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at) + 62;
}

script::Value get_remote_user(const void* subject, Arena& arena, std::string_view) {
    constexpr std::string_view kScheme = "Basic ";
    const auto& exchange = *static_cast<const http::Exchange*>(subject);
    std::string_view field = exchange.request.get(http::Field::Authorization);
    if (field.size() <= kScheme.size() ||
        !equals_ignoring_case(field.substr(0, kScheme.size()), kScheme)) {
        return script::Value::none();
    }
    field = trim(field.substr(kScheme.size()));
    char* const out = static_cast<char*>(arena.allocate(field.size(), 1));
    if (out == nullptr) {
        return script::Value::none();
    }
    std::size_t size = 0;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : field) {
        const int value = digit_value(c);
        if (value < 0) {
            break;  // padding, or not base64: what came before counts
        }
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[size++] = static_cast<char>(bits >> count & 0xffU);
        }
    }
    const std::string_view decoded(out, size);
    const std::size_t colon = decoded.find(':');
    if (colon == std::string_view::npos || colon == 0) {
        return script::Value::none();
    }
    return {.text = decoded.substr(0, colon), .is_found = true};
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
