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

    const net::Address& peer() const override { return address_; }

    const net::Address& local() const override { return address_; }

    std::uint64_t connection_number() const override { return 1; }

    std::uint32_t request_number() const override { return 1; }

  private:
    net::Address address_ = *net::Address::parse("127.0.0.1:80");
};

}  // namespace sluice::support
