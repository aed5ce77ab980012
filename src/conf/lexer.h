// SPDX-License-Identifier: BSD-2-Clause
// Lexer: cuts configuration text into words, `;`, `{` and `}` by nginx's rules for quotes, escapes
// and comments.
// Runs in: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "conf/tree.h"

namespace sluice::conf {

enum class TokenKind : std::uint8_t { Word, Semicolon, Open, Close, End, Bad };

struct Token {
    TokenKind kind = TokenKind::End;
    std::string text{};  ///< of a word: quotes removed, escapes resolved; of Bad: what is wrong
    Position at{};
    bool is_quoted = false;
    bool is_last = false;  ///< of Bad: nothing that follows can be understood
};

/// Reads one file. The text must outlive the lexer.
class Lexer {
  public:
    /// Longest word, in bytes: nginx's configuration buffer.
    static constexpr std::size_t kMaxWord = 4096;

    Lexer(std::string_view text, std::uint32_t file) : text_(text), file_(file) {}

    [[nodiscard]] Token next();

    /// Just behind the last token.
    [[nodiscard]] Position here() const { return {file_, line_, column_}; }

  private:
    [[nodiscard]] bool at_end() const { return offset_ >= text_.size(); }

    [[nodiscard]] char peek(std::size_t ahead = 0) const {
        return offset_ + ahead < text_.size() ? text_[offset_ + ahead] : '\0';
    }

    char advance();
    void skip_blank();
    [[nodiscard]] Token quoted(char quote, Token token);
    [[nodiscard]] Token bare(Token token);
    [[nodiscard]] bool is_environment() const;
    void take_escape(std::string& out);
    [[nodiscard]] static Token bad(Token token, std::string message);

    std::string_view text_;
    std::size_t offset_ = 0;
    std::uint32_t file_;
    std::uint32_t line_ = 1;
    std::uint32_t column_ = 1;
};

}  // namespace sluice::conf
