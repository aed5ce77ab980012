// SPDX-License-Identifier: BSD-2-Clause
// The control socket, both ends.
// Runs in: master; ask() in the command line.
#include "master/control_socket.h"

#include <array>
#include <fcntl.h>
#include <sys/epoll.h>
#include <utility>

#include "net/address.h"
#include "sys/clock.h"
#include "sys/epoll.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/socket.h"

namespace sluice::master {

namespace {

constexpr std::size_t kMaxRequest = 64;
constexpr std::string_view kReload = "reload\n";
constexpr std::string_view kLogs = "logs\n";
constexpr std::string_view kConfiguration = "configuration\n";

Result<net::Address> unix_address(const std::string& path) {
    const std::optional<net::Address> address = net::Address::parse("unix:" + path);
    if (!address) {
        return fail("path of the control socket", ENAMETOOLONG);
    }
    return *address;
}

}  // namespace

std::string control_path(const std::string& pid_path) {
    return pid_path + ".ctl";
}

ControlSocket::ControlSocket(event::Loop& loop, const Answers& answers)
    : loop_(loop), answers_(answers) {
    asking_.owner = this;
    asking_.run = [](event::Posted& posted) {
        static_cast<Asking&>(posted).owner->ask_questions();
    };
}

ControlSocket::~ControlSocket() {
    close();
}

Result<> ControlSocket::open(const std::string& path) {
    const net::Address address = TRY(unix_address(path));
    sys::UniqueFd socket = TRY(sys::socket(AF_UNIX, SOCK_STREAM));
    if (const auto old = sys::file_info_at(AT_FDCWD, path.c_str(), false);
        old && old->is_socket()) {
        TRY(sys::unlink(path.c_str()));
    }
    TRY(sys::bind(socket.get(), address.raw(), address.size()));
    path_ = path;
    TRY(sys::change_mode(path.c_str(), 0600));  // before listen: nobody was let in yet
    TRY(sys::listen(socket.get(), 16));
    socket_ = std::move(socket);
    listener_.owner = this;
    listener_.fd = socket_.get();
    listener_.on_ready = [](event::Pollable& pollable, std::uint32_t) {
        static_cast<Listener&>(pollable).owner->accept_all();
    };
    return loop_.watch(listener_, EPOLLIN);
}

Result<> ControlSocket::move_to(const std::string& path) {
    if (!socket_.is_open() || path == path_) {
        return {};
    }
    TRY(sys::rename(path_.c_str(), path.c_str()));
    path_ = path;
    return {};
}

void ControlSocket::close() {
    while (!clients_.empty()) {
        drop(*clients_.front());
    }
    if (socket_.is_open()) {
        loop_.forget(listener_);
        socket_.reset();
        static_cast<void>(sys::unlink(path_.c_str()));
    }
}

void ControlSocket::accept_all() {
    for (;;) {
        Result<sys::UniqueFd> socket = sys::accept(socket_.get(), nullptr, nullptr);
        if (!socket) {
            return;
        }
        const Result<sys::PeerCredentials> peer = sys::peer_credentials(socket->get());
        const bool is_trusted = peer && (peer->uid == 0 || peer->uid == sys::own_uid());
        if (!is_trusted || clients_.size() >= kMaxClients) {
            continue;
        }
        auto client = std::make_unique<Client>();
        client->owner = this;
        client->socket = std::move(*socket);
        client->fd = client->socket.get();
        client->on_ready = [](event::Pollable& pollable, std::uint32_t events) {
            auto& self = static_cast<Client&>(pollable);
            self.owner->serve(self, events);
        };
        client->fire = [](event::Timer& timer) {
            auto& self = static_cast<Client&>(timer);
            self.owner->drop(self);
        };
        if (loop_.watch(*client, EPOLLIN)) {
            loop_.arm(*client, kClientLimit);
            clients_.push_back(std::move(client));
        }
    }
}

void ControlSocket::serve(Client& client, std::uint32_t events) {
    if (client.has_reply) {
        return write_reply(client);
    }
    // Waiting for the outcome: the client only has to stay.
    if ((client.run || client.has_question) && (events & (EPOLLHUP | EPOLLERR)) != 0) {
        return drop(client);
    }
    read_request(client);
}

void ControlSocket::read_request(Client& client) {
    std::array<char, kMaxRequest> bytes{};
    const Result<sys::Transfer> got = sys::recv(client.socket.get(), bytes);
    if (!got || got->is_end) {
        return drop(client);
    }
    if (got->is_blocked) {
        return;
    }
    client.request.append(bytes.data(), got->size);
    if (client.run || client.has_question || client.request.size() > kMaxRequest) {
        return drop(client);
    }
    if (!client.request.ends_with('\n')) {
        return;
    }
    if (client.request == kLogs) {
        return hand_out(client, {.fd = log_fd_, .text = std::to_string(sys::own_pid())});
    }
    if (client.request == kConfiguration && answers_.on_configuration != nullptr) {
        return hand_out(client, answers_.on_configuration(answers_.owner));
    }
    if (client.request != kReload) {
        client.request.pop_back();
        client.has_question = true;
        return ask_again();
    }
    client.run = answers_.on_reload(answers_.owner);
    if (!client.run) {
        return reply_with(client, "error\nthis master is stopping or being replaced\n");
    }
}

void ControlSocket::reply_with(Client& client, std::string text) {
    client.reply = std::move(text);
    client.has_reply = true;
    write_reply(client);
}

/// The answer is short and the first on its socket: it is sent at once or not at all.
void ControlSocket::hand_out(Client& client, const Handout& what) {
    // A second opening of the memfd that allows no writing.
    const std::string own = "/proc/self/fd/" + std::to_string(what.fd);
    const Result<sys::UniqueFd> fd = sys::open(own.c_str(), O_RDONLY);
    if (!fd) {
        return reply_with(client, "error\nthe shared memory cannot be opened for reading\n");
    }
    const std::string text = "ok " + what.text + "\n";
    const int passed = fd->get();
    static_cast<void>(sys::send_with_fds(client.socket.get(), text, {&passed, 1}));
    drop(client);
}

void ControlSocket::answer(std::uint64_t run, const std::string& text) {
    for (auto at = clients_.begin(); at != clients_.end();) {
        Client& client = **at;
        ++at;  // write_reply may drop the client
        if (client.run == run && !client.has_reply) {
            reply_with(client, text);
        }
    }
}

void ControlSocket::ask_again() {
    if (!asking_.is_linked()) {
        loop_.post(asking_);
    }
}

void ControlSocket::ask_questions() {
    for (auto at = clients_.begin(); at != clients_.end();) {
        Client& client = **at;
        ++at;  // write_reply may drop the client
        if (!client.has_question || client.has_reply) {
            continue;
        }
        if (auto answer = answers_.on_question(answers_.owner, client.request); answer) {
            client.reply = std::move(*answer);
            client.has_reply = true;
            write_reply(client);
        }
    }
}

void ControlSocket::write_reply(Client& client) {
    while (!client.reply.empty()) {
        const Result<sys::Transfer> sent = sys::send(client.socket.get(), client.reply);
        if (!sent) {
            return drop(client);
        }
        if (sent->is_blocked) {
            if (!loop_.modify(client, EPOLLOUT)) {
                drop(client);
            }
            return;
        }
        client.reply.erase(0, sent->size);
    }
    drop(client);
}

void ControlSocket::drop(Client& client) {
    loop_.forget(client);
    clients_.remove_if([&](const auto& one) { return one.get() == &client; });
}

Result<std::string> ask(const std::string& path, const std::string& request, Millis limit) {
    Answer answer = TRY(ask_for_fd(path, request, limit));
    return std::move(answer.text);
}

Result<Answer> ask_for_fd(const std::string& path, const std::string& request, Millis limit) {
    const net::Address address = TRY(unix_address(path));
    const sys::UniqueFd socket = TRY(sys::socket(AF_UNIX, SOCK_STREAM));
    TRY(sys::connect(socket.get(), address.raw(), address.size()));
    TRY(sys::send(socket.get(), request));
    const sys::UniqueFd epoll = TRY(sys::epoll_create());
    TRY(sys::epoll_add(epoll.get(), socket.get(), EPOLLIN, nullptr));
    const Millis deadline = sys::monotonic_now() + limit;
    Answer answer;
    std::array<char, 4096> bytes{};
    for (;;) {
        std::array<sys::UniqueFd, 1> fds;
        const sys::ReceivedFds got = TRY(sys::recv_with_fds(socket.get(), bytes, fds));
        if (got.transfer.is_end) {
            return answer;
        }
        if (got.count > 0) {
            answer.fd = std::move(fds[0]);
        }
        answer.text.append(bytes.data(), got.transfer.size);
        const Millis left = deadline - sys::monotonic_now();
        if (left.count() <= 0) {
            return fail("waiting for the master", ETIMEDOUT);
        }
        std::array<epoll_event, 1> events{};
        TRY(sys::epoll_wait(epoll.get(), events, left));
    }
}

}  // namespace sluice::master
