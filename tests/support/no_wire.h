// SPDX-License-Identifier: BSD-2-Clause
// NoWire: an exchange's wire where there is no connection.
// Runs in: tests.
#pragma once

#include "proto/http/exchange.h"

namespace sluice::support {

class NoWire final : public http::Wire {
  public:
    void reply_ready(http::Exchange&) override {}

    void wake(http::Exchange&) override {}

    [[nodiscard]] const net::Address& peer() const override { return address_; }

    [[nodiscard]] const net::Address& local() const override { return address_; }

    [[nodiscard]] std::uint64_t connection_number() const override { return 1; }

    [[nodiscard]] std::uint32_t request_number() const override { return 1; }

  private:
    net::Address address_ = *net::Address::parse("127.0.0.1:80");
};

}  // namespace sluice::support
