// SPDX-License-Identifier: BSD-2-Clause
// Splitting lines. Unescaping makes a word shorter, never longer, so the words of a line have room in
// a copy of it.
// Runs in: worker.
#include "proto/resp/inline_words.h"

#include "base/ascii.h"

namespace sluice::resp {

namespace {

bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

class Splitter {
  public:
    explicit Splitter(std::string& line) : line_(line.data()), size_(line.size()) {}

    void skip_blanks() {
        while (at_ < size_ && is_blank(line_[at_])) {
            ++at_;
        }
    }

    [[nodiscard]] bool is_end() const { return at_ >= size_; }

    /// False: not closed properly.
    bool read_word(std::string_view& word) {
        to_ = at_;
        char* const begin = line_ + to_;
        while (at_ < size_ && !is_blank(line_[at_]) && line_[at_] != '\0') {
            const char c = line_[at_];
            if (c == '"' || c == '\'') {
                ++at_;
                if (!(c == '"' ? read_double_quoted() : read_single_quoted())) {
                    return false;
                }
                break;
            }
            line_[to_++] = line_[at_++];
        }
        word = {begin, static_cast<std::size_t>(line_ + to_ - begin)};
        at_ += at_ < size_ ? 1U : 0U;
        return true;
    }

  private:
    /// Behind the closing quote a word ends.
    bool close() {
        ++at_;
        return at_ >= size_ || is_blank(line_[at_]) || line_[at_] == '\0';
    }

    bool read_single_quoted() {
        while (at_ < size_ && line_[at_] != '\'') {
            if (line_[at_] == '\\' && at_ + 1 < size_ && line_[at_ + 1] == '\'') {
                ++at_;
            }
            line_[to_++] = line_[at_++];
        }
        return at_ < size_ && close();
    }

    bool read_double_quoted() {
        while (at_ < size_ && line_[at_] != '"') {
            if (line_[at_] == '\\' && at_ + 1 < size_) {
                ++at_;
                line_[to_++] = unescape();
            } else {
                line_[to_++] = line_[at_++];
            }
        }
        return at_ < size_ && close();
    }

    /// The byte that the one behind a backslash stands for.
    char unescape() {
        const char c = line_[at_];
        if (c == 'x' && at_ + 2 < size_) {
            const int high = hex_value(line_[at_ + 1]);
            const int low = hex_value(line_[at_ + 2]);
            if (high >= 0 && low >= 0) {
                at_ += 3;
                return static_cast<char>(static_cast<unsigned char>(high * 16 + low));
            }
        }
        ++at_;
        switch (c) {
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'b':
                return '\b';
            case 'a':
                return '\a';
            default:
                return c;
        }
    }

    char* line_;
    std::size_t size_;
    std::size_t at_ = 0;
    std::size_t to_ = 0;  ///< end of what is written
};

}  // namespace

bool split_words(std::string_view line, Request& request) {
    request.line = line;
    Splitter splitter(request.line);
    for (splitter.skip_blanks(); !splitter.is_end(); splitter.skip_blanks()) {
        std::string_view word;
        if (!splitter.read_word(word)) {
            return false;
        }
        request.words.push_back(word);
    }
    return true;
}

}  // namespace sluice::resp
