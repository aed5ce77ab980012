// SPDX-License-Identifier: BSD-2-Clause
// CharsetBody: a body in another charset, converted as it is pulled.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "modules/http/charset_map.h"
#include "proto/http/body.h"

namespace sluice::modules {

/// Owner: the exchange, as of any Body; it closes the body that it converts.
class CharsetBody final : public http::Body {
  public:
    static constexpr std::size_t kRoom = 16 * 1024;

    struct Source {
        http::Body* body = nullptr;  ///< one that gives memory; null: `memory`
        std::string_view memory;
    };

    CharsetBody(const Source& source, const Recoding& recoding, std::span<char> room)
        : source_(source),
          left_(source.memory),
          recoding_(recoding),
          recoder_(recoding),
          room_(room) {}

    http::Pull pull(net::Chain& out, std::size_t max) override;
    void close() noexcept override;
    bool select(std::uint64_t first, std::uint64_t size) override;

  private:
    Source source_;
    std::string_view left_;  ///< of source_.memory
    Recoding recoding_;
    Recoder recoder_;
    std::span<char> room_;
};

}  // namespace sluice::modules
