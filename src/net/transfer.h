// SPDX-License-Identifier: BSD-2-Clause
// The transfer chooser: by which of the kernel's means bytes go to a socket, and the sizes at which
// one becomes cheaper than the other. One table for the whole server; `ipc_bench --calibrate`
// measures the same sizes on the machine at hand and prints them beside these.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::net {

/// How bytes get from where they are to a socket.
enum class Means : std::uint8_t {
    Memory,    ///< send or writev from memory: one copy, no second system call for the head
    Sendfile,  ///< from the page cache; the head goes before it with MSG_MORE
    Splice,    ///< from socket to socket through a pipe, never in our memory
    Window,    ///< a bounded part of a file at a time, for bytes that have to be looked at
};

/// Where bytes are before they are sent.
enum class Source : std::uint8_t { Memory, File, Socket };

/// Sizes in bytes. Read on two of this project's machines (ratios; `ipc_bench --calibrate`).
struct TransferTable {
    /// Files up to this size are kept in memory and leave in one call with their head: sendfile's
    /// extra call costs more than the copy. From 32 KiB on sendfile wins clearly.
    std::size_t memory_file = 16 * 1024;
    /// Bodies up to this size are copied behind their head: cheaper than a second piece of writev.
    std::size_t copied_body = 8 * 1024;
    /// A relay moves chunks from this size on by splice. Below, recv and send through a buffer that
    /// stays in the processor's cache are cheaper: ping-pong of 16, 32 and 64 KiB by 11, 23 and 24 %.
    std::size_t splice_from = 64 * 1024 + 64;
    /// Most of a file that is in memory at a time where it cannot be sent as it is, per request. Larger
    /// pieces save no time, and a thousand slow clients would hold them.
    std::size_t window = 64 * 1024;
};

inline constexpr TransferTable kTransferTable{};

/// What is known of a transfer when its means is chosen.
struct Transfer {
    Source source = Source::Memory;
    std::size_t size = 0;         ///< of the whole file, or of the chunk that a relay found
    bool is_transformed = false;  ///< encrypted or compressed on its way: the bytes must be seen
};

/// The cheapest means that can carry `transfer`.
[[nodiscard]] constexpr Means choose_means(const Transfer& transfer,
                                           const TransferTable& table = kTransferTable) {
    switch (transfer.source) {
        case Source::Memory:
            return Means::Memory;
        case Source::File:
            if (transfer.size <= table.memory_file) {
                return Means::Memory;
            }
            return transfer.is_transformed ? Means::Window : Means::Sendfile;
        case Source::Socket:
            return transfer.is_transformed || transfer.size < table.splice_from ? Means::Memory
                                                                                : Means::Splice;
    }
    return Means::Memory;
}

/// The means' name, for reports.
[[nodiscard]] constexpr std::string_view name_of(Means means) {
    constexpr std::string_view kNames[] = {"memory", "sendfile", "splice", "window"};
    return kNames[static_cast<std::size_t>(means)];
}

}  // namespace sluice::net
