// SPDX-License-Identifier: BSD-2-Clause
// The directives of HTTP that are a single value, and the table of all directives of this room.
// Runs in: any.
#include "conf/build.h"
#include "proto/http/core_conf.h"
#include "proto/http/location_conf.h"
#include "proto/http/module.h"
#include "proto/http/server_conf.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::conf {

template <>
struct EnumNames<http::ModifiedRule> {
    static constexpr std::pair<std::string_view, http::ModifiedRule> kTable[] = {
        {"off", http::ModifiedRule::Off},
        {"exact", http::ModifiedRule::Exact},
        {"before", http::ModifiedRule::Before},
    };
};

template <>
struct EnumNames<http::Satisfy> {
    static constexpr std::pair<std::string_view, http::Satisfy> kTable[] = {
        {"all", http::Satisfy::All},
        {"any", http::Satisfy::Any},
    };
};

template <>
struct EnumNames<http::Lingering> {
    static constexpr std::pair<std::string_view, http::Lingering> kTable[] = {
        {"off", http::Lingering::Off},
        {"on", http::Lingering::On},
        {"always", http::Lingering::Always},
    };
};

template <>
struct EnumNames<http::BodyFiles> {
    static constexpr std::pair<std::string_view, http::BodyFiles> kTable[] = {
        {"off", http::BodyFiles::Off},
        {"on", http::BodyFiles::On},
        {"clean", http::BodyFiles::Clean},
    };
};

}  // namespace sluice::conf

namespace sluice::http {

namespace {

using conf::kAnyHttp;
using conf::kHttp;
using conf::kLocation;
using conf::kMain;
using conf::kServer;

constexpr conf::ContextMask kRewriting = kAnyHttp | conf::kServerIf | conf::kLocationIf;

bool set_server_tokens(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    constexpr std::size_t kLongest = 128;
    const std::string_view text = directive.args[0].text;
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            return build.invalid(directive, directive.args[0], "a text without control characters");
        }
    }
    if (text.size() > kLongest) {
        return build.invalid(directive, directive.args[0], "a text of at most 128 bytes");
    }
    ServerTokensConf& tokens = core.server_tokens.value;
    tokens.text = text;
    tokens.kind = text == "off"     ? ServerTokens::Off
                  : text == "on"    ? ServerTokens::On
                  : text == "build" ? ServerTokens::Build
                                    : ServerTokens::Text;
    return true;
}

bool set_keepalive_timeout(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    const auto timeout = conf::parse_time(directive.args[0].text);
    if (!timeout) {
        return build.invalid(directive, directive.args[0], "a time such as 75s");
    }
    KeepaliveTimeout& out = core.keepalive_timeout.value;
    out = {*timeout, 0};
    if (directive.args.size() == 2) {
        const auto header = conf::parse_time(directive.args[1].text);
        if (!header) {
            return build.invalid(directive, directive.args[1], "a time such as 75s");
        }
        out.header = header->count() / 1000;
    }
    return true;
}

bool set_body_temp_path(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    TempPath& out = core.client_body_temp_path.value;
    out = {};
    out.directory = build.absolute_path(directive.args[0].text);
    for (std::size_t i = 1; i < directive.args.size(); ++i) {
        const std::string_view level = directive.args[i].text;
        if (level.size() != 1 || level[0] < '1' || level[0] > '3') {
            return build.invalid(directive, directive.args[i],
                                 "1, 2 or 3: digits of a directory's name");
        }
        out.levels[i - 1] = static_cast<std::uint8_t>(level[0] - '0');
    }
    if (directive.at.line > 0) {  // see open_http() for the default
        build.declare_directory(out.directory, directive.at);
    }
    return true;
}

bool set_large_buffers(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    std::uint64_t count = 0;
    for (const char c : directive.args[0].text) {
        count = c >= '0' && c <= '9' && count < 1000 ? count * 10 + static_cast<unsigned>(c - '0')
                                                     : 10'000;
    }
    if (count < 1 || count > 64) {
        return build.invalid(directive, directive.args[0], "a number from 1 to 64");
    }
    const auto size = conf::parse_size(directive.args[1].text);
    if (!size || size->count < 256 || size->count > (1U << 20)) {
        return build.invalid(directive, directive.args[1], "a size from 256 to 1m");
    }
    core.large_client_header_buffers.value = {static_cast<std::uint32_t>(count), size->count};
    return true;
}

bool set_size(conf::Build& build, const conf::Directive& directive, SizeConf& out) {
    const conf::Argument& argument = directive.args[0];
    if (!script::compile_argument(build, argument, script::variables_of(build), out.text)) {
        return false;
    }
    out.is_given = true;
    if (!out.text.is_constant()) {
        return true;
    }
    const auto size = conf::parse_size(out.text.constant());
    if (!size) {
        return build.invalid(directive, argument, "a size such as 100k, or variables that give one");
    }
    out.constant = size->count;
    return true;
}

bool set_limit_rate(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    return set_size(build, directive, core.limit_rate.value);
}

bool set_limit_rate_after(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    return set_size(build, directive, core.limit_rate_after.value);
}

bool set_keepalive_disable(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    KeepaliveDisable& out = core.keepalive_disable.value;
    out = {.msie6 = false, .safari = false};
    for (const conf::Argument& argument : directive.args) {
        if (argument.text == "msie6") {
            out.msie6 = true;
        } else if (argument.text == "safari") {
            out.safari = true;
        } else if (argument.text != "none") {
            return build.invalid(directive, argument, "none, msie6 or safari");
        }
    }
    return true;
}

bool set_internal(conf::Build&, const conf::Directive&, CoreConf& core) {
    core.internal.value = true;
    return true;
}

bool set_status_zone(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    const std::string_view name = directive.args[0].text;
    if (name.empty()) {
        return build.invalid(directive, directive.args[0], "a name, or off");
    }
    core.status_zone = name;
    return true;
}

consteval conf::Row with_block(conf::Row row) {
    row.arity.has_block = true;
    return row;
}

// clang-format off
constexpr conf::Row kRows[] = {
    conf::block<CoreConf, &open_http>("http", kMain, conf::take(0),
        "Everything about serving HTTP."),
    conf::block<CoreConf, &open_server>("server", kHttp, conf::take(0),
        "One virtual server.").repeats(),
    conf::block<CoreConf, &open_location>("location", kServer | kLocation, conf::take_range(1, 2),
        "Settings for the request paths that match: = exact, ^~ prefix before patterns, ~ and ~* patterns, @ named.").repeats(),
    conf::block<CoreConf, &open_limit_except>("limit_except", kLocation, conf::take_at_least(1),
        "Rules for requests of all methods but these; GET allows HEAD too."),
    conf::row_fn<CoreConf, &set_listen>("listen", kServer, conf::take_at_least(1),
        "An address, port or Unix socket on which the server answers.").repeats(),
    conf::row_fn<CoreConf, &set_server_name>("server_name", kServer, conf::take_at_least(1),
        "Host names that the server answers to: exact, *.example.com, www.*, or ~ and a pattern.").repeats(),
    conf::row_fn<&CoreConf::file_base, &set_root>("root", kAnyHttp | conf::kLocationIf, conf::take(1),
        "Directory that request paths are appended to."),
    conf::row_fn<&CoreConf::file_base, &set_alias>("alias", kLocation, conf::take(1),
        "Path that stands for the location's own prefix."),
    with_block(conf::row_fn<&CoreConf::types, &set_types>("types", kAnyHttp, conf::take(0),
        "Media types of file name extensions.")).repeats(),
    conf::row<&CoreConf::default_type>("default_type", kAnyHttp, conf::take(1),
        "Media type of files whose extension is in no types block.").defaults("text/plain"),
    conf::row_fn<&CoreConf::error_pages, &set_error_page>("error_page", kAnyHttp | conf::kLocationIf, conf::take_at_least(2),
        "What answers a status: a path, a named location or a URL, and with = under which status.").repeats(),
    conf::row_fn<&CoreConf::internal, &set_internal>("internal", kLocation, conf::take(0),
        "The location and those inside it answer internal redirects only; clients get 404."),
    conf::row<&CoreConf::satisfy>("satisfy", kAnyHttp, conf::take(1),
        "Whether all rules about access must allow a request (all), or one is enough (any).").defaults("all"),
    conf::row<&CoreConf::auth_delay>("auth_delay", kAnyHttp, conf::take(1),
        "How long an answer 401 is held back, so that guessing passwords takes time.").defaults("0s"),
    conf::row_fn<&CoreConf::server_tokens, &set_server_tokens>("server_tokens", kAnyHttp, conf::take(1),
        "What the Server field and error pages tell: off the name, on the version too, a text of your own, or \"\" for no field at all.").defaults("on").better("off"),

    conf::row_fn<&CoreConf::keepalive_timeout, &set_keepalive_timeout>("keepalive_timeout", kAnyHttp, conf::take_range(1, 2),
        "How long an idle connection is kept, 0: not at all; and the value of a Keep-Alive field.").defaults("75s"),
    conf::row<&CoreConf::keepalive_requests>("keepalive_requests", kAnyHttp, conf::take(1),
        "Requests that one connection may carry.").defaults("1000"),
    conf::row<&CoreConf::keepalive_time>("keepalive_time", kAnyHttp, conf::take(1),
        "Age past which a connection is closed after the request it carries.").defaults("1h"),
    conf::row<&CoreConf::keepalive_min_timeout>("keepalive_min_timeout", kAnyHttp, conf::take(1),
        "How long an idle connection is kept even where its place is wanted for another.").defaults("0"),
    conf::row_fn<&CoreConf::keepalive_disable, &set_keepalive_disable>("keepalive_disable", kAnyHttp, conf::take_range(1, 2),
        "Browsers whose connections are not kept: msie6 (behind a POST), safari, or none.").defaults("msie6"),
    conf::row<&CoreConf::client_header_timeout>("client_header_timeout", kHttp | kServer, conf::take(1),
        "How long a client may take to send a request's head.").defaults("60s"),
    conf::row<&CoreConf::client_body_timeout>("client_body_timeout", kAnyHttp, conf::take(1),
        "How long a client may pause while it sends a body.").defaults("60s"),
    conf::row<&CoreConf::client_header_buffer_size>("client_header_buffer_size", kHttp | kServer, conf::take(1),
        "Size of the first buffer for a request's head.").defaults("1k"),
    conf::row_fn<&CoreConf::large_client_header_buffers, &set_large_buffers>("large_client_header_buffers", kHttp | kServer, conf::take(2),
        "Number and size of the buffers for larger heads: a line must fit in one.").defaults("4 8k"),
    conf::row<&CoreConf::client_max_body_size>("client_max_body_size", kAnyHttp, conf::take(1),
        "Largest request body, 0: no limit; larger ones are answered 413.").defaults("1m"),
    conf::row<&CoreConf::client_body_buffer_size>("client_body_buffer_size", kAnyHttp, conf::take(1),
        "Memory for one request's body; a larger body goes to a temporary file.").defaults("16k"),
    conf::row_fn<&CoreConf::client_body_temp_path, &set_body_temp_path>("client_body_temp_path", kAnyHttp, conf::take_range(1, 4),
        "Directory for bodies that are larger than that, and the digits of its subdirectories' names.").defaults("client_body_temp").better("/var/tmp"),
    conf::row<&CoreConf::client_body_in_file_only>("client_body_in_file_only", kAnyHttp, conf::take(1),
        "Keep every body in a file with a name: on leaves it there, clean removes it with the request.").defaults("off"),
    conf::row<&CoreConf::client_body_in_single_buffer>("client_body_in_single_buffer", kAnyHttp, conf::flag(),
        "Keep a body that is in memory in one piece; sluice always does.").defaults("off"),
    conf::row<&CoreConf::client_body_min_rate>("client_body_min_rate", kAnyHttp, conf::take(1),
        "Bytes per second that a body must come with on the whole, once client_body_timeout has passed; slower ones are answered 408; 0: no minimum.").defaults("0").better("100"),
    conf::row<&CoreConf::max_headers>("max_headers", kHttp | kServer, conf::take(1),
        "Largest number of header lines in a request.").defaults("1000"),
    conf::row<&CoreConf::max_ranges>("max_ranges", kAnyHttp, conf::take(1),
        "Largest number of ranges that one request is given, 0: none; with more it gets the whole file."),
    conf::row<&CoreConf::send_timeout>("send_timeout", kAnyHttp, conf::take(1),
        "How long a client may pause while it reads a reply.").defaults("60s"),
    conf::row_fn<&CoreConf::limit_rate, &set_limit_rate>("limit_rate", kAnyHttp | conf::kLocationIf, conf::take(1),
        "Bytes per second of one reply, 0: no limit; variables may give it."),
    conf::row_fn<&CoreConf::limit_rate_after, &set_limit_rate_after>("limit_rate_after", kAnyHttp | conf::kLocationIf, conf::take(1),
        "Bytes of a reply that leave before limit_rate counts."),
    conf::row<&CoreConf::sendfile>("sendfile", kAnyHttp | conf::kLocationIf, conf::flag(),
        "Send files from the page cache without copying.").defaults("off").better("on"),
    conf::row<&CoreConf::sendfile_max_chunk>("sendfile_max_chunk", kAnyHttp, conf::take(1),
        "Most bytes of a file that one call sends.").defaults("2m"),
    conf::row<&CoreConf::tcp_nodelay>("tcp_nodelay", kAnyHttp, conf::flag(),
        "Send small packets at once.").defaults("on"),
    conf::row<&CoreConf::tcp_nopush>("tcp_nopush", kAnyHttp, conf::flag(),
        "Send the head and the first bytes of a file that leaves by sendfile in one packet; off: the head leaves at once. Smaller files always leave with it.").defaults("off").better("on"),
    conf::row<&CoreConf::postpone_output>("postpone_output", kAnyHttp, conf::take(1),
        "Gather at least that many bytes of a reply whose body comes in pieces before they are sent; 0: send every piece at once.").defaults("1460"),
    conf::row<&CoreConf::reset_timedout_connection>("reset_timedout_connection", kAnyHttp, conf::flag(),
        "Close connections that timed out with a reset, which frees their memory at once.").defaults("off"),
    conf::row<&CoreConf::lingering_close>("lingering_close", kAnyHttp, conf::take(1),
        "Read what a client still sends before its connection is closed, so that it sees the reply.").defaults("on"),
    conf::row<&CoreConf::lingering_time>("lingering_time", kAnyHttp, conf::take(1),
        "How long a lingering close takes at most.").defaults("30s"),
    conf::row<&CoreConf::lingering_timeout>("lingering_timeout", kAnyHttp, conf::take(1),
        "How long a lingering close waits for more.").defaults("5s"),

    conf::row_fn<CoreConf, &set_status_zone>("status_zone", kServer | kLocation, conf::take(1),
        "Name under which status pages count this server or location; several may share one; off counts nothing. "
        "Without any: by the server's first name and address, and by the location's own."),

    conf::row<&CoreConf::merge_slashes>("merge_slashes", kHttp | kServer, conf::flag(),
        "Take several slashes in a path for one.").defaults("on"),
    conf::row<&CoreConf::ignore_invalid_headers>("ignore_invalid_headers", kHttp | kServer, conf::flag(),
        "Leave out header fields whose name has other characters than letters, digits and dashes.").defaults("on"),
    conf::row<&CoreConf::underscores_in_headers>("underscores_in_headers", kHttp | kServer, conf::flag(),
        "Accept underscores in the names of header fields.").defaults("off"),
    conf::row<&CoreConf::etag>("etag", kAnyHttp, conf::flag(),
        "Send an ETag with files.").defaults("on"),
    conf::row<&CoreConf::if_modified_since>("if_modified_since", kAnyHttp, conf::take(1),
        "How If-Modified-Since is compared: off, exact or before.").defaults("exact"),
    conf::row<&CoreConf::absolute_redirect>("absolute_redirect", kAnyHttp, conf::flag(),
        "Send redirects with scheme and host.").defaults("on"),
    conf::row<&CoreConf::port_in_redirect>("port_in_redirect", kAnyHttp, conf::flag(),
        "Name the port in such redirects.").defaults("on"),
    conf::row<&CoreConf::server_name_in_redirect>("server_name_in_redirect", kAnyHttp, conf::flag(),
        "Use the server's first name in redirects instead of the requested host.").defaults("off"),
    conf::row<&CoreConf::chunked_transfer_encoding>("chunked_transfer_encoding", kAnyHttp, conf::flag(),
        "Send bodies of unknown length in chunks to HTTP/1.1 clients.").defaults("on"),
    conf::row<&CoreConf::recursive_error_pages>("recursive_error_pages", kAnyHttp, conf::flag(),
        "Let an error page's own error have an error page.").defaults("off"),
    conf::row<&CoreConf::log_not_found>("log_not_found", kAnyHttp, conf::flag(),
        "Log files that were not found.").defaults("on"),
    conf::row<&CoreConf::uninitialized_variable_warn>("uninitialized_variable_warn", kRewriting, conf::flag(),
        "Warn where a variable of \"set\" is read before it was set.").defaults("on"),
};
// clang-format on

constexpr conf::ConfKind kKind = conf::kind<CoreConf>("http", kRows);

}  // namespace

constexpr conf::Module kCoreModule{"http", &kKind};

}  // namespace sluice::http
