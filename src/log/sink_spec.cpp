// SPDX-License-Identifier: BSD-2-Clause
// Reading of log targets and their options.
// Runs in: any.
#include "log/sink_spec.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "conf/parse_as.h"
#include "log/syslog_spec.h"

namespace sluice::log {

namespace {

using conf::SinkKind;
using conf::SinkSpec;

constexpr Bytes kGzipBuffer{64 * 1024};
constexpr std::uint8_t kFastestGzip = 1;
/// NAME_MAX: the kernel keeps a queue's name in a directory entry.
constexpr std::size_t kMaxQueueName = 255;

/// `fifo:/path`.
bool parse_fifo(conf::Build& build, const conf::Argument& target, SinkSpec& spec) {
    const std::string_view path = target.text.substr(5);
    if (path.empty()) {
        return build.error(target, "no path in \"fifo:\"", "fifo:/path of a named pipe");
    }
    spec.kind = SinkKind::Fifo;
    spec.path = build.absolute_path(path);
    spec.target = build.arena().copy("fifo:" + std::string(spec.path));
    return true;
}

/// `mq:/name`.
bool parse_queue(conf::Build& build, const conf::Argument& target, SinkSpec& spec) {
    const std::string_view name = target.text.substr(3);
    const bool is_good = name.size() >= 2 && name.front() == '/' && name.size() <= kMaxQueueName &&
                         name.find('/', 1) == std::string_view::npos;
    if (!is_good) {
        return build.error(target, "invalid message queue name \"" + std::string(name) + "\"",
                           "mq:/name with one slash, at its start");
    }
    spec.kind = SinkKind::Queue;
    spec.target = build.arena().copy(target.text);
    spec.path = spec.target.substr(3);
    return true;
}

bool parse_pipeline(conf::Build& build, const conf::Argument& target, SinkSpec& spec) {
    const auto commands = parse_commands(build, target, target.text.substr(1));
    if (!commands) {
        return false;
    }
    spec.kind = SinkKind::Pipeline;
    spec.commands = *commands;
    return true;
}

/// Everything that is no scheme. nginx knows the name stderr in error_log only.
bool parse_path(conf::Build& build,
                const conf::Directive& directive,
                const conf::Argument& target,
                SinkSpec& spec) {
    const std::string_view text = target.text;
    if (text.empty()) {
        return build.invalid(directive, target, "a path, stderr, or a target such as syslog:…");
    }
    const bool is_nginx_s = directive.name == "error_log" && text == "stderr";
    if (text == "/dev/stderr" || is_nginx_s || (!build.is_compat() && text == "stderr")) {
        spec.kind = SinkKind::Stderr;
        spec.target = spec.path = "stderr";
    } else if (text == "/dev/stdout" || (!build.is_compat() && text == "stdout")) {
        spec.kind = SinkKind::Stdout;
        spec.target = spec.path = "/dev/stdout";
    } else {
        spec.target = spec.path = build.absolute_path(text);
    }
    return true;
}

bool parse_kind(conf::Build& build,
                const conf::Directive& directive,
                const conf::Argument& target,
                SinkSpec& spec) {
    const std::string_view text = target.text;
    spec.target = text;
    if (text.starts_with("syslog:")) {
        spec.kind = SinkKind::Syslog;
        return parse_syslog(build, target, spec.syslog);
    }
    if (text.starts_with('|')) {
        return parse_pipeline(build, target, spec);
    }
    if (text.starts_with("fifo:")) {
        return parse_fifo(build, target, spec);
    }
    if (text.starts_with("mq:")) {
        return parse_queue(build, target, spec);
    }
    if (text.starts_with("memory:")) {
        return build.error(target,
                           "log to \"memory:\" is not supported: recent lines are in shared memory "
                           "anyway");
    }
    return parse_path(build, directive, target, spec);
}

std::string quoted(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

}  // namespace

std::optional<SinkSpec> parse_sink(conf::Build& build,
                                   const conf::Directive& directive,
                                   const conf::Argument& target) {
    SinkSpec spec;
    spec.at = directive.at;
    if (!parse_kind(build, directive, target, spec)) {
        return std::nullopt;
    }
    return spec;
}

SinkOption read_sink_option(conf::Build& build, const conf::Argument& option, SinkSpec& spec) {
    const std::string_view text = option.text;
    const auto refuse = [&](std::string_view what, std::string_view value, std::string expected) {
        build.error(option, "invalid " + std::string(what) + " " + quoted(value),
                    std::move(expected));
        return SinkOption::Refused;
    };
    if (text.starts_with("buffer=")) {
        const auto size = conf::parse_size(text.substr(7));
        if (!size || size->count == 0) {
            return refuse("buffer size", text.substr(7), "a size such as 64k");
        }
        spec.buffering.size = *size;
        return SinkOption::Taken;
    }
    if (text.starts_with("flush=")) {
        const auto time = conf::parse_time(text.substr(6));
        if (!time || time->count() == 0) {
            return refuse("flush time", text.substr(6), "a time such as 5s");
        }
        spec.buffering.flush = *time;
        return SinkOption::Taken;
    }
    if (text != "gzip" && !text.starts_with("gzip=")) {
        return SinkOption::NotOne;
    }
    if (spec.buffering.size.count == 0) {
        spec.buffering.size = kGzipBuffer;
    }
    spec.buffering.gzip_level = kFastestGzip;
    if (text != "gzip") {
        const auto level = parse_decimal(text.substr(5));
        if (!level || *level < 1 || *level > 9) {
            return refuse("compression level", text.substr(5), "a level from 1 to 9");
        }
        spec.buffering.gzip_level = static_cast<std::uint8_t>(*level);
    }
    return SinkOption::Taken;
}

std::optional<SinkId> declare_sink(conf::Build& build,
                                   const conf::Directive& directive,
                                   SinkSpec spec) {
    const std::string name = std::string(directive.name) + " " + quoted(spec.target);
    if (spec.buffering.flush.count() != 0 && spec.buffering.size.count == 0) {
        build.error(directive, "no buffer is defined for " + name, "buffer=size beside flush=");
        return std::nullopt;
    }
    if (spec.kind == SinkKind::Syslog && spec.buffering.size.count != 0) {
        build.error(directive, "logs to syslog cannot be buffered");
        return std::nullopt;
    }
    if (spec.kind != SinkKind::File && spec.buffering.gzip_level != 0) {
        build.error(directive, "only files can be compressed",
                    "a path with gzip; for a command, put gzip into its pipeline");
        return std::nullopt;
    }
    if (spec.kind == SinkKind::Queue && spec.buffering.size.count != 0) {
        build.error(directive, "logs to a message queue cannot be buffered");
        return std::nullopt;
    }
    SinkSpec& known = build.declare_sink(spec);
    const conf::SinkBuffering none;
    if (known.buffering == none) {
        known.buffering = spec.buffering;
    } else if (spec.buffering != none && spec.buffering != known.buffering) {
        build.error(directive, name + " already defined with conflicting parameters",
                    "the same buffer=, flush= and gzip= wherever the target stands");
        return std::nullopt;
    }
    return known.id;
}

}  // namespace sluice::log
