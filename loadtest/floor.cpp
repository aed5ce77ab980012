// SPDX-License-Identifier: BSD-2-Clause
// The floor of the load test: an edge-triggered epoll loop that looks for the blank line and sends
// a fixed reply. What it costs is what the kernel costs; no server can do less. It shares no code
// with src/ on purpose, and it is no web server: methods, versions and header fields are not read.
// Runs in: a process of its own, started by loadtest/run.
//
//     floor PORT [PREFIX=STATUS:BYTES[:close]]...      as in: floor 8081 /612=200:612
//     /big=200:10485760
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

/// Bodies from this size on leave by sendfile from a memfd, smaller ones with their head in one
/// send.
constexpr std::size_t kSendfileFrom = 32 * 1024;
/// So many copies of a small reply lie one after another: the replies to pipelined requests of one
/// recv are then one plain send.
constexpr std::size_t kCopies = 32;
constexpr std::array kDefaultReplies = {"/612=200:612", "/4k=200:4096", "/100k=200:102400"};

struct Reply {
    std::string prefix;   // of the request path
    std::string bytes;    // kCopies times head and body, or one head where `file` is used
    std::size_t one = 0;  // bytes of one reply within `bytes`
    int file = -1;        // memfd with a large body
    std::size_t file_size = 0;
    bool is_last = false;  // the connection is closed after it
};

/// One connection. `input[parsed, filled)` is not answered yet; `text` and `file_left` are owed.
struct Connection {
    int fd = -1;
    bool is_readable = false;
    bool has_nodelay = false;
    std::size_t parsed = 0;
    std::size_t filled = 0;
    const Reply* reply = nullptr;  // being sent
    std::string_view text;
    off_t file_at = 0;
    std::size_t file_left = 0;
    std::array<char, 8192> input;
};

using Replies = std::vector<Reply>;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

std::optional<std::size_t> to_number(std::string_view text) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

int memory_file(const std::string& body) {
    const int file = memfd_create("body", MFD_CLOEXEC);
    if (file < 0) {
        die("memfd_create");
    }
    for (std::size_t done = 0; done < body.size();) {
        const ssize_t count = write(file, body.data() + done, body.size() - done);
        if (count < 0) {
            die("write");
        }
        done += static_cast<std::size_t>(count);
    }
    return file;
}

Reply make_reply(std::string_view prefix, std::string_view status, std::size_t size, bool is_last) {
    Reply reply;
    reply.prefix = prefix;
    reply.is_last = is_last;
    // The same fields as a static server sends, so that the client has the same work.
    std::string head = "HTTP/1.1 " + std::string(status) + " Fixed\r\nServer: floor\r\n" +
                       "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n";
    if (status != "304") {
        head +=
            "Content-Type: application/octet-stream\r\nContent-Length: " + std::to_string(size) +
            "\r\n";
    }
    head += "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nConnection: ";
    head += is_last ? "close\r\n" : "keep-alive\r\n";
    head += "ETag: \"65920080-264\"\r\nAccept-Ranges: bytes\r\n\r\n";

    const std::string body(size, 'x');
    if (size >= kSendfileFrom) {
        reply.file = memory_file(body);
        reply.file_size = size;
        reply.one = head.size();
        reply.bytes = head;
        return reply;
    }
    reply.one = head.size() + body.size();
    for (std::size_t copy = 0; copy < kCopies; ++copy) {
        reply.bytes += head + body;
    }
    return reply;
}

/// Reads PREFIX=STATUS:BYTES[:close].
std::optional<Reply> parse_reply(std::string_view text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view prefix = text.substr(0, equals);
    text.remove_prefix(equals + 1);
    const bool is_last = text.ends_with(":close");
    if (is_last) {
        text.remove_suffix(std::strlen(":close"));
    }
    const std::size_t colon = text.find(':');
    if (colon != 3) {
        return std::nullopt;
    }
    const std::optional<std::size_t> size = to_number(text.substr(colon + 1));
    if (!size) {
        return std::nullopt;
    }
    return make_reply(prefix, text.substr(0, colon), *size, is_last);
}

const Reply& find_reply(const Replies& replies, std::string_view request) {
    const std::size_t space = request.find(' ');
    const std::string_view path = request.substr(space + 1);
    for (const Reply& reply : replies) {
        if (path.starts_with(reply.prefix)) {
            return reply;
        }
    }
    return replies.back();  // 404
}

void close_connection(Connection& connection) {
    close(connection.fd);
    connection.fd = -1;
}

/// Nagle's wait would hold back what follows the first segment; needed only where more than one
/// send goes out between two requests, so a short exchange does not pay for the call.
void disable_nagle(Connection& connection) {
    if (!connection.has_nodelay) {
        const int on = 1;
        setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connection.has_nodelay = true;
    }
}

/// False: the socket takes no more for now, or the connection is closed.
bool send_text(Connection& connection) {
    const int flags = MSG_NOSIGNAL | (connection.file_left > 0 ? MSG_MORE : 0);
    while (!connection.text.empty()) {
        const ssize_t count =
            send(connection.fd, connection.text.data(), connection.text.size(), flags);
        if (count < 0) {
            if (errno != EAGAIN) {
                close_connection(connection);
            }
            return false;
        }
        connection.text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

/// False as send_text.
bool send_file(Connection& connection) {
    while (connection.file_left > 0) {
        const ssize_t count = sendfile(connection.fd, connection.reply->file, &connection.file_at,
                                       connection.file_left);
        if (count <= 0) {
            if (count == 0 || errno != EAGAIN) {
                close_connection(connection);
            }
            return false;
        }
        connection.file_left -= static_cast<std::size_t>(count);
    }
    return true;
}

/// Sends what is owed. False: blocked, or the connection is closed.
bool flush(Connection& connection) {
    if (connection.reply == nullptr) {
        return true;
    }
    if (!send_text(connection) || !send_file(connection)) {
        return false;
    }
    if (connection.reply->is_last) {
        close_connection(connection);
        return false;
    }
    connection.reply = nullptr;
    return true;
}

/// Owes the reply to the next run of equal requests in the input. False: no whole request there.
bool answer(Connection& connection, const Replies& replies) {
    std::size_t count = 0;
    while (count < kCopies && connection.parsed < connection.filled) {
        const std::string_view rest(connection.input.data() + connection.parsed,
                                    connection.filled - connection.parsed);
        const std::size_t end = rest.find("\r\n\r\n");
        if (end == std::string_view::npos) {
            break;
        }
        const Reply& reply = find_reply(replies, rest.substr(0, end));
        if (count > 0 && (&reply != connection.reply || reply.file >= 0)) {
            break;
        }
        connection.reply = &reply;
        connection.parsed += end + 4;
        ++count;
    }
    if (count == 0) {
        return false;
    }
    const Reply& reply = *connection.reply;
    connection.text = std::string_view(reply.bytes).substr(0, count * reply.one);
    connection.file_at = 0;
    connection.file_left = reply.file_size;
    if (count > 1 || reply.file_size > 0) {
        disable_nagle(connection);
    }
    return true;
}

/// One recv. False: nothing to read for now, or the connection is closed.
bool fill(Connection& connection) {
    if (!connection.is_readable) {
        return false;
    }
    const std::size_t kept = connection.filled - connection.parsed;
    std::memmove(connection.input.data(), connection.input.data() + connection.parsed, kept);
    connection.parsed = 0;
    connection.filled = kept;
    const std::size_t room = connection.input.size() - kept;
    const ssize_t count = recv(connection.fd, connection.input.data() + kept, room, 0);
    if (count <= 0) {
        if (count == 0 || errno != EAGAIN) {
            close_connection(connection);  // the end, a reset, or a head that does not fit
        }
        connection.is_readable = false;
        return false;
    }
    connection.filled += static_cast<std::size_t>(count);
    connection.is_readable = static_cast<std::size_t>(count) == room;
    return true;
}

void serve(Connection& connection, const Replies& replies) {
    while (flush(connection)) {
        if (!answer(connection, replies) && !fill(connection)) {
            return;
        }
    }
}

void accept_one(int epoll,
                int listener,
                const Replies& replies,
                std::vector<std::unique_ptr<Connection>>& connections) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    const auto index = static_cast<std::size_t>(fd);
    if (index >= connections.size()) {
        connections.resize(index + 1);
    }
    if (connections[index] == nullptr) {
        connections[index] = std::make_unique<Connection>();
    }
    Connection& connection = *connections[index];
    connection.fd = fd;
    connection.is_readable = true;
    connection.has_nodelay = false;
    connection.parsed = connection.filled = 0;
    connection.reply = nullptr;
    connection.file_left = 0;
    serve(connection, replies);
    if (connection.fd < 0) {
        return;  // served and closed: epoll never hears of it
    }
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                      .data = {.ptr = &connection}};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        close_connection(connection);
    }
}

int listen_on(std::uint16_t port) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
        die("bind");
    }
    if (listen(listener, 511) < 0) {
        die("listen");
    }
    return listener;
}

[[noreturn]] void run(int listener, const Replies& replies) {
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_event accepting{.events = EPOLLIN, .data = {.ptr = nullptr}};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &accepting) < 0) {
        die("epoll");
    }
    std::vector<std::unique_ptr<Connection>> connections;
    std::array<epoll_event, 256> events;
    for (;;) {
        const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int index = 0; index < count; ++index) {
            const epoll_event& event = events[static_cast<std::size_t>(index)];
            if (event.data.ptr == nullptr) {
                accept_one(epoll, listener, replies, connections);
                continue;
            }
            Connection& connection = *static_cast<Connection*>(event.data.ptr);
            if (connection.fd < 0) {
                continue;
            }
            connection.is_readable |= (event.events & ~std::uint32_t{EPOLLOUT}) != 0;
            serve(connection, replies);
        }
    }
}

}  // namespace

int main(int count, char** arguments) {
    const std::optional<std::size_t> port = count > 1 ? to_number(arguments[1]) : std::nullopt;
    if (!port || *port > 65535) {
        std::fputs("usage: floor PORT [PREFIX=STATUS:BYTES[:close]]...\n", stderr);
        return 2;
    }
    std::vector<std::string_view> texts(arguments + 2, arguments + count);
    if (texts.empty()) {
        texts.assign(kDefaultReplies.begin(), kDefaultReplies.end());
    }
    Replies replies;
    for (const std::string_view text : texts) {
        std::optional<Reply> reply = parse_reply(text);
        if (!reply) {
            std::fprintf(stderr, "floor: expected PREFIX=STATUS:BYTES[:close], got \"%s\"\n",
                         text.data());
            return 2;
        }
        replies.push_back(std::move(*reply));
    }
    replies.push_back(make_reply("", "404", 153, false));
    std::signal(SIGPIPE, SIG_IGN);  // sendfile has no MSG_NOSIGNAL
    run(listen_on(static_cast<std::uint16_t>(*port)), replies);
}
