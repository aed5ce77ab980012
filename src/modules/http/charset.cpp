// SPDX-License-Identifier: BSD-2-Clause
// charset: says in which charset a reply's text is, and converts it where it is stored in another.
// Runs in: any (settings), worker (rule).
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "base/concatenate.h"
#include "conf/level.h"
#include "modules/http/charset_body.h"
#include "modules/http/charset_map.h"
#include "modules/http/features.h"
#include "modules/http/prepared_lines.h"
#include "proto/http/complain.h"
#include "proto/http/exchange.h"
#include "proto/http/site.h"
#include "proto/http/type_set.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

struct CharsetConf {
    conf::Setting<script::Template> charset;         ///< empty: off
    conf::Setting<script::Template> source_charset;  ///< empty: off
    conf::Setting<bool> override_charset;
    conf::Setting<http::TypeSet> types;
    conf::Setting<std::span<const CharsetMap* const>> maps;
};

// ---- directives ----

bool is_off(const script::Template& name) {
    return name.is_constant() && name.constant().empty();
}

/// nginx finds at load what no request could do; with variables only requests tell.
void check_recoding(conf::Build& build, void* object) {
    const CharsetConf& conf = *static_cast<const CharsetConf*>(object);
    const script::Template& from = *conf.source_charset;
    const script::Template& to = *conf.charset;
    if (is_off(from) || is_off(to) || !from.is_constant() || !to.is_constant() ||
        equals_ignoring_case(from.constant(), to.constant())) {
        return;
    }
    if (find_recoding(*conf.maps, from.constant(), to.constant()).map == nullptr) {
        build.error(conf.charset.at,
                    "no \"charset_map\" between the charsets \"" + std::string(from.constant()) +
                        "\" and \"" + std::string(to.constant()) + "\"");
    }
}

template <conf::Setting<script::Template> CharsetConf::*Member>
bool set_name(conf::Build& build, const conf::Directive& directive, CharsetConf& conf) {
    script::Template& out = (conf.*Member).value;
    const conf::Argument& argument = directive.args[0];
    if (argument.text.empty() || argument.text.find_first_of(" \t\r\n;") != std::string_view::npos) {
        return build.invalid(directive, argument, "the name of a charset");
    }
    build.on_frozen(&check_recoding, &conf);
    if (argument.text == "off" && directive.name == "charset") {
        out = {};
        return true;
    }
    return script::compile_argument(build, argument, script::variables_of(build), out);
}

bool add_map(conf::Build& build, const conf::Directive& block, CharsetConf& conf) {
    CharsetMap* const map = build.arena().make<CharsetMap>();
    const auto maps = build.arena().make_span<const CharsetMap*>(conf.maps->size() + 1);
    if (map == nullptr || maps.empty()) {
        return build.error(block, "no memory for the tables");
    }
    if (!read_charset_map(build, block, *map)) {
        return false;
    }
    if (find_recoding(*conf.maps, map->first, map->second).map != nullptr) {
        return build.error(block, "duplicate \"charset_map\" between \"" + std::string(map->first) +
                                      "\" and \"" + std::string(map->second) + "\"");
    }
    *std::ranges::copy(*conf.maps, maps.begin()).out = map;
    conf.maps.value = maps;
    return true;
}

consteval conf::Row with_block(conf::Row row) {
    row.arity.has_block = true;
    return row;
}

constexpr conf::ContextMask kWithIf = conf::kAnyHttp | conf::kLocationIf;

// clang-format off
constexpr conf::Row kRows[] = {
    conf::row_fn<&CharsetConf::charset, &set_name<&CharsetConf::charset>>("charset", kWithIf, conf::take(1),
        "Charset that Content-Type names for text, and that text is converted to; a name, a variable or off.").defaults("off"),
    conf::row_fn<&CharsetConf::source_charset, &set_name<&CharsetConf::source_charset>>("source_charset", kWithIf, conf::take(1),
        "Charset that text is stored in; where charset differs a charset_map converts."),
    conf::row<&CharsetConf::override_charset>("override_charset", kWithIf, conf::flag(),
        "Convert replies too whose Content-Type names a charset already.").defaults("off"),
    conf::row<&CharsetConf::types>("charset_types", conf::kAnyHttp, conf::take_at_least(1),
        "Media types that charset is for, besides text/html; * for all.")
        .defaults("text/html text/xml text/plain text/vnd.wap.wml application/javascript application/rss+xml"),
    with_block(conf::row_fn<&CharsetConf::maps, &add_map>("charset_map", conf::kHttp, conf::take(2),
        "How the bytes of one charset become those of another, utf-8 second, in hexadecimal; works both ways.").repeats()),
};
// clang-format on

constexpr conf::ConfKind kKind = conf::kind<CharsetConf>("charset", kRows);
constexpr conf::Module kConf{"charset", &kKind};

// ---- rule ----

bool is_encoded(const http::Reply& reply) {
    for (const http::ReplyHeader* at = reply.headers; at != nullptr; at = at->next) {
        if (equals_ignoring_case(at->name, "Content-Encoding")) {
            return true;
        }
    }
    return false;
}

/// False: there is no room for it.
bool convert_body(Exchange& exchange, const Recoding& recoding) {
    http::Reply& reply = exchange.reply;
    if (reply.body == nullptr && reply.memory_body.empty()) {
        return true;
    }
    Recoder recoder(recoding);
    const bool is_small = reply.memory_body.size() <= CharsetBody::kRoom;
    if (reply.body == nullptr && recoding.keeps_length() && is_small) {
        char* const out = static_cast<char*>(exchange.arena.allocate(reply.memory_body.size(), 1));
        if (out == nullptr) {
            return false;
        }
        reply.memory_body = {out, recoder.convert(reply.memory_body, out)};
        return true;
    }
    char* const room = static_cast<char*>(exchange.arena.allocate(CharsetBody::kRoom, 1));
    const CharsetBody::Source source{.body = reply.body, .memory = reply.memory_body};
    if (room == nullptr || (reply.body != nullptr && !reply.body->give_memory())) {
        return false;
    }
    CharsetBody* const body =
        exchange.arena.make<CharsetBody>(source, recoding, std::span(room, CharsetBody::kRoom));
    if (body == nullptr) {
        return false;
    }
    if (reply.body == nullptr) {
        reply.length = static_cast<std::int64_t>(reply.memory_body.size());
        reply.memory_body = {};
    }
    reply.body = body;
    return true;
}

/// False: the reply stays as it is, in its own charset.
bool convert(Exchange& exchange, const CharsetConf& conf, std::string_view from, std::string_view to) {
    http::Reply& reply = exchange.reply;
    if (is_encoded(reply)) {
        return false;
    }
    const Recoding recoding = find_recoding(*conf.maps, from, to);
    if (recoding.map == nullptr) {
        http::complain(exchange, log::Level::Error,
                       "no \"charset_map\" between the charsets \"{}\" and \"{}\"",
                       log::Escaped{from}, log::Escaped{to});
        return false;
    }
    if (!convert_body(exchange, recoding)) {
        return false;
    }
    if (!recoding.keeps_length()) {
        reply.length = http::Reply::kUnknownLength;
        reply.accepts_ranges = false;
        remove_prepared(exchange, "Accept-Ranges");
    }
    return true;
}

Verdict apply(Exchange& exchange, const void* settings) {
    const CharsetConf& conf = *static_cast<const CharsetConf*>(settings);
    http::Reply& reply = exchange.reply;
    const bool is_prepared = reply.content_type.empty();
    const std::string_view type =
        is_prepared ? prepared_value(exchange, "Content-Type") : reply.content_type;
    const bool has_parameters = type.find(';') != std::string_view::npos;
    const std::string_view bare = has_parameters ? http::bare_type(type) : type;
    const std::string_view own = has_parameters ? http::charset_of(type) : std::string_view{};
    const bool is_meant = own.empty() ? conf.types->has_bare(bare) : *conf.override_charset;
    // Old browsers took a redirect's charset for that of the next page: nginx names none there.
    if (type.empty() || !is_meant || reply.status == 301 || reply.status == 302) {
        return Verdict::Declined;
    }
    const std::string_view to = exchange.render(*conf.charset);
    const std::string_view from = own.empty() ? exchange.render(*conf.source_charset) : own;
    if (to.empty() || std::ranges::any_of(to, [](char c) { return c == '\r' || c == '\n' || c == '\0'; })) {
        return Verdict::Declined;
    }
    const std::array<std::string_view, 3> parts{bare, "; charset=", to};
    const std::string_view named = concatenate(exchange.arena, parts);
    const bool is_same = from.empty() || equals_ignoring_case(from, to);
    if (named.empty() || (!is_same && !convert(exchange, conf, from, to))) {
        return Verdict::Declined;
    }
    if (is_prepared) {
        remove_prepared(exchange, "Content-Type");
    }
    reply.content_type = named;
    return Verdict::Declined;
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    CharsetConf& conf = level.conf<CharsetConf>();
    if (phase != http::Phase::Head || is_off(*conf.charset)) {
        return {};
    }
    return {.run = &apply, .settings = &conf};
}

}  // namespace

constexpr http::Module kCharset{
    .name = "charset",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
