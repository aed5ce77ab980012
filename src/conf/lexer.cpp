// SPDX-License-Identifier: BSD-2-Clause
// nginx's lexical rules.
// Runs in: any.
#include "conf/lexer.h"

#include <utility>

namespace sluice::conf {

namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

}  // namespace

char Lexer::advance() {
    const char c = text_[offset_++];
    if (c == '\n') {
        ++line_;
        column_ = 1;
    } else {
        ++column_;
    }
    return c;
}

void Lexer::skip_blank() {
    while (!at_end()) {
        if (peek() == '#') {
            while (!at_end() && peek() != '\n') {
                advance();
            }
        } else if (is_space(peek())) {
            advance();
        } else {
            return;
        }
    }
}

Token Lexer::next() {
    skip_blank();
    Token token{.at = {file_, line_, column_}};
    if (at_end()) {
        return token;
    }
    switch (peek()) {
        case ';':
            advance();
            token.kind = TokenKind::Semicolon;
            return token;
        case '{':
            advance();
            token.kind = TokenKind::Open;
            return token;
        case '}':
            advance();
            token.kind = TokenKind::Close;
            return token;
        case '"':
        case '\'':
            return quoted(advance(), std::move(token));
        default:
            return bare(std::move(token));
    }
}

void Lexer::take_escape(std::string& out) {
    // The backslash is still there; nginx resolves these and keeps every other pair as it stands.
    const char c = peek(1);
    const bool is_quote = c == '"' || c == '\'' || c == '\\';
    if (!is_quote && c != 't' && c != 'r' && c != 'n') {
        out += advance();
        if (!at_end()) {
            out += advance();
        }
        return;
    }
    advance();
    const char taken = advance();
    switch (taken) {
        case 't':
            out += '\t';
            return;
        case 'r':
            out += '\r';
            return;
        case 'n':
            out += '\n';
            return;
        default:
            out += taken;
    }
}

Token Lexer::quoted(char quote, Token token) {
    token.kind = TokenKind::Word;
    token.is_quoted = true;
    while (!at_end() && peek() != quote) {
        if (peek() == '\\') {
            take_escape(token.text);
        } else {
            token.text += advance();
        }
        if (token.text.size() > kMaxWord) {
            return bad(std::move(token),
                       std::string("too long parameter, probably missing terminating \"") + quote +
                           "\" character");
        }
    }
    if (at_end()) {
        return bad(std::move(token),
                   std::string("unexpected end of file, no closing ") + quote + " for this quote");
    }
    advance();
    if (!at_end() && !is_space(peek()) && peek() != ';' && peek() != '{' && peek() != ')') {
        token.at = {file_, line_, column_};
        token = bad(std::move(token),
                    std::string("unexpected \"") + peek() + "\" after a closing quote");
        token.is_last = false;
        return token;
    }
    return token;  // a ")" that follows is a word of its own, as in `if ($a = "b")`
}

Token Lexer::bare(Token token) {
    token.kind = TokenKind::Word;
    while (!at_end()) {
        const char c = peek();
        if (is_space(c) || c == ';' || c == '{') {
            break;
        }
        if (c == '\\') {
            take_escape(token.text);
        } else if (c == '$' && peek(1) == '{') {
            // The brace of ${name} opens no block; a default in ${ENV:NAME:-a b} may hold anything.
            const bool is_one_word = is_environment();
            token.text += advance();
            token.text += advance();
            while (is_one_word && !at_end() && peek() != '}' && peek() != '\n') {
                token.text += advance();
            }
        } else {
            token.text += advance();
        }
        if (token.text.size() > kMaxWord) {
            std::string message =
                "too long parameter \"" + token.text.substr(0, 10) + "...\" started";
            return bad(std::move(token), std::move(message));
        }
    }
    return token;
}

bool Lexer::is_environment() const {
    return text_.substr(offset_).starts_with("${ENV:");
}

Token Lexer::bad(Token token, std::string message) {
    token.kind = TokenKind::Bad;
    token.text = std::move(message);
    token.is_last = true;
    return token;
}

}  // namespace sluice::conf
