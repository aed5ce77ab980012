// SPDX-License-Identifier: BSD-2-Clause
// Request bodies.
// Runs in: worker.
#include "proto/http1/body_reader.h"

#include <algorithm>

namespace sluice::http1 {

void BodyReader::begin(const http::Request& request) {
    content_ = remaining_ = 0;
    kind_ = Kind::None;
    if (request.is_chunked) {
        kind_ = Kind::Chunked;
        chunks_ = ChunkDecoder();
    } else if (request.content_length > 0) {
        kind_ = Kind::Counted;
        remaining_ = static_cast<std::uint64_t>(request.content_length);
    }
}

BodyReader::Step BodyReader::feed(std::string_view bytes) {
    switch (kind_) {
        case Kind::None:
            return {Outcome::Done, 0};
        case Kind::Chunked:
            return feed_chunked(bytes);
        case Kind::Counted:
            break;
    }
    const auto used = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
    remaining_ -= used;
    content_ += used;
    if (remaining_ == 0) {
        kind_ = Kind::None;
    }
    return {is_done() ? Outcome::Done : Outcome::More, used, bytes.substr(0, used)};
}

BodyReader::Step BodyReader::feed_chunked(std::string_view bytes) {
    const ChunkDecoder::Step step = chunks_.feed(bytes);
    content_ = chunks_.content();
    switch (step.outcome) {
        case ChunkDecoder::Outcome::Malformed:
            return {Outcome::Malformed, step.used};
        case ChunkDecoder::Outcome::Done:
            kind_ = Kind::None;
            return {Outcome::Done, step.used};
        case ChunkDecoder::Outcome::More:
        case ChunkDecoder::Outcome::Content:
            break;
    }
    return {Outcome::More, step.used, step.content};
}

}  // namespace sluice::http1
