// SPDX-License-Identifier: BSD-2-Clause
// Recursive descent over the words of a file.
// Runs in: any.
#include "conf/parser.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::conf {

namespace {

const char* reason(int code) {
    return std::strerror(code);  // NOLINT(concurrency-mt-unsafe): one thread; copied at once
}

/// The name under which messages show the text of -g, as nginx's do.
constexpr std::string_view kCommandLine = "command line";

bool has_wildcard(std::string_view path) {
    return path.find_first_of("*?[") != std::string_view::npos;
}

}  // namespace

void Parser::parse(std::string_view main_file, std::string_view globals) {
    const std::size_t slash = main_file.rfind('/');
    conf_directory_ =
        std::string(main_file.substr(0, slash == std::string_view::npos ? 0 : slash + 1));
    Directives all;
    if (!globals.empty()) {
        parse_text(add_file(kCommandLine, globals), all);
    }
    parse_file(main_file, {}, all);
    tree_.directives = freeze(all);
}

std::uint32_t Parser::add_file(std::string_view path, std::string_view bytes) {
    tree_.files.push_back({arena_.copy(path), arena_.copy(bytes)});
    return static_cast<std::uint32_t>(tree_.files.size() - 1);
}

void Parser::parse_file(std::string_view path, Position included_from, Directives& out) {
    const Result<std::string_view> bytes = facts_.file(path);
    if (!bytes) {
        fail_at(included_from, std::string(bytes.error().op) + " \"" + std::string(path) +
                                   "\" failed (" + std::to_string(bytes.error().code) + ": " +
                                   reason(bytes.error().code) + ")");
        return;
    }
    if (bytes->find('\0') != std::string_view::npos) {
        fail_at(included_from, "\"" + std::string(path) + "\" holds a NUL byte", "a text file");
        return;
    }
    open_files_.emplace_back(path);
    parse_text(add_file(path, *bytes), out);
    open_files_.pop_back();
}

void Parser::parse_text(std::uint32_t file, Directives& out) {
    std::string_view text = tree_.files[file].bytes;
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (text.starts_with(kByteOrderMark)) {
        text.remove_prefix(kByteOrderMark.size());
    }
    Reader reader{Lexer(text, file), 0, {}};
    parse_block(reader, out);
}

bool Parser::parse_block(Reader& reader, Directives& out) {
    for (;;) {
        Token token = reader.lexer.next();
        switch (token.kind) {
            case TokenKind::End:
                if (reader.depth == 0) {
                    return true;
                }
                return fail_at(reader.opened, "unexpected end of file, expecting \"}\"",
                               "a \"}\" for the \"{\" that was opened here");
            case TokenKind::Close:
                if (reader.depth > 0) {
                    return true;
                }
                fail_at(token.at, "unexpected \"}\"", "a directive: no block is open here");
                continue;
            case TokenKind::Open:
                fail_at(token.at, "unexpected \"{\"", "the name of a directive before it");
                continue;
            case TokenKind::Semicolon:
                fail_at(token.at, "unexpected \";\"", "the name of a directive before it");
                continue;
            case TokenKind::Bad:
                fail_at(token.at, std::move(token.text));
                if (token.is_last) {
                    return false;
                }
                continue;
            case TokenKind::Word:
                switch (parse_directive(reader, token, out)) {
                    case Step::Next:
                        continue;
                    case Step::BlockClosed:
                        return true;
                    case Step::Stop:
                        return false;
                }
        }
    }
}

Parser::Step Parser::parse_directive(Reader& reader, const Token& first, Directives& out) {
    Directive directive{.name = arena_.copy(first.text), .at = first.at};
    bool is_sound = true;
    const Token token = parse_args(reader, directive, is_sound);
    switch (token.kind) {
        case TokenKind::Open:
            return parse_children(reader, token.at, directive, out);
        case TokenKind::Semicolon:
            if (!is_sound) {
                return Step::Next;  // one mistake, one message
            }
            if (directive.name == "include") {
                include(directive, out);
            } else {
                out.push_back(directive);
            }
            return Step::Next;
        case TokenKind::Close:
            fail_at(first.at, "directive \"" + first.text + "\" is not terminated by \";\"",
                    "a \";\" before the \"}\"", first.text.size());
            return reader.depth > 0 ? Step::BlockClosed : Step::Next;
        case TokenKind::Bad:
            fail_at(token.at, token.text);
            return Step::Stop;
        default:
            report_end(reader, first);
            return Step::Stop;
    }
}

Token Parser::parse_args(Reader& reader, Directive& directive, bool& is_sound) {
    std::vector<Argument> args;
    Token token = reader.lexer.next();
    for (; token.kind == TokenKind::Word || token.kind == TokenKind::Bad;
         token = reader.lexer.next()) {
        if (token.kind == TokenKind::Word) {
            const std::optional<std::string> text = expand_env(token);
            is_sound = is_sound && text.has_value();
            args.push_back({arena_.copy(text.value_or("")), token.at, token.is_quoted});
            continue;
        }
        if (token.is_last) {
            break;
        }
        is_sound = fail_at(token.at, token.text, "a space, \";\" or \"{\"");
    }
    const std::span<Argument> kept = arena_.make_span<Argument>(args.size());
    std::copy(args.begin(), args.end(), kept.begin());
    directive.args = kept;
    return token;
}

void Parser::report_end(const Reader& reader, const Token& first) {
    if (reader.depth > 0) {
        fail_at(reader.opened, "unexpected end of file, expecting \"}\"",
                "a \"}\" for the \"{\" that was opened here");
    }
    const bool is_parameter = tree_.files[first.at.file].path == kCommandLine;
    fail_at(first.at,
            is_parameter ? "unexpected end of parameter, expecting \";\""
                         : "unexpected end of file, expecting \";\" or \"}\"",
            "a \";\" after \"" + first.text + "\"", first.text.size());
}

Parser::Step Parser::parse_children(Reader& reader,
                                    Position opened,
                                    Directive directive,
                                    Directives& out) {
    if (reader.depth == kMaxBlockDepth) {
        fail_at(opened, "blocks are nested too deeply",
                "at most " + std::to_string(kMaxBlockDepth) + " levels");
        return Step::Stop;
    }
    const Position outer = std::exchange(reader.opened, opened);
    ++reader.depth;
    Directives children;
    const bool is_whole = parse_block(reader, children);
    --reader.depth;
    reader.opened = outer;
    directive.has_block = true;
    directive.children = freeze(children);
    directive.block_end = reader.lexer.here();
    if (directive.name == "include") {
        fail_at(directive.at, "directive \"include\" is not terminated by \";\"",
                "\";\" instead of \"{\": it has no block", directive.name.size());
    } else {
        out.push_back(directive);
    }
    return is_whole ? Step::Next : Step::Stop;
}

void Parser::include(const Directive& directive, Directives& out) {
    if (directive.args.size() != 1) {
        fail_at(directive.at, "invalid number of arguments in \"include\" directive",
                "one file name or pattern", directive.name.size());
        return;
    }
    const Argument& argument = directive.args.front();
    std::string path(argument.text);
    if (!path.starts_with('/')) {
        path = conf_directory_ + path;
    }
    if (!has_wildcard(path)) {
        if (may_include(path, argument)) {
            parse_file(path, argument.at, out);
        }
    } else if (const Result<std::vector<std::string>> found = facts_.glob(path); found) {
        for (const std::string& one : *found) {
            if (may_include(one, argument)) {
                parse_file(one, argument.at, out);
            }
        }
    } else {
        fail_at(argument.at, "glob() \"" + path + "\" failed (" +
                                 std::to_string(found.error().code) + ": " +
                                 reason(found.error().code) + ")");
    }
}

bool Parser::may_include(std::string_view path, const Argument& argument) {
    if (is_include_refused_) {
        return false;
    }
    std::string message;
    std::string expectation;
    if (std::find(open_files_.begin(), open_files_.end(), path) != open_files_.end()) {
        message = "\"" + std::string(path) + "\" includes itself";
    } else if (open_files_.size() > kMaxIncludeDepth) {
        message = "includes are nested too deeply";
        expectation = "a chain of at most " + std::to_string(kMaxIncludeDepth) + " files";
    } else if (tree_.files.size() >= kMaxFiles) {
        message = "too many included files";
        expectation = "at most " + std::to_string(kMaxFiles);
    } else {
        return true;
    }
    is_include_refused_ = true;
    return fail_at(argument.at, std::move(message), std::move(expectation), argument.text.size());
}

std::optional<std::string> Parser::expand_env(const Token& word) {
    constexpr std::string_view kOpen = "${ENV:";
    std::string out;
    bool is_sound = true;
    std::string_view rest = word.text;
    for (;;) {
        const std::size_t start = rest.find(kOpen);
        if (start == std::string_view::npos) {
            out.append(rest);
            return is_sound ? std::optional(std::move(out)) : std::nullopt;
        }
        out.append(rest.substr(0, start));
        rest.remove_prefix(start + kOpen.size());
        const std::size_t end = rest.find('}');
        if (end == std::string_view::npos) {
            fail_at(word.at, "the closing bracket in \"" + word.text + "\" is missing",
                    "${ENV:NAME} or ${ENV:NAME:-default}", word.text.size());
            return std::nullopt;
        }
        std::string_view name = rest.substr(0, end);
        rest.remove_prefix(end + 1);
        const std::size_t dash = name.find(":-");
        const bool has_default = dash != std::string_view::npos;
        const std::string_view fallback = has_default ? name.substr(dash + 2) : std::string_view{};
        name = name.substr(0, dash);
        const std::optional<std::string> value = facts_.env(name);
        if (value && (!value->empty() || !has_default)) {
            out.append(*value);
        } else if (has_default) {
            out.append(fallback);
        } else {
            is_sound =
                fail_at(word.at, "environment variable \"" + std::string(name) + "\" is not set",
                        "a value in the environment, or a default: ${ENV:" + std::string(name) +
                            ":-default}",
                        word.text.size());
        }
    }
}

std::span<const Directive> Parser::freeze(const Directives& list) {
    const std::span<Directive> out = arena_.make_span<Directive>(list.size());
    std::copy(list.begin(), list.end(), out.begin());
    return out;
}

bool Parser::fail_at(Position at, std::string message, std::string expectation, std::size_t width) {
    return diagnostics_.add({.at = at,
                             .message = std::move(message),
                             .expectation = std::move(expectation),
                             .width = width});
}

}  // namespace sluice::conf
