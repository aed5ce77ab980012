// SPDX-License-Identifier: BSD-2-Clause
// Datagrams by the batch, and what travels beside them: the address of ours that one came to, and
// how several of one size are passed to or from the kernel as one (GRO, GSO).
// Runs in: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/socket.h>

#include "base/error.h"

namespace sluice::sys {

/// What comes, or goes, beside a datagram.
struct DatagramNotes {
    /// Of `local`: AF_INET, AF_INET6, or AF_UNSPEC where nothing is told.
    sa_family_t family = AF_UNSPEC;
    /// Bytes of each where several came, or go, as one (the last may be shorter); 0: it is just
    /// one.
    std::uint16_t segment = 0;
    /// The address of ours that it came to, or shall come from; network order, IPv4 in the first
    /// four.
    std::array<unsigned char, 16> local{};
};

/// Room for the notes of one message, aligned as cmsghdr is.
inline constexpr std::size_t kDatagramNotesRoom = 64;

/// Receives into `messages` what waits, without waiting for more. Gives how many came; 0: none.
/// An error that an earlier datagram met on its way (ECONNREFUSED …) is told once, as a failure.
[[nodiscard]] Result<std::size_t> recv_many(int fd, std::span<mmsghdr> messages);
/// Sends them in order. Gives how many went, at least one; 0: the socket's buffer is full. A
/// failure is the first one's: nothing was sent.
[[nodiscard]] Result<std::size_t> send_many(int fd, std::span<mmsghdr> messages);

/// What the kernel told beside a message that came.
[[nodiscard]] DatagramNotes read_notes(const msghdr& message);
/// Writes them into `room`; gives the bytes that were used, which may be none.
[[nodiscard]] std::size_t write_notes(std::span<char, kDatagramNotesRoom> room,
                                      const DatagramNotes& notes);

/// Asks for DatagramNotes::local of every datagram that comes to a socket of `family`.
[[nodiscard]] Result<> want_local_addresses(int fd, sa_family_t family);
/// Lets the kernel pass several datagrams of one size and sender as one.
[[nodiscard]] Result<> want_segments(int fd);

}  // namespace sluice::sys
