// SPDX-License-Identifier: BSD-2-Clause
// Compressing a batch of lines.
// Runs in: logger (a thread of it).
#include "logger/gzip_member.h"

#include <algorithm>
#include <array>
#include <zlib.h>

namespace sluice::logger {

namespace {

constexpr int kGzipFormat = 16;
constexpr int kMemory = 8;  // zlib's default

bool deflate_into(std::string_view lines, int level, std::string& out) {
    z_stream stream{};
    if (::deflateInit2(&stream, level, Z_DEFLATED, MAX_WBITS + kGzipFormat, kMemory,
                       Z_DEFAULT_STRATEGY) != Z_OK) {
        return false;
    }
    out.resize(::deflateBound(&stream, lines.size()));
    // zlib does not write through next_in; its C interface merely lacks the const.
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(lines.data()));
    stream.avail_in = static_cast<uInt>(lines.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const bool is_whole = ::deflate(&stream, Z_FINISH) == Z_STREAM_END;
    out.resize(stream.total_out);
    ::deflateEnd(&stream);
    return is_whole;
}

void append_number(std::string& out, std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) {
        out.push_back(static_cast<char>(static_cast<unsigned char>(value >> (8 * i))));
    }
}

/// RFC 1951 §3.2.4: blocks without compression.
void store_into(std::string_view lines, std::string& out) {
    constexpr std::string_view kHeader("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
    out = kHeader;
    for (std::string_view rest = lines; !rest.empty();) {
        const std::string_view block = rest.substr(0, 65535);
        rest.remove_prefix(block.size());
        const auto size = static_cast<std::uint32_t>(block.size());
        out.push_back(rest.empty() ? '\1' : '\0');
        append_number(out, size, 2);
        append_number(out, ~size, 2);
        out.append(block);
    }
    const auto* const bytes = reinterpret_cast<const Bytef*>(lines.data());
    append_number(out, static_cast<std::uint32_t>(::crc32_z(0, bytes, lines.size())), 4);
    append_number(out, static_cast<std::uint32_t>(lines.size()), 4);
}

}  // namespace

void GzipMember::make(std::string_view lines, std::uint8_t level) {
    source_bytes_ = lines.size();
    written_ = 0;
    if (!deflate_into(lines, level, bytes_)) {
        store_into(lines, bytes_);
    }
}

bool GzipMember::wrote(std::size_t count) {
    written_ += count;
    if (written_ < bytes_.size()) {
        return false;
    }
    forget();
    return true;
}

void GzipMember::forget() {
    source_bytes_ = 0;
    bytes_.clear();
    written_ = 0;
}

}  // namespace sluice::logger
