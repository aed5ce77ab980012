// SPDX-License-Identifier: BSD-2-Clause
// DatagramInput and DatagramOutput: datagrams by the batch. One input per worker, whose memory
// every socket reads into; what is read stays where it lies until the outputs that pass it on have
// been flushed, so that no byte is copied and nothing allocated per datagram.
//
//     recvmmsg → DatagramInput: slots of 64 KiB ── Datagram (a view) ──▶ DatagramOutput → sendmmsg
//
// Runs in: worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "net/address.h"
#include "net/buffer_pool.h"
#include "sys/datagram.h"

namespace sluice::net {

/// One datagram that came, or several of one size and sender that the kernel passed on as one.
/// Lives: until DatagramInput::release().
struct Datagram {
    std::string_view bytes;
    std::size_t segment = 0;  ///< bytes of each; the last may be shorter. Of just one: its size
    const sockaddr_storage* from = nullptr;  ///< null: the socket is connected
    socklen_t from_size = 0;
    sys::DatagramNotes notes;  ///< the address that it was sent to, where that was asked for
    bool is_cut = false;       ///< longer than any buffer: its end is lost

    /// How many it stands for.
    [[nodiscard]] std::size_t count() const {
        return segment == 0 || bytes.size() <= segment ? 1 : (bytes.size() + segment - 1) / segment;
    }
};

/// What receive() shall tell of each datagram.
struct DatagramWants {
    bool sender = false;
    bool notes = false;
};

class DatagramInput {
  public:
    static constexpr std::size_t kSlots = 64;

    DatagramInput() = default;
    DatagramInput(const DatagramInput&) = delete;
    DatagramInput& operator=(const DatagramInput&) = delete;

    /// Slots behind what is held.
    [[nodiscard]] std::size_t room() const { return kSlots - held_; }

    /// Reads up to `most` datagrams (no more than room()) with one call, behind what is held. Gives
    /// how many; fewer than `most` means that the socket is empty. They are held by hold(), or lost
    /// with the next receive().
    [[nodiscard]] Result<std::size_t> receive(int fd, std::size_t most, DatagramWants wants);

    /// The datagrams of the last receive(), from 0.
    [[nodiscard]] Datagram at(std::size_t index) const;

    /// Keeps the first `count` of the last receive() until release().
    void hold(std::size_t count) { held_ += count; }

    /// Nothing is looked at any more.
    void release() { held_ = 0; }

  private:
    // Slots begin in different cache sets: 64 KiB apart, their first lines would all fall into one.
    static constexpr std::size_t kSlotSize = 64 * 1024 + 192;

    [[nodiscard]] bool prepare();

    BufferPool::Page memory_;  ///< touched only as far as datagrams reach
    std::size_t held_ = 0;
    std::array<mmsghdr, kSlots> messages_{};
    std::array<iovec, kSlots> pieces_{};
    std::array<sockaddr_storage, kSlots> senders_;
    alignas(16) std::array<std::array<char, sys::kDatagramNotesRoom>, kSlots> notes_;
};

/// Where a datagram goes. Lives: during the call.
struct DatagramTarget {
    const sockaddr* address = nullptr;  ///< null: where the socket is connected to
    socklen_t size = 0;
    sys::DatagramNotes notes{};  ///< `local`: where it shall come from
};

/// What became of the datagrams of an output.
struct DatagramOutcome {
    std::size_t lost = 0;  ///< not taken by the kernel
    Error error{};         ///< the first; code 0: none
};

class DatagramOutput {
  public:
    DatagramOutput() = default;
    DatagramOutput(const DatagramOutput&) = delete;
    DatagramOutput& operator=(const DatagramOutput&) = delete;

    /// The socket that the next datagrams go through. Flush before it changes.
    void use(int fd) { fd_ = fd; }

    /// Queues a datagram, or several of `segment` bytes each; sends what is queued where there is
    /// no room. `bytes` live until flush(). Those of one size to one target leave together (GSO).
    void send(std::string_view bytes, std::size_t segment, const DatagramTarget& target);
    /// The same for one datagram whose bytes need not live.
    void send_copy(std::string_view bytes, const DatagramTarget& target);

    [[nodiscard]] bool is_empty() const { return message_count_ == 0; }

    /// Sends everything; gives what became of it since the flush before.
    DatagramOutcome flush();

  private:
    static constexpr std::size_t kMessages = 32;
    static constexpr std::size_t kPieces = 64;
    static constexpr std::size_t kTextRoom = 4096;
    /// UDP_MAX_SEGMENTS of older kernels, and a size that every usual link carries unbroken: the
    /// kernel refuses segments larger than the link's.
    static constexpr std::size_t kMostSegments = 64;
    static constexpr std::size_t kLargestSegment = 1400;
    static constexpr std::size_t kMostBytes = 65'000;

    /// One message that is being put together.
    struct Message {
        std::size_t first_piece = 0;
        std::size_t pieces = 0;
        std::size_t bytes = 0;
        std::size_t segment = 0;
        std::size_t count = 0;   ///< datagrams
        bool is_closed = false;  ///< its last datagram is shorter: none may follow
        sys::DatagramNotes notes;
    };

    [[nodiscard]] bool joins(std::string_view bytes,
                             std::size_t segment,
                             std::size_t count,
                             const DatagramTarget& target) const;
    void add(std::string_view bytes,
             std::size_t segment,
             std::size_t count,
             const DatagramTarget& target);
    void append_piece(Message& message, std::string_view bytes, std::size_t count);
    void send_all();
    [[nodiscard]] bool send_single();
    void write_header(std::size_t index);
    void send_apart(std::size_t index);
    void note_loss(std::size_t count, const Error& error);

    int fd_ = -1;
    bool may_segment_ = true;
    std::size_t message_count_ = 0;
    std::size_t piece_count_ = 0;
    std::size_t text_used_ = 0;
    DatagramOutcome outcome_;
    std::array<Message, kMessages> messages_;
    std::array<mmsghdr, kMessages> headers_{};
    std::array<iovec, kPieces> pieces_;
    std::array<sockaddr_storage, kMessages> targets_;
    std::array<socklen_t, kMessages> target_sizes_;
    alignas(16) std::array<std::array<char, sys::kDatagramNotesRoom>, kMessages> notes_;
    std::array<char, kTextRoom> text_;
};

}  // namespace sluice::net
