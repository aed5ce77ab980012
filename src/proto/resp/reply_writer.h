// SPDX-License-Identifier: BSD-2-Clause
// ReplyWriter: replies in RESP2 or RESP3, written behind each other into one buffer.
// Runs in: worker.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "proto/resp/byte_buffer.h"
#include "proto/resp/integer.h"

namespace sluice::resp {

enum class Version : std::uint8_t { Resp2 = 2, Resp3 = 3 };

class ReplyWriter {
  public:
    /// Both outlive it.
    ReplyWriter(ByteBuffer& out, const Version& version) : out_(out), version_(version) {}

    [[nodiscard]] ByteBuffer& out() { return out_; }

    /// A constant word: OK, PONG. No line ends in it.
    void simple(std::string_view word) { line('+', word); }

    void ok() { out_.append("+OK\r\n"); }

    /// An error: "ERR what is wrong". Line ends in it become blanks.
    void error(std::string_view text);

    void integer(std::int64_t number) { number_line(':', number); }

    void bulk(std::string_view bytes) {
        bulk_head(bytes.size());
        out_.append(bytes);
        out_.append("\r\n");
    }

    /// The size of a bulk string; its bytes and a line end have to follow.
    void bulk_head(std::size_t size) { number_line('$', static_cast<std::int64_t>(size)); }

    void null() { out_.append(version_ == Version::Resp3 ? "_\r\n" : "$-1\r\n"); }

    /// No array.
    void null_array() { out_.append(version_ == Version::Resp3 ? "_\r\n" : "*-1\r\n"); }

    /// `count` replies follow.
    void array(std::size_t count) { number_line('*', static_cast<std::int64_t>(count)); }

    /// `count` different replies follow.
    void set(std::size_t count) {
        number_line(version_ == Version::Resp3 ? '~' : '*', static_cast<std::int64_t>(count));
    }

    /// `count` pairs of replies follow.
    void map(std::size_t count) {
        const bool is_map = version_ == Version::Resp3;
        number_line(is_map ? '%' : '*', static_cast<std::int64_t>(is_map ? count : 2 * count));
    }

    /// Text for people, as bulk() where the client knows nothing better.
    void verbatim(std::string_view text);

  private:
    void number_line(char mark, std::int64_t number) {
        char* const at = out_.room(kLongestInteger + 3);
        *at = mark;
        char* end = at + 2;
        if (number >= 0 && number < 10) [[likely]] {
            at[1] = static_cast<char>('0' + number);
        } else {
            end = std::to_chars(at + 1, at + 1 + kLongestInteger, number).ptr;
        }
        *end++ = '\r';
        *end++ = '\n';
        out_.commit(static_cast<std::size_t>(end - at));
    }

    void line(char mark, std::string_view text);

    ByteBuffer& out_;
    const Version& version_;
};

}  // namespace sluice::resp
