// SPDX-License-Identifier: BSD-2-Clause
// Accept-Encoding: RFC 9110 §12.5.3 as a table.
// Runs in: tests.
#include "proto/http/accept_encoding.h"

#include <vector>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

struct Case {
    std::string_view value;
    CodingWeights weights;  ///< br, zstd, gzip, identity
};

constexpr CodingWeights weights(std::uint16_t brotli, std::uint16_t zstd, std::uint16_t gzip,
                                std::uint16_t identity) {
    return {{brotli, zstd, gzip, identity}};
}

constexpr Case kCases[] = {
    {"", weights(0, 0, 0, 1)},
    {"gzip", weights(0, 0, 1000, 1)},
    {"x-gzip", weights(0, 0, 1000, 1)},
    {"GZip, BR", weights(1000, 0, 1000, 1)},
    {"gzip;q=0", weights(0, 0, 0, 1)},
    {"gzip;q=0.5, br;q=1.0, zstd;q=0.001", weights(1000, 1, 500, 1)},
    {"gzip ; q=0.25 ,\tbr ;Q=0.75", weights(750, 0, 250, 1)},
    {"*", weights(1000, 1000, 1000, 1000)},
    {"*;q=0", weights(0, 0, 0, 0)},
    {"identity;q=0", weights(0, 0, 0, 0)},
    {"gzip, *;q=0", weights(0, 0, 1000, 0)},
    {"gzip;q=0, *", weights(1000, 1000, 0, 1000)},
    {"*;q=0.5, identity;q=0.1", weights(500, 500, 500, 100)},
    {"deflate, compress", weights(0, 0, 0, 1)},
    {"gzipped, xgzip, brr", weights(0, 0, 0, 1)},
    {"gzip;q=1.001", weights(0, 0, 0, 1)},
    {"gzip;q=0.1234", weights(0, 0, 0, 1)},
    {"gzip;q=", weights(0, 0, 0, 1)},
    {"gzip;q=a", weights(0, 0, 0, 1)},
    {"gzip;q=-1", weights(0, 0, 0, 1)},
    {"gzip;q=2", weights(0, 0, 0, 1)},
    {"gzip;q=1.", weights(0, 0, 1000, 1)},
    {"gzip;q=0.", weights(0, 0, 0, 1)},
    {"gzip;level=9", weights(0, 0, 1000, 1)},
    {"gzip;level=9;q=0.3", weights(0, 0, 300, 1)},
    {",, ,gzip,,", weights(0, 0, 1000, 1)},
    {";q=1, gzip", weights(0, 0, 1000, 1)},
};

CodingWeights read(const std::vector<std::string_view>& values) {
    std::vector<Header> headers;
    for (const std::string_view value : values) {
        headers.push_back({"Accept-Encoding", value, Field::AcceptEncoding});
    }
    Request request;
    request.headers = headers;
    if (!headers.empty()) {
        request.known[static_cast<std::size_t>(Field::AcceptEncoding)] = headers.data();
    }
    return accepted_codings(request);
}

TEST(AcceptEncoding, AnswersTheTable) {
    for (const Case& one : kCases) {
        EXPECT_EQ(read({one.value}), one.weights) << one.value;
    }
}

TEST(AcceptEncoding, AbsentMeansIdentity) {
    EXPECT_EQ(read({}), weights(0, 0, 0, 1));
}

TEST(AcceptEncoding, SeveralFieldsAreOneList) {
    EXPECT_EQ(read({"gzip", "br;q=0.5"}), weights(500, 0, 1000, 1));
}

}  // namespace
}  // namespace sluice::http
