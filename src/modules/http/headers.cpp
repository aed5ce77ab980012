// SPDX-License-Identifier: BSD-2-Clause
// headers: add_header and expires, applied to a decided reply's head, and add_trailer, applied when
// its body has ended. Which fields hold in a block is settled once, when it is bound: its own, the
// outer block's, or both.
// Runs in: any (settings), worker (rule).
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/ascii.h"
#include "conf/places.h"
#include "log/log.h"
#include "modules/http/expires.h"
#include "modules/http/features.h"
#include "modules/http/prepared_lines.h"
#include "proto/http/error_line.h"
#include "proto/http/exchange.h"
#include "proto/http/http_date.h"
#include "proto/http/site.h"
#include "proto/http/trace.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

/// What a block without fields of its own, or with some, makes of the outer block's.
enum class Inherit : std::uint8_t {
    On,     ///< takes them where it has none of its own
    Off,    ///< never takes them
    Merge,  ///< has them behind its own
};

}  // namespace

}  // namespace sluice::modules

template <>
struct sluice::conf::EnumNames<sluice::modules::Inherit> {
    static constexpr std::pair<std::string_view, modules::Inherit> kTable[] = {
        {"on", modules::Inherit::On},
        {"off", modules::Inherit::Off},
        {"merge", modules::Inherit::Merge},
    };
};

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

struct AddedHeader {
    std::string_view name;
    script::Template value;
    bool is_always = false;
};

struct ExpiresSetting {
    Expires fixed;
    script::Template text;  ///< where it has variables
    bool is_modified = false;
};

using Fields = std::span<const AddedHeader>;

/// The fields of one directive.
struct FieldList {
    conf::Setting<Fields> own;
    conf::Setting<Inherit> inherit;
    const FieldList* outer = nullptr;  ///< whose fields hold here too, behind the own ones
};

struct HeadersConf {
    FieldList headers;
    FieldList trailers;
    conf::Setting<ExpiresSetting> expires;
    bool is_settled = false;  ///< both lists' `outer` is known
};

// ---- directives ----

bool breaks_line(std::string_view value) {
    return value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

bool is_token(std::string_view text) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [kMarks](char c) {
        return is_alpha(c) || is_digit(c) || kMarks.find(c) != std::string_view::npos;
    });
}

/// Fields that the wire decides, and what RFC 9110 §6.5.1 keeps out of trailers.
bool is_own_field(std::string_view name) {
    return std::ranges::any_of(
        std::array<std::string_view, 3>{"Content-Length", "Transfer-Encoding", "Connection"},
        [name](std::string_view own) { return equals_ignoring_case(name, own); });
}

/// Line breaks that the configuration itself has: a mistake, which nginx would send.
bool keep_on_one_line(conf::Build& build, const conf::Directive& directive, conf::Argument& value) {
    if (!build.is_compat()) {
        return build.invalid(directive, value, "a value of one line");
    }
    build.warn(value.at, "a line break in a field is sent as a space");
    std::string text(value.text);
    std::ranges::replace_if(text, [](char c) { return breaks_line({&c, 1}); }, ' ');
    value.text = build.arena().copy(trim(text));
    return true;
}

bool append_field(conf::Build& build, const conf::Directive& directive, FieldList& list) {
    std::vector<AddedHeader> fields(list.own.value.begin(), list.own.value.end());
    AddedHeader field{.name = directive.args[0].text, .value = {}, .is_always = false};
    if (!is_token(field.name)) {
        return build.invalid(directive, directive.args[0], "the name of a header field");
    }
    if (is_own_field(field.name)) {
        return build.invalid(directive, directive.args[0],
                             "a field that the server does not decide itself");
    }
    if (directive.args.size() == 3) {
        if (directive.args[2].text != "always") {
            return build.error(directive.args[2],
                               fmt::format("invalid parameter \"{}\"", directive.args[2].text),
                               "always");
        }
        field.is_always = true;
    }
    conf::Argument value = directive.args[1];
    if (breaks_line(value.text) && !keep_on_one_line(build, directive, value)) {
        return false;
    }
    if (!script::compile_argument(build, value, script::variables_of(build), field.value)) {
        return false;
    }
    fields.push_back(field);
    const auto kept = build.arena().make_span<AddedHeader>(fields.size());
    std::ranges::copy(fields, kept.begin());
    list.own.value = kept;
    list.own.is_set = true;
    return true;
}

template <FieldList HeadersConf::* List>
bool set_field(conf::Build& build, const conf::Directive& directive, HeadersConf& headers) {
    return append_field(build, directive, headers.*List);
}

template <FieldList HeadersConf::* List>
bool set_inherit(conf::Build& build, const conf::Directive& directive, HeadersConf& headers) {
    conf::Setting<Inherit>& inherit = (headers.*List).inherit;
    inherit.is_set = true;
    return conf::ParseAs<Inherit>::parse(build, directive, inherit.value);
}

/// How far a block's settings reach; the fields themselves are settled when rules are bound.
template <FieldList HeadersConf::* List>
void inherit_mode(void* child, const void* parent) {
    (static_cast<HeadersConf*>(child)->*List).inherit.value =
        *(static_cast<const HeadersConf*>(parent)->*List).inherit;
}

template <FieldList HeadersConf::* List>
bool has_mode(const void* settings) {
    return (static_cast<const HeadersConf*>(settings)->*List).inherit.is_set;
}

template <FieldList HeadersConf::* List>
consteval conf::Row inherit_row(std::string_view name, std::string_view sentence) {
    conf::Row row = conf::row_fn<HeadersConf, &set_inherit<List>>(name, conf::kAnyHttp,
                                                                  conf::take(1), sentence);
    row.inherit = &inherit_mode<List>;
    row.is_set = &has_mode<List>;
    row.forget_set = [](void* settings) {
        (static_cast<HeadersConf*>(settings)->*List).inherit.is_set = false;
    };
    return row.defaults("on");
}

bool set_expires(conf::Build& build, const conf::Directive& directive, HeadersConf& headers) {
    ExpiresSetting out;
    out.is_modified = directive.args.size() == 2;
    if (out.is_modified && directive.args[0].text != "modified") {
        return build.invalid(directive, directive.args[0], "modified");
    }
    const conf::Argument& argument = directive.args.back();
    if (argument.text.find('$') != std::string_view::npos) {
        headers.expires.value = out;
        return script::compile_argument(build, argument, script::variables_of(build),
                                        headers.expires.value.text);
    }
    const std::optional<Expires> fixed = parse_expires(argument.text, out.is_modified);
    if (!fixed) {
        return build.invalid(directive, argument, "a time, epoch, max or off");
    }
    out.fixed = *fixed;
    headers.expires.value = out;
    return true;
}

constexpr conf::Row kRows[] = {
    conf::row_fn<HeadersConf, &set_field<&HeadersConf::headers>>(
        "add_header", conf::kAnyHttp | conf::kLocationIf, conf::take_range(2, 3),
        "A field for successful replies and redirects, or with always for every reply.")
        .repeats(),
    inherit_row<&HeadersConf::headers>(
        "add_header_inherit",
        "What a block does with the outer block's add_header: on takes them where it has none of "
        "its own, merge adds them to its own, off never takes them."),
    conf::row_fn<HeadersConf, &set_field<&HeadersConf::trailers>>(
        "add_trailer", conf::kAnyHttp | conf::kLocationIf, conf::take_range(2, 3),
        "A field behind the body of successful replies and redirects, or with always of every "
        "reply; such replies are chunked. Its variables are read when the body has ended.")
        .repeats(),
    inherit_row<&HeadersConf::trailers>(
        "add_trailer_inherit",
        "What a block does with the outer block's add_trailer: on, merge or off, as with "
        "add_header_inherit."),
    conf::row_fn<&HeadersConf::expires, &set_expires>(
        "expires", conf::kAnyHttp | conf::kLocationIf, conf::take_range(1, 2),
        "How long caches may keep successful replies: a time, epoch, max or off.")
        .defaults("off"),
};
constexpr conf::ConfKind kKind = conf::kind<HeadersConf>("headers", kRows);
constexpr conf::Module kConf{"headers", &kKind};

// ---- rule ----

bool is_good(int status) {
    switch (status) {
        case 200:
        case 201:
        case 204:
        case 206:
        case 301:
        case 302:
        case 303:
        case 304:
        case 307:
        case 308:
            return true;
        default:
            return false;
    }
}

/// nginx sets these two instead of adding to them; an empty value takes them away.
void take_validator_away(Exchange& exchange, std::string_view name) {
    if (equals_ignoring_case(name, "ETag")) {
        exchange.reply.etag = {};
    } else if (equals_ignoring_case(name, "Last-Modified")) {
        exchange.reply.last_modified = UnixSeconds{-1};
    } else {
        return;
    }
    remove_prepared(exchange, name);
}

/// Whether a value may become a field; one made of a request's bytes must not start a new line.
bool is_sound(const Exchange& exchange, std::string_view name, std::string_view value) {
    if (!breaks_line(value)) {
        return true;
    }
    http::write_error(exchange, log::Level::Info, "field \"{}\" left out: its value \"{}\" holds a line break",
                      name, log::Escaped{value});
    return false;
}

/// A field that finds no room in the arena is left out: the reply itself is worth more.
void add(Exchange& exchange, std::string_view name, std::string_view value) {
    if (is_sound(exchange, name, value)) {
        static_cast<void>(exchange.reply.add(exchange.arena, name, value));
    }
}

/// When the reply's file changed; below 0 where that is not known.
UnixSeconds modified_of(const Exchange& exchange) {
    const std::string_view date = prepared_value(exchange, "Last-Modified");
    if (date.empty()) {
        return exchange.reply.last_modified;
    }
    return http::parse_http_date(date).value_or(UnixSeconds{-1});
}

void add_expiry(Exchange& exchange, const ExpiresSetting& setting) {
    Expires expires = setting.fixed;
    if (!setting.text.is_constant()) {
        expires = parse_expires(exchange.render(setting.text), setting.is_modified).value_or(Expires{});
    }
    if (expires.kind == Expires::Kind::Off) {
        return;
    }
    const UnixSeconds modified =
        setting.is_modified ? modified_of(exchange) : UnixSeconds{-1};
    char* const room = static_cast<char*>(exchange.arena.allocate(kExpiresRoom, 1));
    if (room == nullptr) {
        return;
    }
    const ExpiresFields fields = format_expires(expires, exchange.timings.started_wall, modified,
                                                std::span<char, kExpiresRoom>(room, kExpiresRoom));
    http::tell(exchange, http::Topic::Header, "expires", "{}", fields.cache_control);
    add(exchange, "Expires", fields.expires);
    add(exchange, "Cache-Control", fields.cache_control);
}

Verdict add_trailers(Exchange& exchange, const void* settings) {
    const bool is_success = is_good(exchange.reply.status);
    const FieldList* list = &static_cast<const HeadersConf*>(settings)->trailers;
    for (; list != nullptr; list = list->outer) {
        for (const AddedHeader& field : *list->own) {
            if (!is_success && !field.is_always) {
                continue;
            }
            const std::string_view value = exchange.render(field.value);
            if (!value.empty() && is_sound(exchange, field.name, value)) {
                static_cast<void>(exchange.reply.add_trailer(exchange.arena, field.name, value));
            }
        }
    }
    return Verdict::Declined;
}

/// A field is known by its name's place in the text of the configuration.
void tell_field(const Exchange& exchange, std::string_view name, std::string_view value) {
    const conf::Directive* const at = conf::find_argument(*exchange.location->level, name);
    http::tell(exchange, http::Topic::Header, at == nullptr ? conf::Position{} : at->at,
               "\"{}\"{}", log::Escaped{value}, value.empty() ? ", left out" : "");
}

void add_own(Exchange& exchange, const AddedHeader& header) {
    const std::string_view value = exchange.render(header.value);
    if (!value.empty() && !is_sound(exchange, header.name, value)) {
        return;
    }
    if (exchange.trace != nullptr) [[unlikely]] {
        tell_field(exchange, header.name, value);
    }
    take_validator_away(exchange, header.name);
    if (!value.empty()) {
        static_cast<void>(exchange.reply.add(exchange.arena, header.name, value));
    }
}

template <class Fits>
bool has_field(const FieldList& first, Fits fits) {
    for (const FieldList* list = &first; list != nullptr; list = list->outer) {
        if (std::ranges::any_of(*list->own, fits)) {
            return true;
        }
    }
    return false;
}

Verdict complete(Exchange& exchange, const void* settings) {
    const HeadersConf& headers = *static_cast<const HeadersConf*>(settings);
    const bool is_success = is_good(exchange.reply.status);
    if (is_success) {
        add_expiry(exchange, *headers.expires);
    }
    for (const FieldList* list = &headers.headers; list != nullptr; list = list->outer) {
        for (const AddedHeader& header : *list->own) {
            if (is_success || header.is_always) {
                add_own(exchange, header);
            }
        }
    }
    const auto holds = [is_success](const AddedHeader& field) {
        return is_success || field.is_always;
    };
    if (has_field(headers.trailers, holds)) {
        exchange.trailers = {.run = &add_trailers, .settings = settings};
    }
    return Verdict::Declined;
}

// ---- binding ----

void settle(FieldList& list, const FieldList& outer) {
    const bool takes = list.own->empty() ? *list.inherit != Inherit::Off
                                         : *list.inherit == Inherit::Merge;
    list.outer = takes ? &outer : nullptr;
}

HeadersConf& settled(const conf::Level& level) {
    HeadersConf& headers = level.conf<HeadersConf>();
    if (!headers.is_settled && level.parent != nullptr) {
        const HeadersConf& outer = settled(*level.parent);
        settle(headers.headers, outer.headers);
        settle(headers.trailers, outer.trailers);
    }
    headers.is_settled = true;
    return headers;
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    if (phase != http::Phase::Head) {
        return {};
    }
    const HeadersConf& headers = settled(level);
    const auto always = [](const AddedHeader&) { return true; };
    const bool expires = headers.expires->fixed.kind != Expires::Kind::Off ||
                         !headers.expires->text.is_constant();
    if (!has_field(headers.headers, always) && !has_field(headers.trailers, always) && !expires) {
        return {};
    }
    return {.run = &complete, .settings = &headers};
}

}  // namespace

constexpr http::Module kHeaders{
    .name = "headers",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
