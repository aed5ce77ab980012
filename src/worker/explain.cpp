// SPDX-License-Identifier: BSD-2-Clause
// A worker that answers on paper.
// Runs in: any (the command line).
#include "worker/explain.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <expected>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/ascii.h"
#include "conf/data_file.h"
#include "event/loop.h"
#include "event/pool.h"
#include "log/journal.h"
#include "log/lane_log.h"
#include "log/log.h"
#include "metrics/board.h"
#include "metrics/station.h"
#include "net/protocol.h"
#include "proto/http/site.h"
#include "proto/http/trace.h"
#include "proto/http1/protocol.h"
#include "registry/registry.h"
#include "shm/shared_log.h"
#include "shm/zone_user.h"
#include "sys/epoll.h"
#include "sys/file.h"
#include "sys/futex.h"
#include "sys/socket.h"
#include "worker/explain_question.h"
#include "worker/explain_report.h"
#include "worker/identity.h"

namespace sluice::worker {

namespace {

constexpr Millis kPatience{10'000};  ///< for files and passwords that a thread reads
constexpr std::size_t kShownBody = 256;  ///< bytes of a body that are read in any case

using Failure = std::unexpected<std::string>;

/// A zone of this process alone.
struct PrivateZone {
    PrivateZone(shm::Zone made, sys::RobustOwner& owner) : zone(std::move(made)), user(zone, owner) {}

    PrivateZone(const PrivateZone&) = delete;
    PrivateZone& operator=(const PrivateZone&) = delete;

    shm::Zone zone;
    shm::ZoneUser user;
};

/// The process as a worker: everything that rules expect of one, and no socket.
class PaperWorker {
  public:
    PaperWorker(conf::GenerationRef generation,
                event::Loop& loop,
                const shm::SharedLog& region,
                const metrics::Station& station)
        : loop_(loop),
          pool_(loop, {}),
          lanes_(region, SlotId{0}, -1),
          context_{.loop = loop, .lanes = lanes_, .current = std::move(generation)} {
        context_.pool = &pool_;
        context_.station = &station;
        for (const http::Module* const module : registry::http_modules()) {
            if (module->start_worker != nullptr) {
                module->start_worker(context_);
            }
        }
    }

    PaperWorker(const PaperWorker&) = delete;
    PaperWorker& operator=(const PaperWorker&) = delete;

    ~PaperWorker() {
        static_cast<void>(pool_.stop(kPatience));
        for (const http::Module* const module : registry::http_modules()) {
            if (module->stop_worker != nullptr) {
                module->stop_worker();
            }
        }
    }

    /// Asks `question`; fills `trace`. Fails: a sentence.
    std::expected<Outcome, std::string> answer(const Question& question, http::Trace& trace);

  private:
    std::expected<void, std::string> empty_zones();
    std::expected<void, std::string> open_data_files();
    void read_reply(int fd, Outcome& out);
    [[nodiscard]] bool wait_for(int fd);
    [[nodiscard]] bool receive(int fd, std::string& into);

    event::Loop& loop_;
    event::Pool pool_;
    log::LaneLog lanes_;
    net::WorkerContext context_;
    sys::RobustOwner owner_;
    std::vector<std::unique_ptr<PrivateZone>> zones_;
};

/// Every question finds the zones empty: nothing that was asked before counts.
std::expected<void, std::string> PaperWorker::empty_zones() {
    zones_.clear();
    for (const std::unique_ptr<conf::ZoneSpec>& spec : context_.current->zones()) {
        if (owner_.tid() == 0) {
            if (const Result<> started = sys::RobustOwner::start(owner_); !started) {
                return Failure(fmt::format("{}", log::Failure{started.error()}));
            }
        }
        const shm::ZoneKind kind{.name = spec->use.kind,
                                 .layout = spec->use.layout,
                                 .cell_bytes = spec->use.cell_bytes};
        Result<shm::Zone> zone =
            shm::Zone::create(kind, {.bytes = spec->bytes, .shards = spec->shards});
        if (!zone) {
            return Failure(fmt::format("zone \"{}\": {}", spec->name, log::Failure{zone.error()}));
        }
        zones_.push_back(std::make_unique<PrivateZone>(std::move(*zone), owner_));
        spec->attached = &zones_.back()->user;
    }
    return {};
}

/// As they are on disk now: where no server runs nobody has a copy.
std::expected<void, std::string> PaperWorker::open_data_files() {
    for (const std::unique_ptr<conf::DataFile>& file : conf::data_files(*context_.current)) {
        if (file->opened != nullptr) {
            continue;
        }
        const Result<sys::UniqueFd> fd = sys::open(file->path.c_str(), O_RDONLY | O_NONBLOCK);
        if (!fd) {
            return Failure(fmt::format("{}", log::Failure{fd.error(), "\"" + file->path + "\""}));
        }
        if (auto opened = file->attach(fd->get()); !opened) {
            return Failure(fmt::format("\"{}\": {}", file->path, opened.error()));
        }
    }
    return {};
}

/// 204 and 304: no body follows, though no length says so.
bool has_no_content(std::string_view head) {
    return head.starts_with("HTTP/1.1 204") || head.starts_with("HTTP/1.1 304");
}

struct Waker : event::Pollable {
    event::Loop* loop = nullptr;
};

struct Alarm : event::Timer {
    event::Loop* loop = nullptr;
};

/// Runs the loop until `fd` is readable (below 0: for one turn) or nobody's patience is left.
bool PaperWorker::wait_for(int fd) {
    Waker waker;
    waker.loop = &loop_;
    waker.fd = fd;
    waker.on_ready = [](event::Pollable& self, std::uint32_t) {
        static_cast<Waker&>(self).loop->stop();
    };
    Alarm alarm;
    alarm.loop = &loop_;
    alarm.fire = [](event::Timer& self) { static_cast<Alarm&>(self).loop->stop(); };
    if (fd >= 0 && !loop_.watch(waker, EPOLLIN)) {
        return false;
    }
    loop_.arm(alarm, fd < 0 ? Millis(0) : kPatience);
    const Millis end = loop_.now() + kPatience;
    const bool has_run = loop_.run().has_value() && loop_.now() < end;
    event::TimerWheel::disarm(alarm);
    loop_.forget(waker);
    return has_run;
}

/// Appends what the session sends; runs the loop while it sends nothing. False: the end.
bool PaperWorker::receive(int fd, std::string& into) {
    std::array<char, 65536> room;
    for (;;) {
        const Result<sys::Transfer> got = sys::recv(fd, room);
        if (got && got->size > 0) {
            into.append(room.data(), got->size);
            return true;
        }
        if (!got || !got->is_blocked || !wait_for(fd)) {
            return false;
        }
    }
}

/// The content of as many chunks as `bytes` has whole; `is_end`: the last was among them.
std::string dechunked(std::string_view bytes, bool& is_end) {
    std::string out;
    for (;;) {
        const std::size_t line = bytes.find("\r\n");
        if (line == std::string_view::npos) {
            return out;
        }
        std::size_t size = 0;
        const auto read = std::from_chars(bytes.data(), bytes.data() + line, size, 16);
        is_end = read.ec == std::errc() && size == 0;
        if (is_end || read.ec != std::errc() || bytes.size() < line + 2 + size + 2) {
            return out;
        }
        out += bytes.substr(line + 2, size);
        bytes.remove_prefix(line + 2 + size + 2);
    }
}

/// The value of a field in a head that this server made itself.
std::optional<std::string_view> field_of(std::string_view head, std::string_view name) {
    const std::string start = fmt::format("\r\n{}: ", name);
    const std::size_t at = head.find(start);
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    const std::size_t begin = at + start.size();
    return head.substr(begin, head.find("\r\n", begin) - begin);
}

/// Reads a reply. Of a body whose length is announced only the beginning is waited for.
void PaperWorker::read_reply(int fd, Outcome& out) {
    std::string bytes;
    std::size_t head_end = std::string::npos;
    while (head_end == std::string::npos && receive(fd, bytes)) {
        head_end = bytes.find("\r\n\r\n");
    }
    out.is_answered = head_end != std::string::npos;
    if (!out.is_answered) {
        return;
    }
    out.head = bytes.substr(0, head_end + 4);
    std::string body = bytes.substr(head_end + 4);
    if (out.is_bodiless) {
        return;
    }
    if (const auto length = field_of(out.head, "Content-Length"); length) {
        out.body_bytes = parse_decimal(*length).value_or(0);
        while (body.size() < std::min<std::uint64_t>(out.body_bytes, kShownBody) &&
               receive(fd, body)) {
        }
        out.text = body;
        return;
    }
    bool is_end = !field_of(out.head, "Transfer-Encoding");
    if (!is_end) {
        out.text = dechunked(body, is_end);
        while (!is_end && receive(fd, body)) {
            out.text = dechunked(body, is_end);
        }
    } else if (field_of(out.head, "Connection") == "close" && !has_no_content(out.head)) {
        while (receive(fd, body)) {
        }
        out.text = body;
    }
    out.body_bytes = out.text.size();
}

std::expected<Outcome, std::string> PaperWorker::answer(const Question& question,
                                                        http::Trace& trace) {
    static_cast<void>(wait_for(-1));  // the time of this question
    const auto head = head_of(question);
    if (!head) {
        return Failure(head.error());
    }
    const auto entrance = find_entrance(*context_.current, question, trace);
    if (!entrance) {
        return Failure(entrance.error());
    }
    if (auto emptied = empty_zones(); !emptied) {
        return Failure(std::move(emptied.error()));
    }
    if (auto opened = open_data_files(); !opened) {
        return Failure(std::move(opened.error()));
    }
    Result<sys::SocketPair> sockets = sys::socketpair(SOCK_STREAM | SOCK_NONBLOCK);
    if (!sockets) {
        return Failure(fmt::format("{}", log::Failure{sockets.error()}));
    }
    const http1::Rehearsal rehearsal{.trace = &trace, .local = entrance->local};
    http1::Http1 protocol(context_);
    protocol.rehearse(rehearsal);
    const std::string sent = proxy_header_of(*entrance) + *head;
    if (const auto wrote = sys::write(sockets->second.get(), sent); !wrote) {
        return Failure(fmt::format("{}", log::Failure{wrote.error()}));
    }
    protocol.accept({.fd = std::move(sockets->first),
                     .peer = entrance->peer,
                     .listener = entrance->listener->id});
    Outcome out;
    out.is_bodiless = question.method == "HEAD";
    read_reply(sockets->second.get(), out);
    protocol.stop();
    return out;
}

// ---- the questions ----

void print(int fd, const std::string& text) {
    // Nowhere is left to report a failure to write to a standard descriptor.
    static_cast<void>(sys::write_all(fd, text));
}

class Interview {
  public:
    Interview(PaperWorker& worker, const conf::Tree& tree, const std::string& prefix,
              const ExplainWishes& wishes)
        : worker_(worker), tree_(tree), prefix_(prefix), wishes_(wishes) {}

    /// A question about `url` as the command line wants it asked.
    void ask_url(std::string_view url);
    /// A line of standard input: `[METHOD] URL`, then fields, each behind a tab.
    void ask_line(std::string_view line);

    [[nodiscard]] bool has_failed() const { return has_failed_; }

  private:
    [[nodiscard]] Question blank() const;
    void ask(Question question);

    PaperWorker& worker_;
    const conf::Tree& tree_;
    const std::string& prefix_;
    const ExplainWishes& wishes_;
    bool has_failed_ = false;
    bool is_first_ = true;
};

Question Interview::blank() const {
    Question question;
    question.method = wishes_.method;
    question.fields = wishes_.fields;
    question.client = wishes_.client;
    question.connect = wishes_.connect;
    return question;
}

void Interview::ask_url(std::string_view url) {
    Question question = blank();
    question.url = url;
    ask(std::move(question));
}

void Interview::ask(Question question) {
    http::Trace trace;
    std::expected<Outcome, std::string> outcome;
    if (auto taken = take_apart(question); taken) {
        outcome = worker_.answer(question, trace);
    } else {
        outcome = Failure(std::move(taken.error()));
    }
    if (!outcome) {
        has_failed_ = true;
        print(wishes_.is_json ? 1 : 2,
              wishes_.is_json ? error_as_json(question.url, outcome.error())
                              : fmt::format("sluice: [error] {}\n", outcome.error()));
        return;
    }
    const Report report{
        .tree = &tree_, .prefix = prefix_, .method = question.method, .url = question.url};
    print(1, wishes_.is_json ? as_json(report, trace, *outcome)
                             : (is_first_ ? "" : "\n") + as_text(report, trace, *outcome));
    is_first_ = false;
}

void Interview::ask_line(std::string_view line) {
    Question question = blank();
    const std::size_t tab = std::min(line.find('\t'), line.size());
    std::string_view first = line.substr(0, tab);
    if (const std::size_t space = first.find(' '); space != std::string_view::npos) {
        question.method = first.substr(0, space);
        first.remove_prefix(space + 1);
    }
    question.url = first;
    for (std::size_t at = tab; at < line.size();) {
        const std::size_t end = std::min(line.find('\t', at + 1), line.size());
        question.fields.emplace_back(line.substr(at + 1, end - at - 1));
        at = end;
    }
    if (!question.url.empty()) {
        ask(std::move(question));
    }
}

void ask_standard_input(Interview& interview) {
    std::string rest;
    std::array<char, 65536> room;
    for (;;) {
        const Result<sys::Transfer> got = sys::read(0, room);
        if (!got || got->size == 0) {
            break;
        }
        rest.append(room.data(), got->size);
        std::size_t begin = 0;
        for (std::size_t end = rest.find('\n'); end != std::string::npos;
             end = rest.find('\n', begin)) {
            interview.ask_line(std::string_view(rest).substr(begin, end - begin));
            begin = end + 1;
        }
        rest.erase(0, begin);
    }
    interview.ask_line(rest);
}

}  // namespace

int explain(conf::GenerationRef generation,
            const ipc::Hello& identity,
            const std::string& prefix,
            const ExplainWishes& wishes) {
    log::Journal journal(2, log::Level::Warn);
    journal.install();
    if (const Result<> assumed = assume_identity(identity); !assumed) {
        log::write(log::Level::Emerg, "{}", log::Failure{assumed.error()});
        return 1;
    }
    const Result<std::unique_ptr<event::Loop>> loop = event::Loop::create();
    const Result<shm::SharedLog> region = shm::SharedLog::create(1);
    const Result<metrics::Board> board = metrics::Board::create(1, registry::counter_groups());
    if (!loop || !region || !board) {
        log::write(log::Level::Emerg, "{}",
                   log::Failure{!loop     ? loop.error()
                                : !region ? region.error()
                                          : board.error()});
        return 1;
    }
    const metrics::Station station(*board, *region, SlotId{0});
    const conf::Tree& tree = generation->tree();
    PaperWorker worker(generation, **loop, *region, station);
    Interview interview(worker, tree, prefix, wishes);
    for (const std::string& url : wishes.urls) {
        if (url == "-") {
            ask_standard_input(interview);
            continue;
        }
        interview.ask_url(url);
    }
    return interview.has_failed() ? 1 : 0;
}

}  // namespace sluice::worker
