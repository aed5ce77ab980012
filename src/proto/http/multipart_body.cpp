// SPDX-License-Identifier: BSD-2-Clause
// MultipartBody: part heads and their ranges, one after the other.
// Runs in: worker.
#include "proto/http/multipart_body.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace sluice::http {

namespace {

constexpr std::string_view kRangeLine = "Content-Range: bytes ";
constexpr std::string_view kTypeLine = "Content-Type: ";

constexpr std::size_t digits_of(std::uint64_t number) {
    std::size_t count = 1;
    while (number >= 10) {
        number /= 10;
        ++count;
    }
    return count;
}

char* put(char* at, std::string_view text) {
    return std::copy(text.begin(), text.end(), at);
}

char* put(char* at, std::uint64_t number) {
    return std::to_chars(at, at + 20, number).ptr;
}

}  // namespace

std::size_t PartHeads::measure(const ByteRange& range) const {
    const std::size_t type =
        content_type.empty() ? 0 : kTypeLine.size() + content_type.size() + 2;
    return 4 + kBoundarySize + 2 + type + kRangeLine.size() + digits_of(range.first) + 1 +
           digits_of(range.end - 1) + 1 + digits_of(size) + 4;
}

char* PartHeads::write(const ByteRange& range, char* out) const {
    char* at = put(out, "\r\n--");
    at = put(at, std::string_view(boundary.data(), boundary.size()));
    at = put(at, "\r\n");
    if (!content_type.empty()) {
        at = put(put(put(at, kTypeLine), content_type), "\r\n");
    }
    at = put(put(put(at, kRangeLine), range.first), "-");
    at = put(put(put(at, range.end - 1), "/"), size);
    return put(at, "\r\n\r\n");
}

char* PartHeads::write_end(char* out) const {
    char* const at = put(put(out, "\r\n--"), std::string_view(boundary.data(), boundary.size()));
    return put(at, "--\r\n");
}

Pull MultipartBody::pull(net::Chain& out, std::size_t max) {
    at_ = room_.data();
    const std::size_t before = out.bytes();
    for (std::size_t parts = 0; parts < kPartsPerPull; ++parts) {
        if (left_.size() == 0) {
            const Pull begun = begin_part(out);
            if (begun != Pull::More) {
                return begun;
            }
        }
        const std::size_t given = out.bytes() - before;
        if (given >= max) {
            return Pull::More;
        }
        const Pull pulled = give(out, max - given);
        if (pulled != Pull::End) {
            return pulled;
        }
        if (source_.body != nullptr && !out[out.size() - 1].is_file()) {
            return Pull::More;  // memory of the body's own: its next pull() would overwrite it
        }
    }
    return Pull::More;
}

// The head of the next part, or the end of the last.
Pull MultipartBody::begin_part(net::Chain& out) {
    const std::optional<ByteRange> range = reader_.next();
    char* const begin = at_;
    at_ = range ? heads_.write(*range, begin) : heads_.write_end(begin);
    if (!out.push_memory({begin, static_cast<std::size_t>(at_ - begin)})) {
        return Pull::Broken;
    }
    if (!range) {
        return Pull::End;
    }
    left_ = *range;
    const bool is_there =
        source_.body == nullptr || source_.body->select(left_.first, left_.size());
    return is_there ? Pull::More : Pull::Broken;
}

// End: the part is complete.
Pull MultipartBody::give(net::Chain& out, std::size_t max) {
    const std::size_t before = out.bytes();
    Pull pulled = Pull::More;
    if (source_.body != nullptr) {
        pulled = source_.body->pull(out, max);
    } else {
        const auto first = static_cast<std::size_t>(left_.first);
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_.size(), max));
        if (!out.push_memory(source_.memory.substr(first, size))) {
            return Pull::Broken;
        }
    }
    left_.first += out.bytes() - before;
    if (left_.size() == 0) {
        return Pull::End;
    }
    return pulled == Pull::End ? Pull::Broken : pulled;
}

void MultipartBody::close() noexcept {
    if (source_.body != nullptr) {
        source_.body->close();
    }
}

}  // namespace sluice::http
