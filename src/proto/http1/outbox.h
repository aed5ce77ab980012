// SPDX-License-Identifier: BSD-2-Clause
// Outbox: one worker's buffer for what is about to be sent. Heads and small bodies of all replies
// of one connection's turn gather here and leave in one call; it is empty between two connections'
// turns, so that one warm buffer serves all of them.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace sluice::http1 {

class Outbox {
  public:
    static constexpr std::size_t kSize = 64 * 1024;

    Outbox() : bytes_(std::make_unique_for_overwrite<char[]>(kSize)) {}

    [[nodiscard]] std::size_t room() const { return kSize - end_; }

    [[nodiscard]] char* at() { return bytes_.get() + end_; }

    /// `count` bytes were written at at().
    void advance(std::size_t count) { end_ += count; }

    void append(std::string_view bytes) {
        if (!bytes.empty()) {
            std::memcpy(at(), bytes.data(), bytes.size());
            advance(bytes.size());
        }
    }

    /// What was appended since the last take(); it stays where it is until clear().
    [[nodiscard]] std::string_view take() {
        const std::string_view taken(bytes_.get() + taken_, end_ - taken_);
        taken_ = end_;
        return taken;
    }

    [[nodiscard]] bool has_news() const { return end_ != taken_; }

    /// Bytes that the next take() gives.
    [[nodiscard]] std::size_t news() const { return end_ - taken_; }

    [[nodiscard]] bool owns(const char* at) const {
        return at >= bytes_.get() && at < bytes_.get() + kSize;
    }

    void clear() { taken_ = end_ = 0; }

  private:
    std::unique_ptr<char[]> bytes_;
    std::size_t taken_ = 0;
    std::size_t end_ = 0;
};

}  // namespace sluice::http1
