// SPDX-License-Identifier: BSD-2-Clause
// CharsetBody: converting what is pulled.
// Runs in: worker.
#include "modules/http/charset_body.h"

#include <algorithm>

namespace sluice::modules {

http::Pull CharsetBody::pull(net::Chain& out, std::size_t max) {
    // All that is pulled is converted at once: where `max` is some bytes only, a character may pass it.
    const std::size_t fitting = recoder_.fitting(std::min(max, room_.size()));
    net::Chain pulled;
    http::Pull outcome = http::Pull::End;
    if (source_.body != nullptr) {
        outcome = source_.body->pull(pulled, fitting);
    } else {
        const std::string_view part = left_.substr(0, fitting);
        left_.remove_prefix(part.size());
        static_cast<void>(pulled.push_memory(part));  // an empty chain has room
        outcome = left_.empty() ? http::Pull::End : http::Pull::More;
    }
    std::size_t made = 0;
    for (std::size_t i = 0; i < pulled.size(); ++i) {
        if (pulled[i].is_file()) {
            return http::Pull::Broken;  // a file that was cut: sending it would find out
        }
        made += recoder_.convert({pulled[i].data, pulled[i].size}, room_.data() + made);
    }
    return out.push_memory({room_.data(), made}) ? outcome : http::Pull::Broken;
}

void CharsetBody::close() noexcept {
    if (source_.body != nullptr) {
        source_.body->close();
    }
}

bool CharsetBody::select(std::uint64_t first, std::uint64_t size) {
    if (!recoding_.keeps_length()) {
        return false;
    }
    if (source_.body != nullptr) {
        return source_.body->select(first, size);
    }
    left_ = source_.memory.substr(static_cast<std::size_t>(first), static_cast<std::size_t>(size));
    return true;
}

}  // namespace sluice::modules
