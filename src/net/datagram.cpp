// SPDX-License-Identifier: BSD-2-Clause
// Batches of datagrams in and out.
// Runs in: worker.
#include "net/datagram.h"

#include <algorithm>
#include <cstring>

#include "base/bug.h"
#include "sys/socket.h"

namespace sluice::net {

// ---- in ----

bool DatagramInput::prepare() {
    if (memory_ == nullptr) {
        memory_ = BufferPool::allocate(kSlots * kSlotSize);
    }
    return memory_ != nullptr;
}

Result<std::size_t> DatagramInput::receive(int fd, std::size_t most, DatagramWants wants) {
    BUG_UNLESS(most <= room(), "more datagrams are asked for than there is room");
    if (!prepare()) {
        return fail("malloc()", ENOMEM);
    }
    for (std::size_t i = held_; i < held_ + most; ++i) {
        pieces_[i] = {memory_.get() + i * kSlotSize, 64 * 1024};
        messages_[i].msg_hdr = {
            .msg_name = wants.sender ? &senders_[i] : nullptr,
            .msg_namelen = wants.sender ? static_cast<socklen_t>(sizeof senders_[i]) : 0,
            .msg_iov = &pieces_[i],
            .msg_iovlen = 1,
            .msg_control = wants.notes ? notes_[i].data() : nullptr,
            .msg_controllen = wants.notes ? notes_[i].size() : 0,
            .msg_flags = 0,
        };
    }
    return sys::recv_many(fd, std::span(messages_).subspan(held_, most));
}

Datagram DatagramInput::at(std::size_t index) const {
    const std::size_t slot = held_ + index;
    const mmsghdr& message = messages_[slot];
    Datagram out{.bytes = {static_cast<const char*>(pieces_[slot].iov_base), message.msg_len},
                 .segment = message.msg_len,
                 .from = message.msg_hdr.msg_name == nullptr ? nullptr : &senders_[slot],
                 .from_size = message.msg_hdr.msg_namelen,
                 .notes = sys::read_notes(message.msg_hdr),
                 .is_cut = (message.msg_hdr.msg_flags & MSG_TRUNC) != 0};
    if (out.notes.segment != 0) {
        out.segment = out.notes.segment;
    }
    return out;
}

// ---- out ----

void DatagramOutput::send(std::string_view bytes,
                          std::size_t segment,
                          const DatagramTarget& target) {
    if (segment == 0 || bytes.size() <= segment) [[likely]] {
        return add(bytes, bytes.size(), 1, target);
    }
    const std::size_t count = (bytes.size() + segment - 1) / segment;
    if (may_segment_ && segment <= kLargestSegment && count <= kMostSegments &&
        bytes.size() <= kMostBytes) {
        return add(bytes, segment, count, target);
    }
    for (; !bytes.empty(); bytes.remove_prefix(std::min(segment, bytes.size()))) {
        const std::string_view one = bytes.substr(0, segment);
        add(one, one.size(), 1, target);
    }
}

void DatagramOutput::send_copy(std::string_view bytes, const DatagramTarget& target) {
    if (bytes.size() > kTextRoom) {
        send(bytes, bytes.size(), target);
        return send_all();
    }
    if (text_used_ + bytes.size() > kTextRoom) {
        send_all();
    }
    char* const at = text_.data() + text_used_;
    std::ranges::copy(bytes, at);
    text_used_ += bytes.size();
    send({at, bytes.size()}, bytes.size(), target);
}

bool DatagramOutput::joins(std::string_view bytes,
                           std::size_t segment,
                           std::size_t count,
                           const DatagramTarget& target) const {
    if (message_count_ == 0 || !may_segment_ || bytes.empty()) {
        return false;
    }
    const std::size_t last = message_count_ - 1;
    const Message& message = messages_[last];
    const bool fits = segment == message.segment || (count == 1 && bytes.size() < message.segment);
    if (!fits || message.is_closed || message.segment > kLargestSegment || message.segment == 0 ||
        message.count + count > kMostSegments || message.bytes + bytes.size() > kMostBytes) {
        return false;
    }
    return target_sizes_[last] == target.size && message.notes.family == target.notes.family &&
           message.notes.local == target.notes.local &&
           (target.size == 0 || std::memcmp(&targets_[last], target.address, target.size) == 0);
}

void DatagramOutput::add(std::string_view bytes,
                         std::size_t segment,
                         std::size_t count,
                         const DatagramTarget& target) {
    if (piece_count_ < kPieces && joins(bytes, segment, count, target)) {
        return append_piece(messages_[message_count_ - 1], bytes, count);
    }
    if (message_count_ == kMessages || piece_count_ == kPieces) {
        send_all();
    }
    const std::size_t index = message_count_++;
    target_sizes_[index] = target.size;
    if (target.size != 0) {
        std::memcpy(&targets_[index], target.address, target.size);
    }
    Message& message = messages_[index];
    message = {.first_piece = piece_count_, .segment = segment, .notes = target.notes};
    append_piece(message, bytes, count);
}

void DatagramOutput::append_piece(Message& message, std::string_view bytes, std::size_t count) {
    // The kernel does not write to what it sends.
    pieces_[piece_count_++] = {const_cast<char*>(bytes.data()), bytes.size()};
    ++message.pieces;
    message.bytes += bytes.size();
    message.count += count;
    message.is_closed = message.bytes != message.count * message.segment;
}

DatagramOutcome DatagramOutput::flush() {
    send_all();
    const DatagramOutcome out = outcome_;
    outcome_ = {};
    return out;
}

void DatagramOutput::send_all() {
    if (message_count_ == 0 || (message_count_ == 1 && send_single())) {
        message_count_ = piece_count_ = text_used_ = 0;
        return;
    }
    for (std::size_t i = 0; i < message_count_; ++i) {
        write_header(i);
    }
    bool is_retry = false;
    for (std::size_t done = 0; done < message_count_;) {
        const auto rest = std::span(headers_).subspan(done, message_count_ - done);
        const Result<std::size_t> sent = sys::send_many(fd_, rest);
        if (sent && *sent > 0) {
            done += *sent;
            is_retry = false;
            continue;
        }
        if (sent) {  // full: what does not fit is lost, as datagrams are
            for (; done < message_count_; ++done) {
                note_loss(messages_[done].count, Error{"sendmmsg()", EAGAIN});
            }
            break;
        }
        if (messages_[done].count > 1) {
            send_apart(done++);
            continue;
        }
        // On a connected socket the error may be an earlier datagram's, told now instead of
        // sending.
        if (target_sizes_[done] == 0 && !is_retry) {
            note_loss(0, sent.error());
            is_retry = true;
            continue;
        }
        note_loss(1, sent.error());
        is_retry = false;
        ++done;
    }
    message_count_ = piece_count_ = text_used_ = 0;
}

/// One datagram to where the socket is connected to: the cheapest call. False: it did not go.
bool DatagramOutput::send_single() {
    const Message& message = messages_[0];
    if (message.pieces != 1 || message.count != 1 || target_sizes_[0] != 0 ||
        message.notes.family != AF_UNSPEC) {
        return false;
    }
    const auto* const bytes = static_cast<const char*>(pieces_[0].iov_base);
    const Result<sys::Transfer> sent = sys::send(fd_, {bytes, pieces_[0].iov_len});
    if (!sent) {
        note_loss(0, sent.error());
        return false;
    }
    return !sent->is_blocked;
}

void DatagramOutput::write_header(std::size_t index) {
    const Message& message = messages_[index];
    msghdr& header = headers_[index].msg_hdr;
    header = {};
    if (target_sizes_[index] != 0) {
        header.msg_name = &targets_[index];
        header.msg_namelen = target_sizes_[index];
    }
    header.msg_iov = &pieces_[message.first_piece];
    header.msg_iovlen = message.pieces;
    if (message.count == 1 && message.notes.family == AF_UNSPEC) [[likely]] {
        return;
    }
    sys::DatagramNotes notes = message.notes;
    notes.segment =
        message.count > 1 ? static_cast<std::uint16_t>(message.segment) : std::uint16_t{0};
    header.msg_control = notes_[index].data();
    header.msg_controllen = sys::write_notes(notes_[index], notes);
}

/// The kernel, the device or the link does not take several as one: they go one by one, and so do
/// all that follow.
void DatagramOutput::send_apart(std::size_t index) {
    may_segment_ = false;
    const Message message = messages_[index];
    sys::DatagramNotes notes = message.notes;
    notes.segment = 0;
    mmsghdr& header = headers_[index];
    header.msg_hdr.msg_controllen = sys::write_notes(notes_[index], notes);
    for (std::size_t i = 0; i < message.pieces; ++i) {
        const iovec whole = pieces_[message.first_piece + i];
        for (std::size_t at = 0; at < whole.iov_len; at += message.segment) {
            iovec one{static_cast<char*>(whole.iov_base) + at,
                      std::min(message.segment, whole.iov_len - at)};
            header.msg_hdr.msg_iov = &one;
            header.msg_hdr.msg_iovlen = 1;
            const Result<std::size_t> sent = sys::send_many(fd_, {&header, 1});
            if (!sent || *sent == 0) {
                note_loss(1, sent ? Error{"sendmmsg()", EAGAIN} : sent.error());
            }
        }
    }
}

void DatagramOutput::note_loss(std::size_t count, const Error& error) {
    outcome_.lost += count;
    if (outcome_.error.code == 0) {
        outcome_.error = error;
    }
}

}  // namespace sluice::net
