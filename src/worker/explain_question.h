// SPDX-License-Identifier: BSD-2-Clause
// Question: a URL taken apart, the bytes that a client would send for it, and the listener that it
// would reach.
// Runs in: any (explain, on the command line).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "conf/generation.h"
#include "net/address.h"
#include "proto/http/trace.h"

namespace sluice::worker {

struct Question {
    std::string method = "GET";
    std::string url;
    std::vector<std::string> fields;  ///< "Name: value"
    std::string client;
    std::string connect;

    // Made by take_apart().
    std::string authority;  ///< as Host has it: "example.com:8080"
    std::string host;       ///< without port and brackets
    std::uint16_t port = 80;
    std::string target;  ///< path and query
};

/// Fills the parts from `url`. Fails: a sentence; the URL is none that can be asked.
[[nodiscard]] std::expected<void, std::string> take_apart(Question& question);

/// The head that a client would send.
/// Fails: a sentence about a method or a field that no client could send.
[[nodiscard]] std::expected<std::string, std::string> head_of(const Question& question);

/// Which socket the request comes in on, and both ends of the connection.
struct Entrance {
    const conf::ListenSpec* listener = nullptr;
    net::Address local;
    net::Address peer;
};

/// What a proxy would send before the head; empty where the listener expects nothing.
[[nodiscard]] std::string proxy_header_of(const Entrance& entrance);

/// Chooses the listener by the question's port and address, and tells `trace` of all there are.
/// Fails: a sentence; nothing listens there.
[[nodiscard]] std::expected<Entrance, std::string> find_entrance(const conf::Generation& generation,
                                                                 const Question& question,
                                                                 http::Trace& trace);

}  // namespace sluice::worker
