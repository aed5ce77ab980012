// SPDX-License-Identifier: BSD-2-Clause
// Pollable: one descriptor and the one function that is called when the kernel says something about
// it. No virtual call: the function casts back to the type that derives from Pollable.
// Runs in: any.
#pragma once

#include <cstdint>

namespace sluice::event {

/// What a Loop watches. Derive from it, set both members, pass it to Loop::watch.
/// Lives: from watch() to forget(); the Loop keeps its address, so it must not move meanwhile.
struct Pollable {
    /// `events` is a set of EPOLL* bits. The callee may forget and destroy any Pollable, itself
    /// too.
    using OnReady = void (*)(Pollable&, std::uint32_t events);

    int fd = -1;  ///< not owned here
    OnReady on_ready = nullptr;
};

}  // namespace sluice::event
