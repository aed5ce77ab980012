// SPDX-License-Identifier: BSD-2-Clause
// Link: one direction from one process to another, by one of the kernel's means. The benchmark
// makes a link before it forks; afterwards each process keeps its own end.
// Runs in: ipc_bench, both of its processes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace sluice::ipc_bench {

class Link {
  public:
    Link() = default;
    virtual ~Link() = default;
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    /// Called in each of the two processes before the clock runs.
    virtual void begin() {}

    /// Sends one message whole. Blocks: while the other side is behind.
    virtual void send(std::span<const char> message) = 0;
    /// Sends on what send() has held back; the sender has no more to say for now.
    virtual void flush() {}

    /// Receives one message; its size is `message`'s, as both sides agreed. Blocks: until it came.
    virtual void receive(std::span<char> message) = 0;
};

/// What the founding texts measured, in milliseconds; 0 where they give no figure.
struct TextFigures {
    double million_ms = 0;   ///< 1,000,000 messages of 1 KB
    double gigabyte_ms = 0;  ///< 1 GB as a stream
};

/// One means of communication.
struct Kind {
    std::string_view name;
    std::string_view note;  ///< how it is used here, for the table
    /// Largest message; 0: it carries no bytes and is measured by round trips only.
    std::size_t max_message = 0;
    /// `message`: size of all messages. Ends the program with a message where the kernel refuses.
    std::unique_ptr<Link> (*make)(std::size_t message) = nullptr;
    TextFigures text;
};

/// The kind that is held against the pipe.
inline constexpr std::string_view kRing = "shared ring";

inline constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

/// Every kind, in the order of the table.
[[nodiscard]] std::span<const Kind> kinds();

// The tables of each file of links.
[[nodiscard]] std::span<const Kind> lane_kinds();        ///< the server's own ring: lane_links.cpp
[[nodiscard]] std::span<const Kind> descriptor_kinds();  ///< pipes, sockets: descriptor_links.cpp
[[nodiscard]] std::span<const Kind> queue_kinds();       ///< message queues: queue_links.cpp
[[nodiscard]] std::span<const Kind> memory_kinds();      ///< shared memory: memory_links.cpp
[[nodiscard]] std::span<const Kind> signal_kinds();      ///< no bytes: signal_links.cpp

/// Lets this process's page table know every page of shared memory: no fault comes in the middle of a run.
void map_pages(std::span<char> memory);

/// Ends the process: says what was tried and errno.
[[noreturn]] void fail(std::string_view what);

/// `value`, a kernel call's result, where it is not -1; otherwise fail(what).
template <class T>
T must(T value, std::string_view what) {
    if (value == static_cast<T>(-1)) {
        fail(what);
    }
    return value;
}

}  // namespace sluice::ipc_bench
