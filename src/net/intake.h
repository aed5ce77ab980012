// SPDX-License-Identifier: BSD-2-Clause
// Intake: a listening socket that this worker takes from: connections (Acceptor), or what a
// protocol of datagrams makes of it. Destroying it ends the taking; the socket lives on in the
// master. Runs in: worker.
#pragma once

namespace sluice::net {

class Intake {
  public:
    virtual ~Intake() = default;
    /// Takes what waits in the queue now, at most `limit` connections or datagrams.
    virtual void drain(unsigned limit) = 0;
};

}  // namespace sluice::net
