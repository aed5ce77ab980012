// SPDX-License-Identifier: BSD-2-Clause
// valid_referers: which sites may link here. $invalid_referer is "1" where a request comes from
// another one; rules decide what follows. A Referer is easily made up: this keeps no attacker out.
// Runs in: any (settings), worker (variable).
#include <algorithm>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "base/ascii.h"
#include "conf/generation.h"
#include "conf/level.h"
#include "modules/http/features.h"
#include "proto/http/core_conf.h"
#include "proto/http/exchange.h"
#include "proto/http/site.h"
#include "proto/http/site_builder.h"
#include "script/dialect.h"
#include "script/name_table.h"

namespace sluice::modules {

namespace {

using http::Exchange;

/// The sites of one block. Owner: the generation.
struct Referers {
    bool allows_none = false;     ///< no Referer at all
    bool allows_blocked = false;  ///< one that begins with no scheme: something has removed it
    bool has_server_names = false;
    conf::Level* level = nullptr;
    script::NameTableBuilder builder;
    std::vector<std::string_view> paths{""};  ///< by number of a name; 0: any
    script::NameTable names;
    std::vector<const script::Pattern*> patterns;       ///< of what stands behind the scheme
    std::vector<const script::Pattern*> host_patterns;  ///< of server names

    [[nodiscard]] bool empty() const {
        return paths.size() == 1 && patterns.empty() && !has_server_names;
    }
};

struct RefererConf {
    conf::Setting<Referers*> referers;
};

// ---- settings ----

bool add_host(conf::Build& build,
              const conf::Argument& argument,
              std::string_view name,
              Referers& referers) {
    using Outcome = script::NameTableBuilder::Outcome;
    const std::size_t slash = std::min(name.find('/'), name.size());
    const auto number = static_cast<std::uint32_t>(referers.paths.size());
    referers.paths.push_back(name.substr(slash));
    switch (referers.builder.add_host(name.substr(0, slash), number)) {
        case Outcome::Added:
            return true;
        case Outcome::Known:
            return build.error(argument, fmt::format("conflicting parameter \"{}\"", name));
        case Outcome::Malformed:
            return build.error(argument,
                               fmt::format("invalid hostname or wildcard \"{}\"", name),
                               "a host, *.host, .host or host.*, and a path");
    }
    return false;
}

bool add_referer(conf::Build& build, const conf::Argument& argument, Referers& referers) {
    std::string_view text = argument.text;
    if (text == "none") {
        referers.allows_none = true;
        return true;
    }
    if (text == "blocked") {
        referers.allows_blocked = true;
        return true;
    }
    if (text == "server_names") {
        referers.has_server_names = true;
        return true;
    }
    if (text.starts_with('~')) {
        referers.patterns.push_back(
            script::compile_pattern(build, argument, text.substr(1), true));
        return referers.patterns.back() != nullptr;
    }
    if (text.starts_with("http://")) {
        return build.error(argument, fmt::format("invalid parameter \"{}\"", text),
                           "a host without its scheme");
    }
    return !text.empty() ? add_host(build, argument, text, referers)
                         : build.error(argument, "invalid parameter \"\"", "a host");
}

/// The names of the server around the block, known when it was read to its end.
void add_server_names(Referers& referers) {
    const conf::Level* level = referers.level;
    while (level != nullptr && level->context != conf::kServer) {
        level = level->parent;
    }
    if (level == nullptr) {
        return;
    }
    const auto& draft =
        *static_cast<const http::ServerDraft*>(level->conf<http::CoreConf>().draft);
    for (const script::ServerName& name : draft.names) {
        if (name.pattern != nullptr) {
            referers.host_patterns.push_back(name.pattern);
        } else if (!name.name.empty()) {
            // One that stands in the list too keeps the path that it has there.
            static_cast<void>(referers.builder.add_host(name.name, 0));
        }
    }
}

void freeze(conf::Build& build, void* object) {
    Referers& referers = *static_cast<Referers*>(object);
    if (referers.has_server_names) {
        add_server_names(referers);
    }
    if (!referers.builder.build(build.arena(), referers.names)) {
        build.error(conf::Position{}, "no memory for valid_referers");
    }
}

bool set_referers(conf::Build& build, const conf::Directive& directive, RefererConf& conf) {
    if (!conf.referers.is_set) {
        conf.referers.value = &build.generation().keep(std::make_unique<Referers>());
        conf.referers.value->level = &build.level();
        build.on_frozen(&freeze, conf.referers.value);
    }
    return std::ranges::all_of(directive.args, [&](const conf::Argument& argument) {
        return add_referer(build, argument, *conf.referers.value);
    });
}

constexpr conf::Row kRows[] = {
    conf::row_fn<&RefererConf::referers, &set_referers>(
        "valid_referers", conf::kServer | conf::kLocation, conf::take_at_least(1),
        "Sites that may link here: none (no Referer), blocked (one without a scheme), server_names, "
        "hosts with wildcards and paths, ~ and a pattern; see $invalid_referer.")
        .repeats(),
};
constexpr conf::ConfKind kKind = conf::kind<RefererConf>("referer", kRows);
constexpr conf::Module kConf{"referer", &kKind};

// ---- the variable ----

/// Cuts "http://" or "https://" off. False: neither is there, or hardly anything behind it.
bool cut_scheme(std::string_view& referer) {
    constexpr std::size_t kShortest = std::string_view("http://i.ru").size();
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (referer.size() >= kShortest &&
            equals_ignoring_case(referer.substr(0, scheme.size()), scheme)) {
            referer.remove_prefix(scheme.size());
            return true;
        }
    }
    return false;
}

bool is_valid(const Referers& referers, std::string_view referer) {
    if (referer.data() == nullptr) {
        return referers.allows_none;
    }
    if (!cut_scheme(referer)) {
        return referers.allows_blocked;
    }
    constexpr std::size_t kMostHost = 256;
    const std::string_view host =
        referer.substr(0, std::min(referer.find_first_of("/:"), referer.size()));
    if (host.size() > kMostHost) {
        return false;
    }
    const std::uint32_t number = referers.names.find_host(host);
    if (number != script::NameTable::kNone) {
        const std::size_t slash = std::min(referer.find('/', host.size()), referer.size());
        return referer.substr(slash).starts_with(referers.paths[number]);
    }
    const auto fits = [](std::string_view text) {
        return [text](const script::Pattern* pattern) { return pattern->regex.match(text); };
    };
    return std::ranges::any_of(referers.host_patterns, fits(host)) ||
           std::ranges::any_of(referers.patterns, fits(referer));
}

script::Value get_invalid_referer(const void* subject, Arena&, std::string_view) {
    const auto& exchange = *static_cast<const Exchange*>(subject);
    const Referers* const referers =
        exchange.location == nullptr ? nullptr
                                     : *exchange.location->level->conf<RefererConf>().referers;
    const bool passes = referers == nullptr || referers->empty() ||
                        is_valid(*referers, exchange.request.get(http::Field::Referer));
    return {passes ? "" : "1"};
}

constexpr script::VariableRow kVariables[] = {
    {.name = "invalid_referer",
     .get = &get_invalid_referer,
     .sentence = "\"1\" where the Referer is none of valid_referers, else empty."},
};

}  // namespace

constexpr http::Module kReferer{
    .name = "referer",
    .conf = &kConf,
    .bind = nullptr,
    .variables = kVariables,
};

}  // namespace sluice::modules
