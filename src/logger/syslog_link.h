// SPDX-License-Identifier: BSD-2-Clause
// SyslogLink: messages to a syslog receiver by UDP, TCP, or a Unix socket of either type. Datagrams
// that nobody takes are lost, as nginx loses them; a stream is connected again with back-off and the
// message that was cut goes again.
// Runs in: logger (a thread of it).
#pragma once

#include <string>

#include "base/units.h"
#include "ipc/message.h"
#include "logger/message_link.h"
#include "net/address.h"
#include "sys/unique_fd.h"

namespace sluice::logger {

class SyslogLink final : public MessageLink {
  public:
    explicit SyslogLink(const ipc::SyslogEntry& entry);

    Sent send(const Message& message) override;

    int fd() const override { return socket_.get(); }

    int error() const override { return error_; }

    std::uint64_t take_late_losses() override { return std::exchange(late_losses_, 0); }

    void look() override;

  private:
    enum class State : std::uint8_t { Closed, Connecting, Open };

    Sent connect();
    Sent finish_connecting();
    Sent send_datagram(std::string_view bytes);
    Sent send_stream(std::string_view bytes);
    Sent lose(int code);
    Sent break_off(int code);
    void succeed();

    net::Address address_;
    bool is_stream_;
    bool counts_octets_;
    State state_ = State::Closed;
    sys::UniqueFd socket_;
    std::string framed_;     ///< the stream's message with its framing
    std::size_t sent_ = 0;   ///< bytes of it that are sent
    int error_ = 0;
    std::uint64_t late_losses_ = 0;
    Millis retry_at_{};      ///< of a datagram socket that could not be opened
    Millis failed_at_{};
};

}  // namespace sluice::logger
