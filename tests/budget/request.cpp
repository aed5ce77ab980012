// SPDX-License-Identifier: BSD-2-Clause
// Budget of one keep-alive request for a small cached file: allocations, system calls by name. With
// the argument "access_log" each request writes a line; any other argument is the file of a
// configuration, in which @root@ stands for the folder of the file that is asked for. The server side runs in a child that is
// traced, so that every system call is seen; the client is another child. Golden numbers stand at
// the top.
// Runs in: tests.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>

#include "conf/generation.h"
#include "event/loop.h"
#include "log/journal.h"
#include "log/lane_log.h"
#include "net/protocol.h"
#include "registry/registry.h"
#include "shm/shared_log.h"

namespace {

// ---- golden numbers; raising one is a decision ----
constexpr long kAllocationsPerRequest = 0;
constexpr double kCallsPerRequest = 3.05;  // recv, send, epoll_wait; the rest is timers
constexpr double kWakeupsPerTurn = 1.01;  // with an access log: writes to the logger's eventfd

constexpr int kWarmUp = 200;
constexpr int kMeasured = 2000;

/// What the children share.
struct Board {
    std::atomic<long> allocations;
    std::atomic<bool> is_counting;
    bool is_logging;
    std::atomic<int> replies;
};

Board* board = nullptr;
bool is_server = false;  ///< the tracer allocates too, and does not count

void note_allocation() {
    if (is_server && board->is_counting.load(std::memory_order_relaxed)) {
        board->allocations.fetch_add(1, std::memory_order_relaxed);
    }
}

}  // namespace

// glibc lets a program replace malloc and still reach its own by these names.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);

void* malloc(std::size_t size) {
    note_allocation();
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
    note_allocation();
    return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
    note_allocation();
    return __libc_realloc(old, size);
}
}

namespace {

using namespace sluice;  // NOLINT: a test program of one file

class FixedFacts : public conf::Facts {
  public:
    explicit FixedFacts(std::string text) : text_(std::move(text)) {}
    Result<std::string_view> file(std::string_view) override { return std::string_view(text_); }
    Result<std::vector<std::string>> glob(std::string_view) override {
        return std::vector<std::string>{};
    }
    std::optional<std::string> env(std::string_view) override { return std::nullopt; }
    std::optional<conf::Account> user(std::string_view) override { return std::nullopt; }
    std::optional<std::uint32_t> group(std::string_view) override { return std::nullopt; }
    Result<std::vector<std::string>> resolve(std::string_view) override { return fail("no", ENOENT); }
    int cpus() override { return 1; }

    bool is_root() override { return true; }
    std::string host_name() override { return "box"; }
    std::string prefix() override { return "/"; }
    std::string default_error_log() override { return "/dev/null"; }
    ListenerId listener_id(std::string_view) override { return ListenerId{1}; }
    SinkId sink_id(std::string_view) override { return SinkId{1}; }
    ZoneId zone_id(std::string_view) override { return ZoneId{1}; }

  private:
    std::string text_;
};

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "budget: %s: %s\n", what, std::strerror(errno));
    std::_Exit(2);
}

/// A connected pair over loopback TCP.
std::array<int, 2> tcp_pair() {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener, 1) != 0 ||
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        give_up("listen");
    }
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(client, reinterpret_cast<sockaddr*>(&address), size) != 0) {
        give_up("connect");
    }
    const int server = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ::close(listener);
    const int on = 1;
    ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return {server, client};
}

/// Marks the traced stretch: a call that the server never makes itself.
void mark() {
    ::syscall(SYS_getpgid, 0);
}

struct Counting : event::TurnHook {
    Counting(log::LaneLog& log, shm::Slot& at) : lanes(log), slot(at) {}

    log::LaneLog& lanes;
    shm::Slot& slot;
    bool has_begun = false;
    bool has_ended = false;
};

void watch_progress(event::TurnHook& hook) {
    auto& counting = static_cast<Counting&>(hook);
    counting.lanes.flush_wakeups();  // as a worker's turn ends
    counting.slot.is_logger_asleep = 1;  // the worst case: it sleeps again before every line
    const int replies = board->replies.load();
    if (!counting.has_begun && replies >= kWarmUp) {
        counting.has_begun = true;
        mark();
        board->is_counting = true;
    }
    if (!counting.has_ended && replies >= kWarmUp + kMeasured) {
        counting.has_ended = true;
        board->is_counting = false;
        mark();
    }
}

/// The configuration: that of the file, or one with nothing but `access_log`.
std::string configuration(const std::string& root, const char* access_log, const char* file) {
    if (file == nullptr) {
        return std::string("http { access_log ") + access_log +
               "; keepalive_requests 1000000; server { listen 127.0.0.1:1; root " + root + "; } }";
    }
    constexpr std::string_view kRoot = "@root@";
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    std::string out = text.str();
    for (std::size_t at = out.find(kRoot); at != out.npos; at = out.find(kRoot, at + root.size())) {
        out.replace(at, kRoot.size(), root);
    }
    return out;
}

int serve(const std::string& text, int socket) {
    is_server = true;
    FixedFacts facts(text);
    conf::Compiled compiled = conf::compile(facts, {.main_file = "/x",
                                                    .globals = {},
                                                    .number = GenerationNumber{1},
                                                    .modules = registry::modules(),
                                                    .features = registry::features()});
    if (!compiled.generation) {
        std::fprintf(stderr, "%s\n", compiled.errors.front().c_str());
        return 2;
    }
    auto loop = event::Loop::create();
    auto region = shm::SharedLog::create(1);
    if (!loop || !region) {
        return 2;
    }
    log::LaneLog lanes(*region, SlotId{0}, ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    log::Journal journal;
    journal.use_lanes(&lanes);
    journal.install();
    net::WorkerContext context{.loop = **loop,
                               .lanes = lanes,
                               .current = conf::GenerationRef(std::move(compiled.generation))};
    const auto protocol = registry::protocols().front().create(context);
    for (const http::Module* module : registry::http_modules()) {
        if (module->start_worker != nullptr) {
            module->start_worker(context);
        }
    }
    Counting counting(lanes, region->table().slot(SlotId{0}));
    counting.before_sleep = &watch_progress;
    (*loop)->before_sleep(counting);
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
        return 3;
    }
    ::raise(SIGSTOP);
    protocol->accept({.fd = sys::UniqueFd(socket), .peer = {}, .listener = ListenerId{1}});
    while (!counting.has_ended && protocol->connections() > 0) {
        if (!(*loop)->run_once(Millis(1000))) {
            return 2;
        }
    }
    // What does not fit into a lane that nobody drains is counted, which costs no call either.
    if (board->is_logging && region->access_lane(SlotId{0}).control->head < 50 * kMeasured) {
        return 5;
    }
    std::_Exit(counting.has_ended ? 0 : 4);
}

void ask(int socket) {
    constexpr char kRequest[] = "GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n";
    std::array<char, 8192> reply{};
    for (int i = 0; i <= kWarmUp + kMeasured + 1; ++i) {
        if (::send(socket, kRequest, sizeof kRequest - 1, MSG_NOSIGNAL) < 0) {
            break;
        }
        const ssize_t got = ::recv(socket, reply.data(), reply.size(), 0);
        if (got <= 0 || std::strncmp(reply.data(), "HTTP/1.1 200", 12) != 0) {
            break;
        }
        board->replies.fetch_add(1);
    }
    std::_Exit(0);
}

/// Follows the server; counts its system calls between the two marks.
std::map<long, long> trace(pid_t server, int& exit_code) {
    std::map<long, long> calls;
    int status = 0;
    int marks = 0;
    bool is_entry = true;
    ::waitpid(server, &status, 0);
    ::ptrace(PTRACE_SETOPTIONS, server, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    for (;;) {
        ::ptrace(PTRACE_SYSCALL, server, nullptr, nullptr);
        if (::waitpid(server, &status, 0) < 0 || WIFEXITED(status) || WIFSIGNALED(status)) {
            exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
            return calls;
        }
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != (SIGTRAP | 0x80)) {
            continue;
        }
        if (is_entry) {
            user_regs_struct registers{};
            ::ptrace(PTRACE_GETREGS, server, nullptr, &registers);
            const long number = static_cast<long>(registers.orig_rax);
            if (number == SYS_getpgid) {
                ++marks;
            } else if (marks == 1) {
                ++calls[number];
            }
        }
        is_entry = !is_entry;
    }
}

const char* name_of(long call) {
    switch (call) {
        case SYS_recvfrom: return "recv";
        case SYS_sendto: return "send";
        case SYS_sendmsg: return "sendmsg";
        case SYS_sendfile: return "sendfile";
        case SYS_epoll_wait: return "epoll_wait";
        case SYS_epoll_pwait: return "epoll_pwait";
        case SYS_epoll_ctl: return "epoll_ctl";
        case SYS_read: return "read";
        case SYS_write: return "write";
        case SYS_openat2: return "openat2";
        case SYS_statx: return "statx";
        case SYS_clock_gettime: return "clock_gettime";
        case SYS_mmap: return "mmap";
        case SYS_brk: return "brk";
        default: return "another";
    }
}

}  // namespace

int main(int argc, char** argv) {
    board = static_cast<Board*>(::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    const bool is_logging = argc > 1 && std::strcmp(argv[1], "access_log") == 0;
    const char* const file = argc > 1 && !is_logging ? argv[1] : nullptr;
    board->is_logging = is_logging;
    const std::filesystem::path root =
        std::filesystem::temp_directory_path() / ("sluice-budget-" + std::to_string(::getpid()));
    std::filesystem::create_directory(root);
    std::ofstream(root / "index.html") << std::string(612, 'x');
    const std::array<int, 2> sockets = tcp_pair();
    const pid_t server = ::fork();
    if (server == 0) {
        ::close(sockets[1]);
        const char* const access_log = is_logging ? "/access.log" : "off";
        std::_Exit(serve(configuration(root.string(), access_log, file), sockets[0]));
    }
    const pid_t client = ::fork();
    if (client == 0) {
        ::close(sockets[0]);
        ask(sockets[1]);
    }
    ::close(sockets[0]);
    ::close(sockets[1]);
    int exit_code = 0;
    const std::map<long, long> calls = trace(server, exit_code);
    ::waitpid(client, nullptr, 0);
    std::filesystem::remove_all(root);
    if (exit_code == 3) {
        std::printf("skipped: tracing is not permitted here\n");
        return 77;
    }
    if (exit_code != 0) {
        std::printf("the server ended with %d after %d replies\n", exit_code, board->replies.load());
        return 1;
    }
    double total = 0;
    double wakeups = 0;
    for (const auto& [call, count] : calls) {
        const double share = static_cast<double>(count) / kMeasured;
        std::printf("%-14s (%3ld) %.3f per request\n", name_of(call), call, share);
        (is_logging && call == SYS_write ? wakeups : total) += share;
    }
    std::printf("system calls   %.3f per request, at most %.2f\n", total, kCallsPerRequest);
    std::printf("wakeups        %.3f per request of a turn each, at most %.2f\n", wakeups,
                kWakeupsPerTurn);
    std::printf("allocations    %ld in %d requests, at most %ld each\n", board->allocations.load(),
                kMeasured, kAllocationsPerRequest);
    const bool is_good = total <= kCallsPerRequest && wakeups <= kWakeupsPerTurn &&
                         board->allocations.load() <= kAllocationsPerRequest * kMeasured;
    return is_good ? 0 : 1;
}
