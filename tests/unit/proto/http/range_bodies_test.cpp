// SPDX-License-Identifier: BSD-2-Clause
// Bodies that give ranges: in pieces of every size, of sources that seek and of one that does not.
// Runs in: tests.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "proto/http/multipart_body.h"
#include "proto/http/skimmed_body.h"

namespace sluice::http {
namespace {

constexpr std::string_view kDigits = "0123456789";

// Gives kDigits in order, `step` bytes at a time; with nothing ready before every second one.
struct Digits final : Body {
    Digits(bool the_seeks, std::size_t the_step, bool the_pauses = false)
        : seeks(the_seeks), step(the_step), pauses(the_pauses) {}

    Pull pull(net::Chain& out, std::size_t max) override {
        if (pauses && (is_paused = !is_paused)) {
            return Pull::Later;
        }
        const std::size_t size = std::min({step, max, end - at});
        static_cast<void>(out.push_memory(kDigits.substr(at, size)));
        at += size;
        return at == end ? Pull::End : Pull::More;
    }

    void close() noexcept override { ++closed; }

    bool select(std::uint64_t first, std::uint64_t size) override {
        if (seeks) {
            at = static_cast<std::size_t>(first);
            end = static_cast<std::size_t>(first + size);
        }
        return seeks;
    }

    bool seeks;
    std::size_t step;
    bool pauses;
    bool is_paused = false;
    std::size_t at = 0;
    std::size_t end = kDigits.size();
    int closed = 0;
};

std::string drain(Body& body, std::size_t max, Pull& last) {
    std::string out;
    for (int pulls = 0; pulls < 200; ++pulls) {
        net::Chain chain;
        last = body.pull(chain, max);
        for (std::size_t i = 0; i < chain.size(); ++i) {
            out.append(chain[i].data, chain[i].size);
        }
        if (last == Pull::End || last == Pull::Broken) {
            break;
        }
    }
    return out;
}

PartHeads heads_of_digits() {
    PartHeads heads;
    std::ranges::fill(heads.boundary, '7');
    heads.content_type = "text/plain";
    heads.size = kDigits.size();
    return heads;
}

constexpr std::string_view kParts =
    "\r\n--77777777777777777777\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-0/10\r\n\r\n0"
    "\r\n--77777777777777777777\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89"
    "\r\n--77777777777777777777\r\nContent-Type: text/plain\r\nContent-Range: bytes 3-6/10\r\n\r\n3456"
    "\r\n--77777777777777777777--\r\n";

TEST(MultipartBody, GivesTheSamePartsWhateverTheStep) {
    const PartHeads heads = heads_of_digits();
    for (const std::size_t max : {1UZ, 3UZ, 100UZ, 100'000UZ}) {
        for (const std::size_t step : {1UZ, 2UZ, 100UZ}) {
            std::array<char, 1024> room;
            Digits source(true, step, step == 2);
            MultipartBody body({.body = &source, .memory = {}}, "bytes=0-0,-2,3-6", heads, room);
            Pull last{};

            EXPECT_EQ(drain(body, max, last), kParts) << max << " by " << step;
            EXPECT_EQ(last, Pull::End);
        }
    }
}

TEST(MultipartBody, TakesPartsOfMemory) {
    const PartHeads heads = heads_of_digits();
    std::array<char, 1024> room;
    MultipartBody body({.body = nullptr, .memory = kDigits}, "bytes=0-0,-2,3-6", heads, room);
    Pull last{};

    EXPECT_EQ(drain(body, 2, last), kParts);
}

TEST(MultipartBody, BreaksWhereTheSourceEndsEarly) {
    const PartHeads heads = heads_of_digits();
    std::array<char, 1024> room;
    Digits source(false, 4);
    MultipartBody body({.body = &source, .memory = {}}, "bytes=0-0,-2", heads, room);
    Pull last{};

    static_cast<void>(drain(body, 100, last));
    body.close();

    EXPECT_EQ(last, Pull::Broken);
    EXPECT_EQ(source.closed, 1);
}

TEST(SkimmedBody, GivesOneRangeOfWhatComesInOrder) {
    for (const std::size_t step : {1UZ, 3UZ, 100UZ}) {
        for (const std::size_t max : {1UZ, 4UZ, 1000UZ}) {
            for (std::uint64_t first = 0; first < 10; ++first) {
                Digits source(false, step, step == 3);
                SkimmedBody body(source, {first, 10});
                Pull last{};

                EXPECT_EQ(drain(body, max, last), kDigits.substr(first));
                EXPECT_EQ(last, Pull::End);
            }
        }
    }
}

TEST(SkimmedBody, EndsWithTheRangeNotWithTheSource) {
    Digits source(false, 2);
    SkimmedBody body(source, {1, 4});
    Pull last{};

    EXPECT_EQ(drain(body, 100, last), "123");
    EXPECT_EQ(last, Pull::End);
    EXPECT_EQ(source.at, 4U);
}

TEST(SkimmedBody, BreaksWhereTheSourceEndsEarly) {
    Digits source(false, 100);
    SkimmedBody body(source, {8, 20});
    Pull last{};

    static_cast<void>(drain(body, 100, last));

    EXPECT_EQ(last, Pull::Broken);
}

}  // namespace
}  // namespace sluice::http
