// SPDX-License-Identifier: BSD-2-Clause
// MessageWriter: the thread that sends whole messages through a MessageLink. What is queued is a
// row of frames: append_frame() makes them.
// Runs in: logger (a thread of it).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/error.h"
#include "base/units.h"
#include "logger/message_link.h"
#include "logger/writer.h"

namespace sluice::logger {

class MessageWriter final : public Writer {
  public:
    /// Starts the thread.
    /// Fails: EMFILE, EAGAIN.
    [[nodiscard]] static Result<std::unique_ptr<Writer>> start(shm::Backlog& backlog,
                                                               std::unique_ptr<MessageLink> link);
    ~MessageWriter() override;

    /// Bytes of a frame before its message.
    static constexpr std::size_t kFrameBytes = 5;
    /// Begins a frame at the end of `out`; gives where, for end_frame().
    [[nodiscard]] static std::size_t begin_frame(std::string& out, std::uint8_t severity);
    /// Ends the frame that begins at `start`.
    static void end_frame(std::string& out, std::size_t start);
    [[nodiscard]] static std::uint64_t count_frames(std::string_view frames);

  private:
    /// What the thread waits for.
    enum class State : std::uint8_t { Idle, Blocked, BackingOff };

    MessageWriter(shm::Backlog& backlog, std::unique_ptr<MessageLink> link)
        : Writer(backlog), link_(std::move(link)) {}

    void run();
    void wait();
    [[nodiscard]] Millis time_left() const;
    void send_all();
    bool send_first();
    void give_up_all();
    void finish_first();
    void watch(bool on);
    [[nodiscard]] std::string_view first() const;

    // All of it is the thread's own.
    std::unique_ptr<MessageLink> link_;
    State state_ = State::Idle;
    Millis until_{};         ///< of Blocked (zero: for ever) or BackingOff
    Millis pause_{};
    bool is_impatient_ = false;  ///< the last Blocked lasted too long
    int watched_ = -1;
    std::thread thread_;
};

}  // namespace sluice::logger
