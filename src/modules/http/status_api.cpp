// SPDX-License-Identifier: BSD-2-Clause
// status_api: everything that the server knows of itself, as JSON or as Prometheus' text. Which of
// the two: `format=` in the query, else the path's last part (`/json`, `/metrics`), else Accept,
// else JSON. What is told is the registry's list of sections.
// Runs in: any (settings), worker (rule).
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "modules/http/features.h"
#include "modules/http/status_sections.h"
#include "proto/http/exchange.h"
#include "proto/http/meter.h"
#include "proto/http/site.h"
#include "proto/http/trace.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

enum class Format : std::uint8_t { Json, Prometheus };

struct StatusApiConf {
    bool is_on = false;  ///< for this very location; not inherited
    std::span<const metrics::Section* const> sections;
};

bool set_on(conf::Build& build, const conf::Directive&, StatusApiConf& conf) {
    conf.is_on = true;
    if (build.features().http != nullptr) {
        conf.sections = static_cast<const http::Features*>(build.features().http)->sections;
    }
    return true;
}

constexpr conf::Row kRows[] = {
    conf::row_fn<StatusApiConf, &set_on>(
        "status_api", conf::kLocation, conf::take(0),
        "Answer with the server's whole state: JSON, or Prometheus' text for paths that end in "
        "/metrics and for ?format=prometheus."),
};
constexpr conf::ConfKind kKind = conf::kind<StatusApiConf>("status_api", kRows);
constexpr conf::Module kConf{"status_api", &kKind};

// ---- which format ----

std::optional<std::string_view> format_argument(std::string_view args) {
    constexpr std::string_view kName = "format=";
    while (!args.empty()) {
        const std::string_view one = args.substr(0, args.find('&'));
        if (one.starts_with(kName)) {
            return one.substr(kName.size());
        }
        args.remove_prefix(std::min(one.size() + 1, args.size()));
    }
    return std::nullopt;
}

/// Nothing: the client asked for what there is not.
std::optional<Format> format_of(const Exchange& exchange) {
    const http::Request& request = exchange.request;
    if (const auto argument = format_argument(request.args); argument) {
        if (*argument == "json") {
            return Format::Json;
        }
        return *argument == "prometheus" ? std::optional(Format::Prometheus) : std::nullopt;
    }
    const std::string_view name = request.uri.substr(request.uri.rfind('/') + 1);
    if (name == "json") {
        return Format::Json;
    }
    if (name == "metrics") {
        return Format::Prometheus;
    }
    // Prometheus asks for its text by name; browsers and curl take anything.
    const http::Header* const accept = request.find("Accept");
    const std::string_view wanted = accept == nullptr ? std::string_view() : accept->value;
    const bool wants_text = wanted.find("openmetrics") != std::string_view::npos ||
                            wanted.find("text/plain") != std::string_view::npos;
    const bool wants_json = wanted.find("application/json") != std::string_view::npos;
    return wants_text && !wants_json ? Format::Prometheus : Format::Json;
}

/// Below a prefix only the names of the two formats exist.
bool is_known_path(const Exchange& exchange) {
    const http::Location& location = *exchange.location;
    std::string_view rest = exchange.request.uri;
    const bool is_prefix = location.match == http::Match::Prefix ||
                           location.match == http::Match::PrefixNoRegex;
    if (!is_prefix || !rest.starts_with(location.name)) {
        return true;
    }
    rest.remove_prefix(location.name.size());
    if (rest.starts_with('/')) {
        rest.remove_prefix(1);
    }
    return rest.empty() || rest == "json" || rest == "metrics";
}

// ---- the page ----

std::string render(const metrics::StatusView& view,
                   std::span<const metrics::Section* const> sections,
                   Format format) {
    std::string out;
    if (format == Format::Prometheus) {
        metrics::PrometheusWriter writer(out);
        for (const metrics::Section* const section : sections) {
            if (section->write_prometheus != nullptr) {
                section->write_prometheus(view, writer);
            }
        }
        return out;
    }
    metrics::JsonWriter writer(out);
    writer.begin_object();
    for (const metrics::Section* const section : sections) {
        if (section->write_json != nullptr) {
            section->write_json(view, writer);
        }
    }
    writer.end_object();
    out += '\n';
    return out;
}

void release_page(void* pin) {
    const std::unique_ptr<std::string> page(static_cast<std::string*>(pin));
}

Verdict show(Exchange& exchange, const void* settings) {
    const http::Method method = exchange.request.method;
    if (method != http::Method::Get && method != http::Method::Head) {
        static_cast<void>(exchange.reply.add(exchange.arena, "Allow", "GET, HEAD"));
        return exchange.finish(405);
    }
    const metrics::Station* const station =
        exchange.meter == nullptr ? nullptr : exchange.meter->station();
    const std::optional<Format> format = format_of(exchange);
    if (!format || station == nullptr || !is_known_path(exchange)) {
        return exchange.finish(404);
    }
    http::tell(exchange, http::Topic::File, "status_api", "a page of this process' counters");
    exchange.wire.publish_state();
    const metrics::StatusView view{
        .station = *station,
        .generation = *exchange.generation,
        .now = std::chrono::floor<UnixSeconds>(exchange.timings.wall)};
    // The page may be larger than an exchange's arena, and is asked for once in seconds.
    auto page = std::make_unique<std::string>(
        render(view, static_cast<const StatusApiConf*>(settings)->sections, *format));
    http::Reply& reply = exchange.reply;
    reply.content_type = *format == Format::Json ? "application/json"
                                                 : "text/plain; version=0.0.4; charset=utf-8";
    reply.memory_body = *page;
    reply.length = static_cast<std::int64_t>(page->size());
    reply.release = &release_page;
    reply.pin = page.release();
    return exchange.finish(200);
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    const StatusApiConf& conf = level.conf<StatusApiConf>();
    if (phase != http::Phase::Content || !conf.is_on) {
        return {};
    }
    return {.run = &show, .settings = &conf};
}

}  // namespace

constexpr http::Module kStatusApi{
    .name = "status_api",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
