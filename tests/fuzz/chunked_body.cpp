// SPDX-License-Identifier: BSD-2-Clause
// Fuzzes chunked bodies: decoded whole, byte by byte and in two parts they must give the same
// content and the same end, and content never counts more than the input had.
// Runs in: tests.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "proto/http1/chunk_decoder.h"

namespace {

using namespace sluice;  // NOLINT: a program of one file
using Outcome = http1::ChunkDecoder::Outcome;

struct Decoded {
    Outcome outcome = Outcome::More;
    std::size_t used = 0;
    std::string content;

    friend bool operator==(const Decoded&, const Decoded&) = default;
};

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void feed(http1::ChunkDecoder& decoder, std::string_view part, Decoded& out) {
    while (!part.empty() && out.outcome == Outcome::More) {
        const http1::ChunkDecoder::Step step = decoder.feed(part);
        require(step.used <= part.size());
        require(step.content.empty() ||
                (step.content.data() >= part.data() &&
                 step.content.data() + step.content.size() == part.data() + step.used));
        require(step.outcome != Outcome::Content || !step.content.empty());
        out.used += step.used;
        out.content += step.content;
        out.outcome = step.outcome == Outcome::Content ? Outcome::More : step.outcome;
        part.remove_prefix(step.used);
    }
    require(decoder.content() == out.content.size());
}

Decoded decode(std::string_view bytes, std::size_t step) {
    http1::ChunkDecoder decoder;
    Decoded out;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        feed(decoder, bytes.substr(at, step), out);
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    std::string bytes(size, '\0');
    std::memcpy(bytes.data(), data, size);
    const Decoded whole = decode(bytes, bytes.size());
    require(whole.content.size() <= size);
    require(decode(bytes, 1) == whole);
    require(decode(bytes, data[size - 1] % size + 1) == whole);
    return 0;
}
