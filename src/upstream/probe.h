// SPDX-License-Identifier: BSD-2-Clause
// Probe: one check of one peer: connect, send, read until the judge has heard enough.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/units.h"
#include "event/loop.h"
#include "net/address.h"
#include "sys/unique_fd.h"
#include "upstream/check_spec.h"

namespace sluice::upstream {

class Probe : private event::Pollable, private event::Timer {
  public:
    /// Called once per start(), never from inside it. `why` tells what was being done, in log
    /// lines; empty where the check passed. With a trouble() the peer was not asked, and there is
    /// no verdict. The Probe may be started again there, not destroyed.
    using Done = void (*)(void* owner, std::string_view why);

    Probe(event::Loop& loop, const CheckSpec& spec, void* owner, Done done);
    ~Probe();
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;

    void start(const net::Address& address);
    /// Ends a check without a verdict.
    void cancel();

    [[nodiscard]] bool is_running() const { return state_ != State::Idle; }

    /// Why this process could not ask (no descriptor, no memory); code 0: it could.
    [[nodiscard]] const Error& trouble() const { return trouble_; }

  private:
    enum class State : std::uint8_t {
        Idle,
        Connecting,
        Sending,
        Reading,
        Ended,  ///< the verdict is posted
    };

    struct Verdict : event::Posted {
        Probe* probe = nullptr;
    };

    [[nodiscard]] Result<> open(const net::Address& address);
    void advance();
    [[nodiscard]] bool check_connected();
    void send_more();
    void read_more();
    void judge(bool is_end);
    void on_timeout();
    void end(std::string_view why);

    event::Loop& loop_;
    const CheckSpec& spec_;
    void* owner_;
    Done done_;
    State state_ = State::Idle;
    sys::UniqueFd socket_;
    std::size_t sent_ = 0;
    std::string answer_;
    std::string_view why_;
    Error trouble_;
    Verdict verdict_;
};

}  // namespace sluice::upstream
