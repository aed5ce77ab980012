// SPDX-License-Identifier: BSD-2-Clause
// Relays between peers that stall, end and reset at random, by a seed: every byte that arrives is
// the right one, all of them arrive where nobody was cut off, and nothing is kept. 256 MiB pass by
// default; SLUICE_RELAY_BYTES asks for more (10 GiB: 10737418240), SLUICE_RELAY_SEED for another
// course.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string_view>

#include <gtest/gtest.h>

#include "relay_fixture.h"

namespace sluice::tcp {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    std::uint64_t value = otherwise;
    if (text != nullptr) {
        (void)std::from_chars(text, text + std::strlen(text), value);
    }
    return value;
}

// An endless text in which the place of any few bytes can be told.
class Text {
  public:
    [[nodiscard]] std::string_view at(std::uint64_t offset, std::size_t size) const {
        return std::string_view(period_).substr(offset % kPeriod, size);
    }

    static constexpr std::size_t kMost = 256 * 1024;

  private:
    static constexpr std::size_t kPeriod = 1'000'003;

    static std::string make() {
        std::string out = net::testing::pattern(kPeriod, 11);
        return out + out.substr(0, kMost);
    }

    std::string period_ = make();
};

// The far end of a connection: sends so much, then its FIN, and checks what it receives.
struct Peer {
    sys::UniqueFd fd;
    std::uint64_t to_send = 0;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t cut_at = UINT64_MAX;  // resets the connection when it has received so much
    bool has_said_end = false;
    bool has_seen_end = false;
    bool is_broken = false;  // it was reset, or did so itself
    int stall = 0;           // steps in which it does nothing
};

std::size_t open_descriptors() {
    const auto all = std::filesystem::directory_iterator("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t resident_pages() {
    std::size_t size = 0;
    std::size_t resident = 0;
    std::ifstream("/proc/self/statm") >> size >> resident;
    return resident;
}

class RelayStorm : public testing::RelayTest {
  protected:
    // Up to `most`, small numbers as often as large ones.
    std::uint64_t any_size(std::uint64_t most) {
        const auto bits = std::uniform_int_distribution<unsigned>(0, 24)(random_);
        return std::min(most, std::uniform_int_distribution<std::uint64_t>(
                                  0, std::uint64_t{1} << bits)(random_));
    }

    bool one_in(unsigned count) {
        return std::uniform_int_distribution<unsigned>(1, count)(random_) == 1;
    }

    void begin_episode() {
        options_.is_half_close = !one_in(4);
        options_.splice_from = one_in(3) ? SIZE_MAX : 1 + any_size(100'000);
        const bool is_tiny = one_in(10);
        options_.buffer_size = is_tiny ? 1 + any_size(100) : 1000 + any_size(50'000);
        first_header_ = one_in(2) ? "" : "PROXY UNKNOWN\r\n";
        for (Peer* const peer : {&left_, &right_}) {
            *peer = {};
            peer->to_send = any_size(is_tiny ? 50'000 : UINT64_MAX);
            peer->cut_at = one_in(8) ? any_size(UINT64_MAX) : UINT64_MAX;
        }
        const std::uint64_t preread = std::min<std::uint64_t>(left_.to_send, any_size(50'000));
        is_client_unix_ = one_in(4);
        is_upstream_unix_ = one_in(4);
        outcome_.reset();
        start({.header = first_header_, .client = text_.at(0, preread)});
        left_.sent = preread;
        left_.fd = std::move(client_);
        right_.fd = std::move(upstream_);
    }

    void end_episode() {
        relay_.reset();
        pair_a_.reset();
        pair_b_.reset();
        left_.fd.reset();
        right_.fd.reset();
        EXPECT_EQ(pools_.pipes.borrowed(), 0U);
        has_used_pipes_ = has_used_pipes_ || pools_.pipes.retained() > 0;
    }

    void act(Peer& peer) {
        if (peer.is_broken || peer.stall-- > 0) {
            return;
        }
        peer.stall = one_in(6) ? static_cast<int>(any_size(30)) : 0;
        send_some(peer);
        receive_some(peer);
        if (peer.received >= peer.cut_at && !peer.is_broken) {
            ASSERT_TRUE(sys::set_reset_on_close(peer.fd.get()));
            peer.fd.reset();
            peer.is_broken = true;
        }
    }

    void send_some(Peer& peer) {
        if (peer.sent < peer.to_send) {
            const std::uint64_t left = peer.to_send - peer.sent;
            const auto size =
                std::min<std::uint64_t>({left, Text::kMost, 1 + any_size(Text::kMost)});
            const Result<sys::Transfer> put = sys::send(peer.fd.get(), text_.at(peer.sent, size));
            peer.sent += put ? put->size : 0;
            peer.is_broken = peer.is_broken || !put;
        } else if (!peer.has_said_end) {
            peer.has_said_end = true;
            ASSERT_TRUE(sys::shutdown(peer.fd.get(), SHUT_WR).has_value());
        }
    }

    void receive_some(Peer& peer) {
        if (peer.is_broken || peer.has_seen_end) {
            return;
        }
        const std::size_t room = 1 + any_size(buffer_.size() - 1);
        const Result<sys::Transfer> got = sys::recv(peer.fd.get(), std::span(buffer_).first(room));
        peer.is_broken = !got;
        if (!got || got->is_blocked) {
            return;
        }
        peer.has_seen_end = got->is_end;
        check(peer, std::string_view(buffer_.data(), got->size));
        passed_ += got->size;
    }

    void check(Peer& peer, std::string_view bytes) {
        const std::string_view header = &peer == &right_ ? first_header_ : "";
        while (!bytes.empty()) {
            const bool is_header = peer.received < header.size();
            const std::string_view expected =
                is_header
                    ? header.substr(peer.received)
                    : text_.at(peer.received - header.size(), std::min(bytes.size(), Text::kMost));
            const std::size_t size = std::min(bytes.size(), expected.size());
            ASSERT_EQ(std::memcmp(bytes.data(), expected.data(), size), 0)
                << "at byte " << peer.received << " of episode " << episode_ << state();
            peer.received += size;
            bytes.remove_prefix(size);
        }
    }

    void run_episode() {
        begin_episode();
        for (int quiet = 0; !is_over();) {
            const std::uint64_t before = passed_;
            act(left_);
            act(right_);
            const bool is_quiet = before == passed_ && left_.stall <= 0 && right_.stall <= 0;
            ASSERT_TRUE(loop_->run_once(Millis(is_quiet ? 1 : 0)).has_value());
            quiet = is_quiet ? quiet + 1 : 0;
            ASSERT_LT(quiet, 20'000)
                << "episode " << episode_ << " does not come to an end:" << state();
            if (outcome_ && relay_) {
                relay_.reset();
                pair_a_.reset();  // as a session does
                pair_b_.reset();
            }
        }
        if (left_.cut_at == UINT64_MAX && right_.cut_at == UINT64_MAX && options_.is_half_close) {
            EXPECT_EQ(left_.received, right_.to_send) << "episode " << episode_;
            EXPECT_EQ(right_.received, left_.to_send + first_header_.size())
                << "episode " << episode_;
            EXPECT_TRUE(outcome_.has_value());
        }
        end_episode();
    }

    [[nodiscard]] std::string state() const {
        std::string out = options_.is_half_close ? " half-close" : "";
        for (const Peer* const peer : {&left_, &right_}) {
            out += "; sent " + std::to_string(peer->sent) + " of " + std::to_string(peer->to_send) +
                   ", received " + std::to_string(peer->received) +
                   (peer->is_broken ? ", broken" : "") + (peer->has_said_end ? ", said end" : "") +
                   (peer->has_seen_end ? ", seen end" : "");
        }
        if (relay_) {
            const RelayCounts counts = relay_->counts();
            out += "; relay: up " + std::to_string(counts.from_client) + " to " +
                   std::to_string(counts.to_upstream) + ", down " +
                   std::to_string(counts.from_upstream) + " to " + std::to_string(counts.to_client);
        }
        return out + (outcome_ ? "; has ended" : "");
    }

    [[nodiscard]] bool is_over() const {
        return outcome_.has_value() && (left_.is_broken || left_.has_seen_end) &&
               (right_.is_broken || right_.has_seen_end);
    }

    std::mt19937_64 random_{from_environment("SLUICE_RELAY_SEED", 20'260'101)};
    Text text_;
    std::array<char, 300'000> buffer_{};
    std::string_view first_header_;
    Peer left_;
    Peer right_;
    std::uint64_t passed_ = 0;
    bool has_used_pipes_ = false;
    int episode_ = 0;
};

TEST_F(RelayStorm, EveryByteArrivesAndNothingIsKept) {
    const std::uint64_t wanted = from_environment("SLUICE_RELAY_BYTES", std::uint64_t{256} << 20);
    std::size_t descriptors = 0;
    std::size_t pages = 0;

    for (; passed_ < wanted && !HasFailure(); ++episode_) {
        run_episode();
        if (episode_ == 30) {  // pools are full by now
            descriptors = open_descriptors();
            pages = resident_pages();
        }
    }

    ASSERT_GT(episode_, 31);
    EXPECT_LE(open_descriptors(), descriptors + 2 * net::PipePoolLimits{}.retained);
    EXPECT_LT(resident_pages(), pages + 2048) << "memory grows";
    EXPECT_LE(pools_.pages.retained(), 64U);
    EXPECT_TRUE(has_used_pipes_);
}

}  // namespace
}  // namespace sluice::tcp
