// SPDX-License-Identifier: BSD-2-Clause
// Replies that are not written all the time.
// Runs in: worker.
#include "proto/resp/reply_writer.h"

#include <algorithm>

namespace sluice::resp {

void ReplyWriter::line(char mark, std::string_view text) {
    char* const at = out_.room(text.size() + 3);
    *at = mark;
    char* const end = std::ranges::copy(text, at + 1).out;
    end[0] = '\r';
    end[1] = '\n';
    out_.commit(text.size() + 3);
}

void ReplyWriter::error(std::string_view text) {
    line('-', text);
    // What clients sent may stand in it.
    char* const end = out_.room(0);
    std::replace_if(end - 2 - text.size(), end - 2, [](char c) { return c == '\r' || c == '\n'; }, ' ');
}

void ReplyWriter::verbatim(std::string_view text) {
    if (version_ == Version::Resp2) {
        return bulk(text);
    }
    constexpr std::string_view kPlain = "txt:";
    number_line('=', static_cast<std::int64_t>(kPlain.size() + text.size()));
    out_.append(kPlain);
    out_.append(text);
    out_.append("\r\n");
}

}  // namespace sluice::resp
