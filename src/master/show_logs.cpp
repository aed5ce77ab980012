// SPDX-License-Identifier: BSD-2-Clause
// `sluice logs`: finds the running server by its pid file, gets its shared log from the control
// socket and shows what the lanes still hold, drained or not, merged by time. Log files are not
// touched, and the server does not notice.
// Runs in: any (the command line).
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "conf/process_conf.h"
#include "log/log.h"
#include "master/candidate.h"
#include "master/control_socket.h"
#include "master/pause.h"
#include "master/pidfile.h"
#include "master/show_queue.h"
#include "master/start.h"
#include "shm/lane_history.h"
#include "shm/shared_log.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sluice::master {

namespace {

constexpr Millis kAnswerLimit{5'000};
/// Between two looks of --follow: words of shared memory, no system call but the waiting.
constexpr Millis kLook{100};
constexpr int kLooksPerLifeCheck = 10;
constexpr std::int64_t kLastOfFollowing = 10;

/// A running server's log, mapped.
struct Source {
    shm::SharedLog log;
    sys::FileInfo identity;  ///< of the memfd: an upgraded server goes on with the same
    pid_t master = 0;
    std::uint64_t master_start = 0;
};

std::expected<Source, std::string> open_source(const std::string& pid_path) {
    const Result<pid_t> pid = read_pid(pid_path);
    if (!pid) {
        return std::unexpected(fmt::format("no server runs here: {}",
                                           log::Failure{pid.error(), "\"" + pid_path + "\""}));
    }
    const std::string path = control_path(pid_path);
    Result<Answer> answer = ask_for_fd(path, "logs\n", kAnswerLimit);
    if (!answer) {
        const bool is_gone = answer.error().code == ENOENT || answer.error().code == ECONNREFUSED;
        return std::unexpected(fmt::format(
            "{}: {}", is_gone ? "no server runs here" : "the server cannot be asked",
            log::Failure{answer.error(), "to \"" + path + "\""}));
    }
    if (!answer->fd.is_open() || !answer->text.starts_with("ok ")) {
        std::string text = answer->text.substr(std::min(answer->text.find('\n'), answer->text.size()));
        std::erase(text, '\n');
        return std::unexpected(
            text.empty() ? "the server refused: only its owner and root may read its log" : text);
    }
    const Result<sys::FileInfo> identity = sys::file_info(answer->fd.get());
    Result<shm::SharedLog> log = shm::SharedLog::attach_read_only(std::move(answer->fd));
    if (!identity || !log) {
        return std::unexpected("the server's shared log is of another version");
    }
    return Source{.log = std::move(*log),
                  .identity = *identity,
                  .master = *pid,
                  .master_start = sys::process_start_time(*pid).value_or(0)};
}

struct Line {
    Millis wall{};
    std::string text;
};

/// What is still to be seen of a source.
class Viewer {
  public:
    Viewer(Source source, const LogFilter& filter, bool is_json)
        : source_(std::move(source)), filter_(filter), is_json_(is_json) {}

    /// New lines of all lanes, by time.
    [[nodiscard]] std::vector<Line> look() {
        std::vector<Line> lines;
        const shm::SlotTable table = source_.log.table();
        for (std::size_t i = 0; i < table.capacity(); ++i) {
            const SlotId slot{static_cast<std::uint16_t>(i)};
            if (table.info(slot).epoch == 0) {
                continue;  // nobody ever wrote there
            }
            histories_.resize(std::max(histories_.size(), i + 1));
            if (!histories_[i]) {
                histories_[i] = std::make_unique<Histories>(source_.log, slot);
            }
            read(histories_[i]->errors, lines);
            read(histories_[i]->access, lines);
        }
        std::ranges::stable_sort(lines, {}, &Line::wall);
        return lines;
    }

    [[nodiscard]] bool is_alive() const {
        return sys::process_start_time(source_.master).value_or(0) == source_.master_start;
    }

    /// Goes on with what runs now.
    void move_to(Source source) {
        if (source.identity.inode != source_.identity.inode ||
            source.identity.device != source_.identity.device) {
            histories_.clear();
        } else {
            std::swap(source.log, source_.log);  // the histories point into the old mapping
        }
        source_ = std::move(source);
    }

  private:
    struct Histories {
        Histories(const shm::SharedLog& log, SlotId slot)
            : errors(log.errors_lane(slot)), access(log.access_lane(slot)) {}

        shm::LaneHistory errors;
        shm::LaneHistory access;
    };

    void read(shm::LaneHistory& history, std::vector<Line>& lines) {
        records_.clear();
        if (!history.has_news()) {
            return;
        }
        history.read(records_);
        const shm::PastRecord* before = nullptr;
        for (const shm::PastRecord& record : records_) {
            // The same line for several targets stands in the lane once for each.
            const bool is_same = before != nullptr && before->wall == record.wall &&
                                 before->sink != record.sink && before->body == record.body;
            if (!is_same && filter_.matches(record)) {
                lines.push_back({.wall = record.wall, .text = show(record, is_json_)});
            }
            before = &record;
        }
    }

    Source source_;
    const LogFilter& filter_;
    bool is_json_;
    std::vector<std::unique_ptr<Histories>> histories_;
    std::vector<shm::PastRecord> records_;
};

/// False where nobody reads any more.
bool print(const std::vector<Line>& lines, std::size_t last) {
    std::string text;
    for (std::size_t i = lines.size() - std::min(lines.size(), last); i < lines.size(); ++i) {
        text += lines[i].text;
        text += '\n';
    }
    return text.empty() || sys::write_all(1, text).has_value();
}

int follow(Viewer& viewer, const std::string& pid_path) {
    Pause pause;
    if (!pause.open()) {
        complain("no descriptors to wait with");
        return 1;
    }
    for (int look = 1; pause.wait(kLook); ++look) {
        const bool is_alive = look % kLooksPerLifeCheck != 0 || viewer.is_alive();
        if (!print(viewer.look(), SIZE_MAX)) {
            return 0;
        }
        if (is_alive) {
            continue;
        }
        auto next = open_source(pid_path);
        if (!next) {
            complain("the server has ended");
            return 0;
        }
        viewer.move_to(std::move(*next));
    }
    return 0;
}

}  // namespace

int show_logs(const Start& start, const LogWishes& wishes) {
    if (!wishes.queue.empty()) {
        return show_queue(wishes);
    }
    log::Journal journal;
    journal.install();
    const auto filter = LogFilter::make(wishes, sys::wall_now());
    if (!filter) {
        complain(filter.error());
        return 1;
    }
    Counting counting(start.counters);
    Ids ids(counting);
    const auto configuration = read_configuration(start, ids, GenerationNumber{1});
    if (!configuration) {
        for (const std::string& error : configuration.error()) {
            complain(fmt::format("[emerg] {}", error));
        }
        return 1;
    }
    const std::string pid_path(conf::process_conf(*configuration->generation).pid.value);
    auto source = open_source(pid_path);
    if (!source) {
        complain(source.error());
        return 1;
    }
    Viewer viewer(std::move(*source), *filter, wishes.is_json);
    const std::int64_t wanted =
        wishes.last < 0 && wishes.follows ? kLastOfFollowing : wishes.last;
    const std::size_t last = wanted < 0 ? SIZE_MAX : static_cast<std::size_t>(wanted);
    if (!print(viewer.look(), last)) {
        return 1;
    }
    return wishes.follows ? follow(viewer, pid_path) : 0;
}

}  // namespace sluice::master
