// SPDX-License-Identifier: BSD-2-Clause
// Lines about decisions.
// Runs in: any (explain, on the command line).
#include "proto/http/trace.h"

#include <utility>

#include "conf/generation.h"
#include "conf/places.h"
#include "proto/http/site.h"

namespace sluice::http {

std::size_t Trace::reserve(Topic topic) {
    entries_.push_back({.topic = topic, .is_detail = false, .at = {}, .text = {}});
    return entries_.size() - 1;
}

void Trace::fill(std::size_t number, conf::Position at, std::string text) {
    entries_[number].at = at;
    entries_[number].text = std::move(text);
}

void Trace::drop_details() {
    while (!entries_.empty() && entries_.back().is_detail) {
        entries_.pop_back();
    }
}

std::string text_of(const Location& location) {
    const bool is_if = location.level->context == conf::kLocationIf;
    const bool is_limit = location.level->context == conf::kLimitExcept;
    if (is_if || is_limit) {
        return conf::text_of(*location.level->block);
    }
    if (location.match == Match::Root) {
        return "none, the server's own settings";
    }
    return std::string(modifier_of(location.match)) + std::string(location.name);
}

conf::Position place_of(const Exchange& exchange, std::span<const std::string_view> names) {
    if (exchange.location == nullptr) {
        return {};
    }
    const conf::Directive* const found = conf::find_directive(*exchange.location->level, names);
    return found == nullptr ? conf::Position{} : found->at;
}

conf::Position place_of(const Exchange& exchange, std::string_view name) {
    return place_of(exchange, std::span(&name, 1));
}

std::string quote(const Exchange& exchange, conf::Position at) {
    const conf::Directive* const found =
        exchange.generation ? conf::find_directive(exchange.generation->tree(), at) : nullptr;
    return found == nullptr ? std::string() : conf::text_of(*found) + ": ";
}

void vtell(const Exchange& exchange,
           Topic topic,
           conf::Position at,
           fmt::string_view format,
           fmt::format_args args) {
    exchange.trace->add({.topic = topic,
                         .is_detail = false,
                         .at = at,
                         .text = quote(exchange, at) + fmt::vformat(format, args)});
}

}  // namespace sluice::http
