// SPDX-License-Identifier: BSD-2-Clause
// Files: settings of the open-file cache and the cache itself, one per worker.
// Runs in: any (settings), worker (look_up).
#include "modules/http/files.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "base/bug.h"
#include "conf/process_conf.h"
#include "event/loop.h"
#include "log/rate_limit.h"
#include "modules/http/features.h"
#include "proto/http/core_conf.h"
#include "proto/http/site.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

struct CacheSize {
    bool is_on = true;
    std::uint64_t max = 1000;
    Millis inactive{60'000};
};

/// `disable_symlinks`.
struct LinkRule {
    Links links = Links::Follow;
    bool has_from = false;
    script::Template from;  ///< the part of a path that is not checked
};

struct FilesConf {
    conf::Setting<CacheSize> cache;
    conf::Setting<Millis> valid;
    conf::Setting<std::uint64_t> min_uses;
    conf::Setting<bool> errors;
    conf::Setting<Bytes> memory;
    conf::Setting<bool> events;
    conf::Setting<bool> aio;
    conf::Setting<std::uint64_t> directio;
    conf::Setting<Bytes> directio_alignment;
    conf::Setting<Bytes> read_ahead;
    conf::Setting<LinkRule> links;
    FilePolicy policy;  ///< all of it, for requests
};

// ---- directives ----

bool set_cache(conf::Build& build, const conf::Directive& directive, FilesConf& files) {
    if (directive.args.size() == 1 && directive.args[0].text == "off") {
        files.cache.value = {.is_on = false};
        return true;
    }
    CacheSize size{.is_on = true, .max = 0};
    for (const conf::Argument& argument : directive.args) {
        const std::string_view text = argument.text;
        const auto max = parse_decimal(text.starts_with("max=") ? text.substr(4) : "");
        const auto inactive = conf::parse_time(text.starts_with("inactive=") ? text.substr(9) : "");
        if (max && *max > 0) {
            size.max = *max;
        } else if (inactive && inactive->count() > 0) {
            size.inactive = *inactive;
        } else {
            return build.invalid(directive, argument, "max=number, inactive=time or off");
        }
    }
    if (size.max == 0) {
        return build.error(directive, "\"open_file_cache\" must have the \"max\" parameter");
    }
    files.cache.value = size;
    return true;
}

/// A pool that `aio threads=` names: thread_pool may stand further down.
struct NamedPool {
    std::string_view name;
    conf::Position at;
    const conf::Level* level = nullptr;
};

void check_pool(conf::Build& build, void* object) {
    const NamedPool& pool = *static_cast<const NamedPool*>(object);
    const auto& names = pool.level->conf<conf::ProcessConf>().thread_pools->names;
    if (std::ranges::find(names, pool.name) == names.end()) {
        build.error(pool.at, "unknown thread pool \"" + std::string(pool.name) + "\"",
                    "\"default\", or one that thread_pool declares");
    }
}

bool set_aio(conf::Build& build, const conf::Directive& directive, FilesConf& files) {
    constexpr std::string_view kThreads = "threads=";
    const std::string_view text = directive.args[0].text;
    const bool is_threads = text == "threads" || (text.starts_with("threads=") && text.size() > 8);
    if (text != "on" && text != "off" && !is_threads) {
        return build.invalid(directive, directive.args[0], "on, off, threads or threads=pool");
    }
    const std::string_view pool = text.starts_with(kThreads) ? text.substr(kThreads.size()) : "";
    // With variables only a request knows; there is one pool in any case.
    if (!pool.empty() && pool != "default" && pool.find('$') == std::string_view::npos) {
        build.on_frozen(&check_pool, build.arena().make<NamedPool>(
                                         pool, directive.args[0].at, &build.level()));
    }
    files.aio.value = text != "off";
    return true;
}

bool set_directio(conf::Build& build, const conf::Directive& directive, FilesConf& files) {
    const auto size = conf::parse_size(directive.args[0].text);
    if (directive.args[0].text == "off") {
        files.directio.value = std::numeric_limits<std::uint64_t>::max();
    } else if (size) {
        files.directio.value = size->count;
    } else {
        return build.invalid(directive, directive.args[0], "a size such as 4m, or off");
    }
    return true;
}

bool set_links(conf::Build& build, const conf::Directive& directive, FilesConf& files) {
    struct Word {
        std::string_view text;
        Links links;
        bool may_have_from;
    };
    constexpr std::array<Word, 4> kWords{{{"off", Links::Follow, false},
                                          {"on", Links::Refuse, true},
                                          {"if_not_owner", Links::RefuseForeign, true},
                                          {"beneath", Links::Beneath, false}}};
    LinkRule& rule = files.links.value;
    bool has_word = false;
    for (const conf::Argument& argument : directive.args) {
        constexpr std::string_view kFrom = "from=";
        const auto* const word = std::ranges::find(kWords, argument.text, &Word::text);
        if (word != kWords.end() && !has_word) {
            rule.links = word->links;
            has_word = true;
        } else if (argument.text.starts_with(kFrom) && argument.text.size() > kFrom.size()) {
            conf::Argument part = argument;
            part.text.remove_prefix(kFrom.size());
            rule.has_from = true;
            if (!script::compile_argument(build, part, script::variables_of(build), rule.from)) {
                return false;
            }
        } else {
            return build.invalid(directive, argument, "on, off, if_not_owner or beneath, and from=part");
        }
    }
    if (!has_word) {
        return build.error(directive,
                           "\"disable_symlinks\" must have \"off\", \"on\" or \"if_not_owner\" parameter");
    }
    if (rule.has_from && (rule.links == Links::Follow || rule.links == Links::Beneath)) {
        return build.error(directive, "duplicate parameters \"" + std::string(directive.args[0].text) +
                                          " " + std::string(directive.args[1].text) + "\"");
    }
    return true;
}

// clang-format off
constexpr conf::Row kRows[] = {
    conf::row_fn<&FilesConf::cache, &set_cache>("open_file_cache", conf::kAnyHttp, conf::take_range(1, 2),
        "How many files a worker remembers, and how long one that is not asked for.").defaults("off").better("max=1000 inactive=60s"),
    conf::row<&FilesConf::valid>("open_file_cache_valid", conf::kAnyHttp, conf::take(1),
        "How long a remembered file is trusted before the file system is asked again.").defaults("60s").better("1s"),
    conf::row<&FilesConf::min_uses>("open_file_cache_min_uses", conf::kAnyHttp, conf::take(1),
        "Requests from which on a file's descriptor or bytes are kept.").defaults("1"),
    conf::row<&FilesConf::errors>("open_file_cache_errors", conf::kAnyHttp, conf::flag(),
        "Remember that a file cannot be opened, too.").defaults("off"),
    conf::row<&FilesConf::events>("open_file_cache_events", conf::kAnyHttp, conf::flag(),
        "Let the kernel tell of changes in the directories of remembered files (inotify), so that they are seen at once.").defaults("off").better("on"),
    conf::row_fn<&FilesConf::aio, &set_aio>("aio", conf::kAnyHttp, conf::take(1),
        "Whether a thread reads in what of a large file is not in the page cache before it is sent; on means threads, too.").defaults("off").better("threads"),
    conf::row_fn<&FilesConf::directio, &set_directio>("directio", conf::kAnyHttp, conf::take(1),
        "Files of that size and more are read by threads and do not stay in the page cache.").defaults("off"),
    conf::row<&FilesConf::directio_alignment>("directio_alignment", conf::kAnyHttp, conf::take(1),
        "Accepted for nginx's sake: reads go through the page cache, where nothing needs aligning.").defaults("512"),
    conf::row<&FilesConf::read_ahead>("read_ahead", conf::kAnyHttp, conf::take(1),
        "Above 0, tell the kernel that large files are read from front to end.").defaults("0"),
    conf::row<&FilesConf::memory>("open_file_cache_memory", conf::kAnyHttp, conf::take(1),
        "Memory for files of up to 16 KB, which then do not count against max; 0: they count too.").defaults("0").better("32m"),
    conf::row_fn<&FilesConf::links, &set_links>("disable_symlinks", conf::kAnyHttp, conf::take_range(1, 2),
        "Which symbolic links are refused: on all, if_not_owner those whose target is another's; a path's beginning can be exempt by from=. With beneath links are followed that stay below the root.").defaults("off"),
};
// clang-format on

constexpr conf::ConfKind kKind = conf::kind<FilesConf>("files", kRows);
constexpr conf::Module kConf{"files", &kKind};

// ---- the worker's cache ----

struct WorkerFiles;

struct ExpireTimer : event::Timer {
    WorkerFiles* files = nullptr;
};

struct WorkerFiles {
    event::Loop& loop;
    event::Pool* pool;
    std::optional<ChunkLoader> chunks;
    OpenFileCache cache;
    ExpireTimer timer;
    log::RateLimit trouble{Millis{1'000}};

    explicit WorkerFiles(net::WorkerContext& worker)
        : loop(worker.loop), pool(worker.pool), cache(&worker.loop, worker.pool) {
        timer.files = this;
        if (worker.station != nullptr) {
            cache.count_watches_in(worker.station->counters(kWatchRows));
        }
        if (worker.pool != nullptr) {
            chunks.emplace(worker.loop, *worker.pool);
        }
        timer.fire = &expire;
    }

    static void expire(event::Timer& timer) {
        WorkerFiles& files = *static_cast<ExpireTimer&>(timer).files;
        files.cache.expire(files.loop.now());
        files.arm();
    }

    /// An idle worker must not hold descriptors of deleted files for ever; an empty cache needs no
    /// timer.
    void arm() {
        constexpr Millis kPeriod{10'000};
        if (!timer.is_armed() && cache.size() > 0) {
            loop.arm(timer, kPeriod);
        }
    }
};

// The one piece of state of this room; see its README.
constinit WorkerFiles* worker_files = nullptr;

void start_worker(net::WorkerContext& worker) {
    worker_files = std::make_unique<WorkerFiles>(worker).release();
}

void stop_worker() {
    const std::unique_ptr<WorkerFiles> dead(std::exchange(worker_files, nullptr));
}

/// Bytes of the root that no request chooses.
std::size_t fixed_root(http::Exchange& exchange) {
    const http::FileBase& base = *exchange.location->core->file_base;
    if (base.path.is_constant() || !base.replaces_all) {
        return http::document_root(exchange).size();
    }
    const script::Part& first = base.path.parts().front();
    const bool is_literal = first.row == nullptr && first.capture == 0;
    const std::size_t slash = is_literal ? first.text.rfind('/') : std::string_view::npos;
    return slash == std::string_view::npos ? base.prefix.size() : slash;
}

}  // namespace

const FilePolicy& file_policy(conf::Level& level) {
    FilesConf& files = level.conf<FilesConf>();
    files.policy = {.is_on = files.cache->is_on,
                    .max = static_cast<std::size_t>(files.cache->max),
                    .inactive = files.cache->inactive,
                    .valid = *files.valid,
                    .min_uses = *files.min_uses,
                    .keeps_errors = *files.errors,
                    .links = files.links->links,
                    .links_from = files.links->has_from ? &files.links->from : nullptr,
                    .memory = files.memory->count,
                    .reads_ahead = files.read_ahead->count > 0,
                    .has_events = *files.events,
                    .is_aio = *files.aio,
                    .directio = *files.directio};
    return files.policy;
}

ConfinedPath confine(http::Exchange& exchange, std::string_view path, const FilePolicy& policy) {
    ConfinedPath whole{{.text = path, .root_size = 0}, policy.links};
    if (policy.links == Links::Beneath) {
        whole.path.root_size = fixed_root(exchange);
        return whole;
    }
    if (policy.links_from == nullptr) {
        return whole;
    }
    // As nginx: another path's `from`, or one that ends inside a name, exempts nothing.
    const std::string_view from = exchange.render(*policy.links_from);
    if (from.empty() || !path.starts_with(from)) {
        return whole;
    }
    if (from.size() == path.size()) {
        whole.links = Links::Follow;
    } else if (path[from.size()] == '/') {
        whole.path.root_size = from.size();
    } else if (from.ends_with('/')) {
        whole.path.root_size = from.size() - 1;
    }
    return whole;
}

// ---- lookup ----

namespace {

/// A file that an exchange waits for or has waited for. Pinned until the exchange ends, so that the
/// rule that is run again finds it, whatever became of it in the cache.
struct HeldFile : http::Holding, FileWait {
    http::Exchange* exchange = nullptr;

    static void give_back(http::Holding& holding) noexcept {
        HeldFile& self = static_cast<HeldFile&>(holding);
        OpenFile* const file = self.file;
        std::destroy_at(&self);  // ends the waiting; the memory is the arena's
        unpin(file);
    }

    static void go_on(FileWait& wait) { static_cast<HeldFile&>(wait).exchange->retry_rule(); }
};

/// One that this exchange holds and that answers the request now.
OpenFile* find_held(const http::Exchange& exchange, FilePath path, Want want, Links links) {
    for (http::Holding* at = exchange.holdings; at != nullptr; at = at->next) {
        if (at->release != &HeldFile::give_back) {
            continue;
        }
        OpenFile& file = *static_cast<HeldFile*>(at)->file;
        if (!file.is_loading && file.links == links && file.root_size == path.root_size &&
            file.path == path.text && file.answers(want)) {
            return &file;
        }
    }
    return nullptr;
}

/// Lets the exchange wait for `file`, whose pin it takes over. Gives the errno of look_up().
int wait_for(http::Exchange& exchange, OpenFile& file) {
    void* const room = exchange.arena.allocate(sizeof(HeldFile), alignof(HeldFile));
    if (room == nullptr) {
        unpin(&file);
        return ENOMEM;
    }
    HeldFile* const held = std::construct_at(static_cast<HeldFile*>(room));
    held->exchange = &exchange;
    held->file = &file;
    held->ready = &HeldFile::go_on;
    held->Holding::release = &HeldFile::give_back;
    exchange.hold(*held);
    file.waits.push_back(*held);
    return EINPROGRESS;
}

}  // namespace

std::expected<OpenFile*, int> look_up(http::Exchange& exchange,
                                      std::string_view path,
                                      Want want,
                                      const FilePolicy& policy) {
    BUG_UNLESS(worker_files != nullptr, "a file is looked up in a worker that was not started");
    WorkerFiles& files = *worker_files;
    const bool is_confined = policy.links_from != nullptr || policy.links == Links::Beneath;
    const ConfinedPath where = is_confined
                                   ? confine(exchange, path, policy)
                                   : ConfinedPath{{.text = path, .root_size = 0}, policy.links};
    if (where.links != policy.links) {
        FilePolicy exact = policy;
        exact.links = where.links;
        exact.links_from = nullptr;
        return look_up(exchange, path, want, exact);
    }
    if (exchange.holdings != nullptr) [[unlikely]] {
        if (OpenFile* const held = find_held(exchange, where.path, want, policy.links)) {
            return files.cache.look_up_held(*held, policy, files.loop.now());
        }
    }
    OpenFile* loading = nullptr;
    const auto file = files.cache.look_up(where.path, want, policy, files.loop.now(), &loading);
    files.arm();
    if (loading != nullptr) [[unlikely]] {
        return std::unexpected(wait_for(exchange, *loading));
    }
    return file;
}

event::Loop& worker_loop() {
    BUG_UNLESS(worker_files != nullptr, "a rule runs in a worker that was not started");
    return worker_files->loop;
}

event::Pool* file_pool() {
    return worker_files == nullptr ? nullptr : worker_files->pool;
}

ChunkLoader* chunk_loader() {
    return worker_files != nullptr && worker_files->chunks ? &*worker_files->chunks : nullptr;
}

int status_of(int error) {
    switch (error) {
        case ENOENT:
        case ENOTDIR:
        case ENAMETOOLONG:
        case ENXIO:   // a socket, or a FIFO nobody writes
        case ENODEV:
            return 404;
        case EACCES:
        case EPERM:
        case ELOOP:
        case EMLINK:
        case EXDEV:
            return 403;
        default:
            return 500;
    }
}

bool may_log_trouble() {
    return worker_files->trouble.ask(worker_files->loop.now()).has_value();
}

bool climbs(std::string_view path) {
    std::size_t at = 0;
    while (at <= path.size()) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        if (path.substr(at, end - at) == "..") {
            return true;
        }
        at = end + 1;
    }
    return false;
}

constexpr http::Module kFiles{
    .name = "files",
    .conf = &kConf,
    .bind = nullptr,
    .variables = {},
    .start_worker = &start_worker,
    .stop_worker = &stop_worker,
};

}  // namespace sluice::modules
