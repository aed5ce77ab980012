// SPDX-License-Identifier: BSD-2-Clause
// Request bodies.
// Runs in: worker.
#include "proto/http1/body_reader.h"

#include <algorithm>

namespace sluice::http1 {

namespace {

// llhttp decodes whole messages; the head that our own parser has judged is replaced by this one.
constexpr std::string_view kChunkedHead = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";

// What chunk sizes, extensions and trailers may add to the content: a peer that sends one byte a
// chunk is served, one that only sends extensions is not.
constexpr std::uint64_t kFramingAllowance = 32 * 1024;
constexpr std::uint64_t kFramingPerByte = 16;

}  // namespace

int BodyReader::on_body(llhttp_t* parser, const char*, std::size_t size) {
    static_cast<BodyReader*>(parser->data)->content_ += size;
    return 0;
}

int BodyReader::on_complete(llhttp_t* parser) {
    static_cast<BodyReader*>(parser->data)->kind_ = Kind::None;
    return HPE_PAUSED;
}

void BodyReader::begin(const http::Request& request) {
    content_ = received_ = remaining_ = 0;
    kind_ = Kind::None;
    if (request.content_length > 0) {
        kind_ = Kind::Counted;
        remaining_ = static_cast<std::uint64_t>(request.content_length);
    }
    if (!request.is_chunked) {
        return;
    }
    static constexpr llhttp_settings_t kSettings = [] {
        llhttp_settings_t settings{};
        settings.on_body = &BodyReader::on_body;
        settings.on_message_complete = &BodyReader::on_complete;
        return settings;
    }();
    // llhttp never writes to its settings.
    llhttp_init(&chunks_, HTTP_REQUEST, const_cast<llhttp_settings_t*>(&kSettings));
    chunks_.data = this;
    static_cast<void>(llhttp_execute(&chunks_, kChunkedHead.data(), kChunkedHead.size()));
    kind_ = Kind::Chunked;
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
    if (remaining_ != 0) {
        return {Outcome::More, used};
    }
    kind_ = Kind::None;
    return {Outcome::Done, used};
}

BodyReader::Step BodyReader::feed_chunked(std::string_view bytes) {
    const llhttp_errno_t error = llhttp_execute(&chunks_, bytes.data(), bytes.size());
    if (error == HPE_PAUSED && kind_ == Kind::None) {
        const char* const end = llhttp_get_error_pos(&chunks_);
        return {Outcome::Done, static_cast<std::size_t>(end - bytes.data())};
    }
    received_ += bytes.size();
    if (error != HPE_OK || is_too_wordy()) {
        return {Outcome::Malformed, 0};
    }
    return {Outcome::More, bytes.size()};
}

bool BodyReader::is_too_wordy() const {
    const std::uint64_t framing = received_ - content_;
    return framing > kFramingAllowance + kFramingPerByte * content_;
}

}  // namespace sluice::http1
