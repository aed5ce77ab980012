// SPDX-License-Identifier: BSD-2-Clause
// ResolverWire: a c-ares channel whose sockets and deadlines are those of the loop. It reads none of
// the machine's files.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/units.h"
#include "event/loop.h"
#include "net/address.h"

struct ares_channeldata;

namespace sluice::upstream {

class ResolverWire {
  public:
    /// An answer's status as ares.h has it, and its bytes; may be called from inside ask().
    using Answered = void (*)(void* arg, int status, int timeouts, unsigned char* bytes, int size);

    explicit ResolverWire(event::Loop& loop) : loop_(loop) {}

    /// Calls every `answered` that is due, with ARES_EDESTRUCTION.
    ~ResolverWire();
    ResolverWire(const ResolverWire&) = delete;
    ResolverWire& operator=(const ResolverWire&) = delete;

    /// False: no memory. `servers` are asked in turn.
    [[nodiscard]] bool start(std::span<const net::Address> servers);
    /// Asks for the records of `type` of `name`.
    void ask(const std::string& name, std::uint16_t type, Answered answered, void* arg);

  private:
    struct Socket : event::Pollable {
        ResolverWire* wire = nullptr;
        std::uint32_t events = 0;
    };

    struct Deadline : event::Timer {
        ResolverWire* wire = nullptr;
    };

    void on_socket(int fd, bool wants_read, bool wants_write);
    void process(int read_fd, int write_fd);
    void set_deadline();

    event::Loop& loop_;
    ares_channeldata* channel_ = nullptr;
    std::vector<std::unique_ptr<Socket>> sockets_;
    std::vector<std::unique_ptr<Socket>> dead_;  ///< closed while c-ares was at work with them
    Deadline deadline_;
};

}  // namespace sluice::upstream
