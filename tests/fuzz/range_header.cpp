// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: a Range field's value against a size taken from the input. Every range must lie
// inside the file, what is answered must not be larger than the file, and a multipart body must
// be of the size that its parts were measured to have.
// Runs in: tests.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/bug.h"
#include "proto/http/byte_ranges.h"
#include "proto/http/multipart_body.h"

namespace {

using namespace sluice::http;

// Stands for a file of any size.
struct FakeFile final : Body {
    std::uint64_t left = 0;

    Pull pull(sluice::net::Chain& out, std::size_t max) override {
        const std::uint64_t size = left < max ? left : max;
        left -= size;
        static_cast<void>(out.push_file(3, 0, static_cast<std::size_t>(size)));
        return left == 0 ? Pull::End : Pull::More;
    }

    void close() noexcept override {}

    bool select(std::uint64_t, std::uint64_t size) override {
        left = size;
        return true;
    }
};

void pull_all(std::string_view value, std::uint64_t size, std::uint64_t expected) {
    PartHeads heads;
    heads.size = size;
    FakeFile file;
    std::array<char, 1024> room;
    MultipartBody body({.body = &file, .memory = {}}, value, heads, room);
    std::uint64_t got = 0;
    Pull pulled = Pull::More;
    while (pulled == Pull::More) {
        sluice::net::Chain chain;
        pulled = body.pull(chain, std::size_t{1} << 40U);
        got += chain.bytes();
    }
    BUG_UNLESS(pulled == Pull::End && got == expected, "a multipart body of another size");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t input) {
    std::uint64_t size = 0;
    if (input < sizeof size) {
        return 0;
    }
    std::memcpy(&size, data, sizeof size);
    size &= (std::uint64_t{1} << 45U) - 1;
    const std::string_view value(reinterpret_cast<const char*>(data) + sizeof size,
                                 input - sizeof size);
    const RangeAnswer answer = judge_ranges(value, size, 1000);
    RangeReader reader(value, size);
    PartHeads heads;
    heads.size = size;
    std::uint64_t sum = 0;
    std::uint64_t measured = PartHeads::kEndSize;
    for (std::size_t i = 0; i < answer.count; ++i) {
        const std::optional<ByteRange> range = reader.next();
        BUG_UNLESS(range.has_value(), "fewer ranges than judged");
        BUG_UNLESS(range->first < range->end && range->end <= size, "a range outside of the file");
        sum += range->size();
        measured += heads.measure(*range) + range->size();
    }
    BUG_UNLESS(sum <= size, "ranges larger than the file");
    if (answer.kind == RangeAnswer::Kind::Several) {
        pull_all(value, size, measured);
    }
    return 0;
}
