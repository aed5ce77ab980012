// SPDX-License-Identifier: BSD-2-Clause
// location, root, alias, types, error_page.
// Runs in: any.
#include "proto/http/location_conf.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/ascii.h"
#include "proto/http/request.h"
#include "proto/http/site_builder.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::http {

namespace {

// What `location [modifier] name` says. Name and modifier may be written together ("=/x").
struct Heading {
    Match match = Match::Prefix;
    std::string_view name;
};

Match match_of(std::string_view modifier) {
    if (modifier == "=") {
        return Match::Exact;
    }
    if (modifier == "^~") {
        return Match::PrefixNoRegex;
    }
    if (modifier == "~") {
        return Match::Regex;
    }
    return modifier == "~*" ? Match::RegexNoCase : Match::Root;
}

std::optional<Heading> read_heading(conf::Build& build, const conf::Directive& block) {
    if (block.args.size() == 2) {
        const Match match = match_of(block.args[0].text);
        if (match == Match::Root) {
            build.error(block.args[0],
                        fmt::format("invalid location modifier \"{}\"", block.args[0].text),
                        "=, ^~, ~ or ~*");
            return std::nullopt;
        }
        return Heading{match, block.args[1].text};
    }
    const std::string_view text = block.args[0].text;
    for (const std::string_view modifier : {"=", "^~", "~*", "~"}) {
        if (text.starts_with(modifier)) {
            return Heading{match_of(modifier), text.substr(modifier.size())};
        }
    }
    return Heading{text.starts_with('@') ? Match::Named : Match::Prefix, text};
}

bool is_pattern(Match match) {
    return match == Match::Regex || match == Match::RegexNoCase;
}

// The method's bit; GET allows HEAD too. None for a name that nginx does not know either.
std::uint32_t method_bits(std::string_view name) {
    static constexpr std::pair<std::string_view, Method> kMethods[] = {
        {"GET", Method::Get},           {"HEAD", Method::Head},
        {"POST", Method::Post},         {"PUT", Method::Put},
        {"DELETE", Method::Delete},     {"MKCOL", Method::Mkcol},
        {"COPY", Method::Copy},         {"MOVE", Method::Move},
        {"OPTIONS", Method::Options},   {"PROPFIND", Method::Propfind},
        {"PROPPATCH", Method::Proppatch}, {"LOCK", Method::Lock},
        {"UNLOCK", Method::Unlock},     {"PATCH", Method::Patch},
    };
    for (const auto& [text, method] : kMethods) {
        if (text == name) {
            const std::uint32_t head =
                method == Method::Get ? 1U << static_cast<unsigned>(Method::Head) : 0;
            return head | 1U << static_cast<unsigned>(method);
        }
    }
    return 0;
}

// nginx's rules for a location inside a location.
bool check_nesting(conf::Build& build,
                   const conf::Directive& block,
                   const Heading& heading,
                   const Location& outer) {
    if (outer.match == Match::Root) {
        return true;
    }
    if (outer.match == Match::Exact) {
        return build.error(block,
                           fmt::format("location \"{}\" cannot be inside the exact location \"{}\"",
                                       heading.name, outer.name));
    }
    if (outer.match == Match::Named) {
        return build.error(block,
                           fmt::format("location \"{}\" cannot be inside the named location \"{}\"",
                                       heading.name, outer.name));
    }
    if (heading.match == Match::Named) {
        return build.error(
            block,
            fmt::format("named location \"{}\" can be on the server level only", heading.name));
    }
    if (!is_pattern(heading.match) && !is_pattern(outer.match) &&
        !heading.name.starts_with(outer.name)) {
        return build.error(block, fmt::format("location \"{}\" is outside location \"{}\"",
                                              heading.name, outer.name));
    }
    return true;
}

// `text` is what counts of the argument.
bool compile_template(conf::Build& build,
                      const conf::Argument& argument,
                      std::string_view text,
                      script::Template& out) {
    conf::Argument part = argument;
    part.text = text;
    return script::compile_argument(build, part, script::variables_of(build), out);
}

bool set_file_base(conf::Build& build,
                   const conf::Directive& directive,
                   CoreConf& core,
                   FileBase base) {
    if (core.file_base.is_set) {
        const bool was_alias = core.file_base->is_alias;
        const std::string_view earlier = was_alias ? "alias" : "root";
        if (earlier == directive.name) {
            return build.error(directive,
                               fmt::format("\"{}\" directive is duplicate", directive.name));
        }
        return build.error(directive,
                           fmt::format("\"{}\" directive is duplicate, \"{}\" directive was "
                                       "specified earlier",
                                       directive.name, earlier));
    }
    std::string_view text = directive.args[0].text;
    const bool has_variables = text.find('$') != std::string_view::npos;
    if (!has_variables) {
        text = build.absolute_path(text);
    } else {
        base.prefix = build.absolute_path("");
    }
    // A path ends where the uri's first slash begins.
    if (!base.is_alias && text.size() > 1 && text.ends_with('/')) {
        text.remove_suffix(1);
    }
    if (!base.is_alias && text == "/") {
        text = {};
    }
    if (!compile_template(build, directive.args[0], text, base.path)) {
        return false;
    }
    core.file_base.value = base;
    return true;
}

// One status of error_page: a number that can be answered with a page.
std::optional<std::uint16_t> read_status(conf::Build& build,
                                         const conf::Directive& directive,
                                         const conf::Argument& argument) {
    const auto status = parse_decimal(argument.text);
    if (!status) {
        build.invalid(directive, argument, "a status from 300 to 599");
        return std::nullopt;
    }
    if (*status == 499 || *status < 300 || *status > 599) {
        build.error(argument,
                    fmt::format("value \"{}\" must be between 300 and 599", argument.text));
        return std::nullopt;
    }
    return static_cast<std::uint16_t>(*status);
}

std::optional<int> read_overwrite(conf::Build& build,
                                  const conf::Directive& directive,
                                  const conf::Argument& argument) {
    if (argument.text == "=") {
        return ErrorPage::kTakeStatus;
    }
    const auto status = parse_decimal(argument.text.substr(1));
    if (!status || *status < 100 || *status > 599) {
        build.invalid(directive, argument, "= or =status");
        return std::nullopt;
    }
    return static_cast<int>(*status);
}

bool add_type(conf::Build& build,
              const conf::Directive& line,
              std::vector<TypeTable::Entry>& entries) {
    if (line.has_block || line.args.empty()) {
        return build.error(
            line, fmt::format("invalid number of arguments in \"{}\" directive", line.name),
            "a media type followed by extensions");
    }
    for (const conf::Argument& argument : line.args) {
        const std::string_view extension = build.arena().copy(lowered(argument.text));
        entries.push_back({extension, line.name});
    }
    return true;
}

}  // namespace

bool open_location(conf::Build& build, const conf::Directive& block, CoreConf& core) {
    const std::optional<Heading> heading = read_heading(build, block);
    if (!heading) {
        return false;
    }
    LocationDraft* const outer = build.level().context == conf::kServer
                                     ? &static_cast<ServerDraft*>(core.draft)->root
                                     : static_cast<LocationDraft*>(core.draft);
    if (!check_nesting(build, block, *heading, *outer->location)) {
        return false;
    }
    Location location;
    location.name = heading->name;
    location.match = heading->match;
    location.at = block.at;
    location.server = outer->location->server;
    conf::Level& level = build.open_level(conf::kLocation, block);
    location.level = &level;
    LocationDraft* const draft = core.site->add_location(build, location, *outer);
    if (draft == nullptr) {
        return build.error(block, "no memory for the location");
    }
    if (is_pattern(heading->match)) {
        draft->location->pattern = script::compile_pattern(build, block.args.back(), heading->name,
                                                   heading->match == Match::RegexNoCase);
    }
    CoreConf& own = level.conf<CoreConf>();
    own.site = core.site;
    own.draft = draft;
    return build.run_block(block, level) &&
           (!is_pattern(heading->match) || draft->location->pattern != nullptr);
}

bool open_limit_except(conf::Build& build, const conf::Directive& block, CoreConf& core) {
    Location& outer = *static_cast<LocationDraft*>(core.draft)->location;
    if (outer.limited != nullptr) {
        return build.error(block, "\"limit_except\" directive is duplicate");
    }
    bool is_good = true;
    for (const conf::Argument& argument : block.args) {
        const std::uint32_t bits = method_bits(argument.text);
        outer.allowed_methods |= bits;
        if (bits == 0) {
            is_good = build.error(argument, fmt::format("invalid method \"{}\"", argument.text),
                                  "GET, HEAD, POST, PUT, DELETE, MKCOL, COPY, MOVE, OPTIONS, "
                                  "PROPFIND, PROPPATCH, LOCK, UNLOCK or PATCH");
        }
    }
    conf::Level* const level = open_nameless(build, block, conf::kLimitExcept, outer.limited);
    return level != nullptr && build.run_block(block, *level) && is_good;
}

bool set_root(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    return set_file_base(build, directive, core, FileBase{});
}

bool set_alias(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    const Location& location = *static_cast<LocationDraft*>(core.draft)->location;
    if (location.match == Match::Named) {
        return build.error(directive,
                           "the \"alias\" directive cannot be used inside the named location");
    }
    FileBase base;
    base.is_alias = true;
    base.replaces_all = is_pattern(location.match);
    base.stripped = base.replaces_all ? 0 : location.name.size();
    return set_file_base(build, directive, core, base);
}

bool set_types(conf::Build& build, const conf::Directive& block, CoreConf& core) {
    std::vector<TypeTable::Entry> entries;
    if (core.types.is_set && core.types.value != nullptr) {  // a second block adds to the first
        std::copy_if(core.types.value->slots().begin(), core.types.value->slots().end(),
                     std::back_inserter(entries),
                     [](const TypeTable::Entry& entry) { return !entry.extension.empty(); });
    }
    bool is_good = true;
    for (const conf::Directive& line : block.children) {
        is_good = add_type(build, line, entries) && is_good;
    }
    core.types.value = TypeTable::build(entries, build.arena());
    return is_good && core.types.value != nullptr;
}

bool set_error_page(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    std::span<const conf::Argument> statuses = directive.args.first(directive.args.size() - 1);
    int overwrite = ErrorPage::kKeepStatus;
    if (statuses.back().text.starts_with('=')) {
        const std::optional<int> read = read_overwrite(build, directive, statuses.back());
        if (!read) {
            return false;
        }
        overwrite = *read;
        statuses = statuses.first(statuses.size() - 1);
    }
    if (statuses.empty()) {
        return build.invalid(directive, directive.args[0], "a status before =");
    }
    script::Template target;
    const conf::Argument& last = directive.args.back();
    if (!compile_template(build, last, last.text, target)) {
        return false;
    }
    std::vector<ErrorPage> pages;
    if (core.error_pages.is_set) {
        pages.assign(core.error_pages->begin(), core.error_pages->end());
    }
    for (const conf::Argument& argument : statuses) {
        const std::optional<std::uint16_t> status = read_status(build, directive, argument);
        if (!status) {
            return false;
        }
        pages.push_back({*status, directive.at, overwrite, target});
    }
    const std::span<ErrorPage> kept = build.arena().make_span<ErrorPage>(pages.size());
    std::copy_n(pages.begin(), kept.size(), kept.begin());
    core.error_pages.value = kept;
    return true;
}

}  // namespace sluice::http
