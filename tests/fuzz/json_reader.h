// SPDX-License-Identifier: BSD-2-Clause
// JsonReader: judges what the JSON logs write.
#pragma once

#include <algorithm>
#include <string_view>

#include "log/json_text.h"

namespace sluice::fuzz {

/// Reads one JSON value by RFC 8259.
class JsonReader {
  public:
    explicit JsonReader(std::string_view text) : rest_(text) {}

    [[nodiscard]] bool is_valid() { return value() && rest_.empty(); }

  private:
    bool take(std::string_view word) {
        if (!rest_.starts_with(word)) {
            return false;
        }
        rest_.remove_prefix(word.size());
        return true;
    }

    bool value() {
        if (rest_.starts_with('{')) {
            return object();
        }
        if (rest_.starts_with('"')) {
            return string();
        }
        if (take("true") || take("false") || take("null")) {
            return true;
        }
        const std::size_t end = std::min(rest_.find_first_of(",}"), rest_.size());
        const bool is_number = log::is_json_number(rest_.substr(0, end));
        rest_.remove_prefix(end);
        return is_number;
    }

    bool object() {
        take("{");
        if (take("}")) {
            return true;
        }
        do {
            if (!string() || !take(":") || !value()) {
                return false;
            }
        } while (take(","));
        return take("}");
    }

    bool string() {
        if (!take("\"")) {
            return false;
        }
        while (!rest_.empty() && rest_.front() != '"') {
            const auto c = static_cast<unsigned char>(rest_.front());
            std::size_t size = 1;
            if (c < 0x20) {
                return false;
            }
            if (c >= 0x80) {
                size = log::utf8_sequence(rest_);
            } else if (c == '\\') {
                size = rest_.size() > 1 && rest_[1] == 'u' ? 6 : 2;
            }
            if (size == 0 || size > rest_.size()) {
                return false;
            }
            rest_.remove_prefix(size);
        }
        return take("\"");
    }

    std::string_view rest_;
};

}  // namespace sluice::fuzz
