// SPDX-License-Identifier: BSD-2-Clause
// Listener: one socket that datagrams come to, and through which its sessions answer. It is held
// as long as the worker takes from it or a session answers through it.
// Runs in: worker.
#pragma once

#include <cstddef>

#include "base/list.h"
#include "base/units.h"
#include "conf/generation.h"
#include "event/pollable.h"
#include "net/address.h"
#include "net/datagram.h"
#include "net/intake.h"
#include "proto/stream/site.h"
#include "sys/unique_fd.h"

namespace sluice::dgram {

class Dgram;

struct ListenerHook : ListHook {};

/// Listeners whose output is not empty are in a list of their own.
struct DirtyHook : ListHook {};

/// Owner: Dgram.
struct Listener : event::Pollable, ListenerHook, DirtyHook {
    Listener(Dgram& the_protocol, ListenerId the_id, sys::UniqueFd the_socket);

    Dgram& protocol;
    ListenerId id;
    sys::UniqueFd socket;
    net::Address address;                ///< that it is bound to
    net::DatagramOutput output;          ///< to clients
    conf::GenerationRef generation;      ///< the last one that named it; new sessions begin on it
    const stream::Port* port = nullptr;  ///< there
    std::size_t sessions = 0;            ///< that answer through it
    std::size_t last_count = 0;          ///< datagrams that came the last time
    bool is_taking = true;               ///< the worker takes what comes
};

/// What the worker holds of it.
class ListenerIntake final : public net::Intake {
  public:
    explicit ListenerIntake(Listener& listener) : listener_(listener) {}

    ~ListenerIntake() override;
    ListenerIntake(const ListenerIntake&) = delete;
    ListenerIntake& operator=(const ListenerIntake&) = delete;

    void drain(unsigned limit) override;

  private:
    Listener& listener_;
};

}  // namespace sluice::dgram
