// SPDX-License-Identifier: BSD-2-Clause
// Channel over SOCK_SEQPACKET: one record is one message, whole or not at all.
// Runs in: master, worker, logger.
#include "ipc/channel.h"

#include <array>
#include <cerrno>
#include <utility>

#include "sys/file.h"
#include "sys/socket.h"

namespace sluice::ipc {

Result<ChannelEnds> open_channel() {
    sys::SocketPair pair = TRY(sys::socketpair(SOCK_SEQPACKET));
    return ChannelEnds{std::move(pair.first), std::move(pair.second)};
}

Result<> Channel::send(const Message& message, std::span<const int> fds) {
    if (!socket_.is_open()) {
        return fail("send on a closed channel", EPIPE);
    }
    if (!fds_fit(message, fds.size())) {
        return fail("descriptors beside a message", EINVAL);
    }
    std::string bytes = encode(message);
    if (!pending_.empty()) {
        return keep(std::move(bytes), fds);
    }
    const Result<sys::Transfer> sent = sys::send_with_fds(socket_.get(), bytes, fds);
    if (!sent) {
        // The kernel counts descriptors in flight per user; that too passes when the peer reads.
        return sent.error().code == ETOOMANYREFS ? keep(std::move(bytes), fds)
                                                 : std::unexpected(sent.error());
    }
    return sent->is_blocked ? keep(std::move(bytes), fds) : Result<>{};
}

Result<> Channel::keep(std::string bytes, std::span<const int> fds) {
    if (pending_.size() >= kMaxPending) {
        return fail("pending messages", ENOBUFS);
    }
    Pending pending{std::move(bytes), {}};
    pending.fds.reserve(fds.size());
    for (const int fd : fds) {
        pending.fds.push_back(TRY(sys::duplicate(fd)));
    }
    pending_.push_back(std::move(pending));
    return {};
}

Result<> Channel::flush() {
    while (!pending_.empty()) {
        const Pending& next = pending_.front();
        std::array<int, kMaxFds> fds{};
        for (std::size_t i = 0; i < next.fds.size(); ++i) {
            fds[i] = next.fds[i].get();
        }
        const Result<sys::Transfer> sent = sys::send_with_fds(
            socket_.get(), next.bytes, std::span<const int>(fds.data(), next.fds.size()));
        if (!sent && sent.error().code != ETOOMANYREFS) {
            return std::unexpected(sent.error());
        }
        if (!sent || sent->is_blocked) {
            return {};
        }
        pending_.pop_front();
    }
    return {};
}

Result<Reception> Channel::receive() {
    if (!socket_.is_open()) {
        return Reception{.received = std::nullopt, .is_end = true};
    }
    std::array<char, kMaxMessage> buffer;  // filled as far as the kernel says
    std::array<sys::UniqueFd, kMaxFds> fds;
    const Result<sys::ReceivedFds> got = sys::recv_with_fds(socket_.get(), buffer, fds);
    if (!got) {
        // The peer died with unread messages of ours in its socket.
        if (got.error().code == ECONNRESET) {
            return Reception{.received = std::nullopt, .is_end = true};
        }
        return std::unexpected(got.error());
    }
    if (got->transfer.is_blocked) {
        return Reception{};
    }
    if (got->transfer.is_end) {
        return Reception{.received = std::nullopt, .is_end = true};
    }
    std::optional<Message> message =
        decode(std::span<const char>(buffer.data(), got->transfer.size), peer_);
    if (got->is_truncated || !message || !fds_fit(*message, got->count)) {
        return fail("message of a peer process", EPROTO);
    }
    Received received{std::move(*message), {}};
    received.fds.reserve(got->count);
    for (std::size_t i = 0; i < got->count; ++i) {
        received.fds.push_back(std::move(fds[i]));
    }
    return Reception{.received = std::move(received), .is_end = false};
}

void Channel::close() {
    socket_.reset();
    pending_.clear();
}

}  // namespace sluice::ipc
