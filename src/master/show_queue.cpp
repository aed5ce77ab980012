// SPDX-License-Identifier: BSD-2-Clause
// Reading a log out of a message queue. What is taken is gone from it: two readers share the lines.
// Runs in: any (the command line).
#include "master/show_queue.h"

#include <fcntl.h>
#include <string>

#include "log/level.h"
#include "log/log.h"
#include "master/pause.h"
#include "sys/message_queue.h"

namespace sluice::master {

namespace {

constexpr Millis kLook{1'000};

/// The lowest priority that `level` and graver ones are sent with; nothing: no such level.
std::optional<unsigned> least_priority(const std::string& level) {
    constexpr auto kLeast = static_cast<unsigned>(log::Level::Debug);
    if (level.empty()) {
        return 0U;
    }
    const std::optional<log::Level> found = log::level_named(level);
    return found ? std::optional(kLeast - static_cast<unsigned>(*found)) : std::nullopt;
}

/// Prints what waits in the queue, `left` messages at most. True: the queue is empty; otherwise no
/// more is wanted, or nobody reads what is printed, or the queue cannot be read.
bool drain(int queue, std::span<char> room, unsigned least, std::uint64_t& left) {
    while (left != 0) {
        unsigned priority = 0;
        const Result<sys::Transfer> got = sys::queue_receive(queue, room, &priority);
        if (!got) {
            complain(fmt::format("{}", log::Failure{got.error()}));
            return false;
        }
        if (got->is_blocked) {
            return true;
        }
        if (priority < least) {
            continue;
        }
        std::string line(room.data(), got->size);
        if (!line.ends_with('\n')) {
            line += '\n';
        }
        if (!sys::write_all(1, line)) {
            return false;
        }
        --left;
    }
    return false;
}

}  // namespace

int show_queue(const LogWishes& wishes) {
    const std::optional<unsigned> least = least_priority(wishes.level);
    if (!least) {
        complain("invalid level \"" + wishes.level + "\"");
        return 1;
    }
    const Result<sys::UniqueFd> queue = sys::queue_open(wishes.queue.c_str(), O_RDONLY);
    const Result<sys::QueueLimits> limits =
        queue ? sys::queue_limits(queue->get()) : std::unexpected(queue.error());
    if (!limits) {
        complain(fmt::format("{}", log::Failure{limits.error(), "\"" + wishes.queue + "\""}));
        return 1;
    }
    std::string room(static_cast<std::size_t>(limits->message_bytes), '\0');
    std::uint64_t left = wishes.last < 0 ? UINT64_MAX : static_cast<std::uint64_t>(wishes.last);
    Pause pause;
    if (!pause.open(queue->get())) {
        complain("no descriptors to wait with");
        return 1;
    }
    while (drain(queue->get(), room, *least, left) && wishes.follows && pause.wait(kLook)) {
    }
    return 0;
}

}  // namespace sluice::master
