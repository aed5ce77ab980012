// SPDX-License-Identifier: BSD-2-Clause
// ControlSocket: the private Unix socket beside the pid file over which `-s reload` asks and waits
// for the outcome, and `sluice logs` gets the shared log. A request is a line: "reload\n" is answered
// by "ok <generation>\n", "logs\n" by "ok <pid>\n" with a descriptor of the shared log that allows
// reading only, "configuration\n" (`sluice diff`) likewise with the bundle in force; or "error\n" and a text, up to the end of the stream. Any other line is a question
// whether an order that came as a signal is done ("workers=8\n"), answered when it is.
// Runs in: master; ask() in the command line.
#pragma once

#include <cstdint>
#include <expected>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "event/loop.h"
#include "sys/unique_fd.h"

namespace sluice::master {

/// Path of the control socket that belongs to a pid file.
[[nodiscard]] std::string control_path(const std::string& pid_path);

class ControlSocket {
  public:
    /// Called for each request to reload; gives the number of the run that will answer it, or
    /// nothing where this master takes no orders now. The run must not begin inside the call: its
    /// answer could not be matched yet.
    using OnReload = std::optional<std::uint64_t> (*)(void* owner);
    /// Called for each other request, without its end, now and at ask_again(); gives the answer, or
    /// nothing while there is none. Never called inside the turn that read the request's connection.
    using OnQuestion = std::optional<std::string> (*)(void* owner, std::string_view question);

    /// What "configuration" is answered with.
    struct Handout {
        int fd = -1;       ///< of a memfd, stays the owner's
        std::string text;  ///< behind "ok ", one line
    };
    using OnConfiguration = Handout (*)(void* owner);

    struct Answers {
        void* owner = nullptr;
        OnReload on_reload = nullptr;
        OnQuestion on_question = nullptr;
        OnConfiguration on_configuration = nullptr;
    };

    /// Clients at a time; more are refused.
    static constexpr std::size_t kMaxClients = 64;
    static constexpr Millis kClientLimit{60'000};

    ControlSocket(event::Loop& loop, const Answers& answers);
    ~ControlSocket();

    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;

    /// Listens at `path`, mode 0600. A file that is there is replaced: the pid file beside it is
    /// ours by now.
    [[nodiscard]] Result<> open(const std::string& path);
    /// Moves the socket's file; clients that connect by the new name still reach us.
    [[nodiscard]] Result<> move_to(const std::string& path);
    /// Stops listening and removes the file if it is ours.
    void close();

    /// The shared log, which "logs" hands out; stays the caller's.
    void offer_log(int fd) { log_fd_ = fd; }

    /// Answers everybody who waits for `run`.
    void answer(std::uint64_t run, const std::string& text);
    /// Asks the open questions again in this turn.
    void ask_again();

  private:
    struct Client : event::Pollable, event::Timer {
        ControlSocket* owner = nullptr;
        sys::UniqueFd socket;
        std::string request;
        std::optional<std::uint64_t> run;
        bool has_question = false;  ///< `request` is a question without an answer yet
        std::string reply;
        bool has_reply = false;
    };

    struct Listener : event::Pollable {
        ControlSocket* owner = nullptr;
    };

    void accept_all();
    void serve(Client& client, std::uint32_t events);
    void read_request(Client& client);
    void hand_out(Client& client, const Handout& what);
    void reply_with(Client& client, std::string text);
    void write_reply(Client& client);
    void drop(Client& client);

    struct Asking : event::Posted {
        ControlSocket* owner = nullptr;
    };

    void ask_questions();

    event::Loop& loop_;
    Answers answers_;
    Asking asking_;
    int log_fd_ = -1;
    std::string path_;
    sys::UniqueFd socket_;
    Listener listener_;
    std::list<std::unique_ptr<Client>> clients_;
};

/// Sends `request` to the socket at `path` and waits for the whole answer.
/// Fails: where nobody answers there. Blocks: up to `limit`.
[[nodiscard]] Result<std::string> ask(const std::string& path,
                                      const std::string& request,
                                      Millis limit);

/// An answer that may come with a descriptor.
struct Answer {
    std::string text;
    sys::UniqueFd fd;
};

[[nodiscard]] Result<Answer> ask_for_fd(const std::string& path,
                                        const std::string& request,
                                        Millis limit);

}  // namespace sluice::master
