// SPDX-License-Identifier: BSD-2-Clause
// autoindex: lists a directory that has no index file. A thread reads it; then it is written in
// pieces, each of which is short for the loop.
// Runs in: any (settings), worker (rule).
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/ascii.h"
#include "log/log.h"
#include "modules/http/directory_scan.h"
#include "modules/http/features.h"
#include "modules/http/files.h"
#include "modules/http/listing_format.h"
#include "modules/http/pooled_scan.h"
#include "proto/http/core_conf.h"
#include "proto/http/error_line.h"
#include "proto/http/prefix_variables.h"
#include "proto/http/site.h"
#include "proto/http/trace.h"
#include "proto/http/type_set.h"
#include "sys/clock.h"

namespace sluice::conf {

template <>
struct EnumNames<modules::ListingFormat> {
    static constexpr std::pair<std::string_view, modules::ListingFormat> kTable[] = {
        {"html", modules::ListingFormat::Html},
        {"xml", modules::ListingFormat::Xml},
        {"json", modules::ListingFormat::Json},
        {"jsonp", modules::ListingFormat::Jsonp},
    };
};

}  // namespace sluice::conf

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Method;
using http::Verdict;

struct AutoindexConf {
    conf::Setting<bool> is_on;
    conf::Setting<ListingFormat> format;
    conf::Setting<bool> has_exact_size{.value = true};
    conf::Setting<bool> is_local;
    const FilePolicy* policy = nullptr;
};

// clang-format off
constexpr conf::Row kRows[] = {
    conf::row<&AutoindexConf::is_on>("autoindex", conf::kAnyHttp, conf::flag(),
        "List a directory that has no index file.").defaults("off"),
    conf::row<&AutoindexConf::format>("autoindex_format", conf::kAnyHttp, conf::take(1),
        "Form of such lists: html, xml, json, or jsonp with the function that the argument callback names.").defaults("html"),
    conf::row<&AutoindexConf::has_exact_size>("autoindex_exact_size", conf::kAnyHttp, conf::flag(),
        "In html: show sizes in bytes rather than rounded to K, M and G.").defaults("on"),
    conf::row<&AutoindexConf::is_local>("autoindex_localtime", conf::kAnyHttp, conf::flag(),
        "In html: show times of the machine's time zone rather than of UTC.").defaults("off"),
};
// clang-format on

constexpr conf::ConfKind kKind = conf::kind<AutoindexConf>("autoindex", kRows);
constexpr conf::Module kConf{"autoindex", &kKind};

// ---- the body ----

/// Everything about one listing that does not fit the arena's ways: it may grow large.
class Listing {
  public:
    Listing(DirectoryScan& scan, const ListingStyle& style, const Exchange& exchange)
        : scan_(scan), style_(style), exchange_(exchange) {}

    http::Pull pull(net::Chain& out, std::size_t max);

  private:
    static constexpr std::size_t kTextPerPull = 16 * 1024;

    enum class Stage : std::uint8_t { Head, Entries, Complete };

    void write_some();

    DirectoryScan& scan_;
    ListingStyle style_;
    const Exchange& exchange_;
    std::string text_;
    std::size_t given_ = 0;  ///< bytes of text_
    bool is_first_ = true;
    Stage stage_ = Stage::Head;
};

http::Pull Listing::pull(net::Chain& out, std::size_t max) {
    if (given_ == text_.size()) {
        text_.clear();
        given_ = 0;
        write_some();
    }
    const std::string_view part = std::string_view(text_).substr(given_, max);
    if (!out.push_memory(part)) {
        return http::Pull::More;
    }
    given_ += part.size();
    const bool is_end = stage_ == Stage::Complete && given_ == text_.size();
    return is_end ? http::Pull::End : http::Pull::More;
}

void Listing::write_some() {
    if (stage_ == Stage::Head) {
        // Known only now: `charset` is judged when the head is complete.
        style_.is_utf8 =
            equals_ignoring_case(http::charset_of(exchange_.reply.content_type), "utf-8");
        append_listing_head(text_, style_, exchange_.request.uri);
        stage_ = Stage::Entries;
    }
    while (text_.size() < kTextPerPull) {
        const std::optional<ListedFile> file = scan_.take();
        if (!file) {
            append_listing_end(text_, style_);
            stage_ = Stage::Complete;
            return;
        }
        append_listed(text_, style_, *file, std::exchange(is_first_, false));
    }
}

/// Owner of its listing.
class ListingBody final : public http::Body {
  public:
    explicit ListingBody(std::unique_ptr<Listing> listing) : listing_(listing.release()) {}

    http::Pull pull(net::Chain& out, std::size_t max) override { return listing_->pull(out, max); }

    void close() noexcept override { const std::unique_ptr<Listing> dead(listing_); }

  private:
    Listing* listing_;
};

// ---- the rule ----

Verdict refuse(Exchange& exchange, std::string_view path, int error) {
    const int status = status_of(error);
    const bool is_ours = status == 500;
    const log::Level level =
        is_ours ? log::Level::Crit : http::client_level(exchange, log::Level::Error);
    const bool is_logged = is_ours ? may_log_trouble()
                                   : status != 404 || *exchange.location->core->log_not_found;
    if (is_logged && http::logs(exchange, level)) {
        http::write_error(exchange, level, "opendir() \"{}\" failed ({}: {})", log::Escaped{path}, error,
                   log::error_text(error));
    }
    return exchange.finish(status);
}

/// The argument `callback`; empty where it is absent, nothing where it is no name.
std::optional<std::string_view> callback_of(Exchange& exchange) {
    const script::Value name = http::get_argument(&exchange, exchange.arena, "callback");
    if (!name.is_found) {
        return "";
    }
    return is_callback(name.text) ? std::optional(name.text) : std::nullopt;
}

Verdict list(Exchange& exchange, const void* settings) {
    const AutoindexConf& conf = *static_cast<const AutoindexConf*>(settings);
    const http::Request& request = exchange.request;
    if (!request.uri.ends_with('/') ||
        (request.method != Method::Get && request.method != Method::Head)) {
        return Verdict::Declined;
    }
    http::tell(exchange, http::Topic::File, "autoindex", "lists the directory");
    ListingStyle style;
    style.format = *conf.format;
    style.has_exact_size = *conf.has_exact_size;
    if (style.format == ListingFormat::Jsonp) {
        const std::optional<std::string_view> callback = callback_of(exchange);
        if (!callback) {
            return exchange.finish(400);
        }
        style.callback = *callback;
        style.format = callback->empty() ? ListingFormat::Json : ListingFormat::Jsonp;
    }
    if (*conf.is_local) {
        const auto now = std::chrono::floor<UnixSeconds>(exchange.timings.started_wall);
        style.utc_offset = UnixSeconds(sys::utc_offset_seconds(now));
    }
    const std::string_view path = http::file_path(exchange);
    if (path.data() == nullptr) {
        return exchange.finish(500);
    }
    const ConfinedPath where = confine(exchange, path, *conf.policy);
    const PooledScan* const scan = PooledScan::of(
        exchange, {.path = where.path, .links = where.links, .has_entries = request.method != Method::Head});
    if (scan == nullptr) {
        return exchange.finish(503);
    }
    if (!scan->is_complete()) {
        return kIsLoading;
    }
    if (scan->error() != 0) {
        return refuse(exchange, path, scan->error());
    }
    exchange.reply.status = 200;
    exchange.reply.content_type = content_type_of(style.format);
    exchange.reply.body = exchange.arena.make<ListingBody>(
        std::make_unique<Listing>(scan->entries(), style, exchange));
    return exchange.reply.body == nullptr ? exchange.finish(500) : Verdict::Decided;
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    AutoindexConf& conf = level.conf<AutoindexConf>();
    if (phase != http::Phase::Content || !*conf.is_on) {
        return {};
    }
    conf.policy = &file_policy(level);
    return {.run = &list, .settings = &conf};
}

}  // namespace

constexpr http::Module kAutoindex{
    .name = "autoindex",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
