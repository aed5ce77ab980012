// SPDX-License-Identifier: BSD-2-Clause
// Reading `match` blocks, and judging answers by them.
// Runs in: any (settings), worker (judges).
#include "modules/shared/match_block.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "conf/generation.h"

namespace sluice::modules {

using upstream::Judgement;

namespace {

// ---- reading ----

/// "\x00" and "\r" as bytes.
std::string unescape(std::string_view text) {
    const auto hex = [](char c) -> int {
        const char lower = to_lower(c);
        return is_digit(c) ? c - '0' : (lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1);
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_hex = text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x' &&
                            hex(text[i + 2]) >= 0 && hex(text[i + 3]) >= 0;
        if (is_hex) {
            out += static_cast<char>(hex(text[i + 2]) * 16 + hex(text[i + 3]));
            i += 3;
        } else {
            out += text[i];
        }
    }
    return out;
}

bool compile(conf::Build& build, const conf::Argument& argument, bool is_caseless, TextRule& out) {
    auto regex = script::Regex::compile(argument.text, is_caseless);
    if (!regex) {
        return build.error(argument, std::move(regex.error()));
    }
    out.pattern = &build.generation().keep(std::make_unique<script::Regex>(std::move(*regex)));
    return true;
}

/// Reads [OPERATOR] TEXT into `out`; operators are =, !=, ~, ~*, !~, !~*.
bool read_rule(conf::Build& build,
               const conf::Directive& directive,
               std::span<const conf::Argument> args,
               TextRule& out) {
    std::string_view mark = args.size() == 2 ? args[0].text : std::string_view();
    out.is_negated = mark.starts_with('!');
    mark.remove_prefix(out.is_negated ? 1 : 0);
    if (args.empty() || args.size() > 2 ||
        (!mark.empty() && mark != "=" && mark != "~" && mark != "~*")) {
        return build.error(directive,
                           "invalid parameter in \"" + std::string(directive.name) + "\" directive",
                           "a text, or ~ and a pattern");
    }
    if (mark.starts_with('~')) {
        return compile(build, args.back(), mark == "~*", out);
    }
    out.text = build.arena().copy(unescape(args.back().text));
    return true;
}

bool read_text_rule(conf::Build& build, const conf::Directive& row, const TextRule*& out) {
    TextRule& rule = *build.arena().make<TextRule>();
    out = &rule;
    return read_rule(build, row, row.args, rule);
}

bool read_status(conf::Build& build, const conf::Directive& row, MatchBlock& out) {
    std::span<const conf::Argument> args = row.args;
    out.is_status_negated = !args.empty() && args[0].text == "!";
    args = args.subspan(out.is_status_negated ? 1 : 0);
    std::vector<StatusRange> ranges;
    for (const conf::Argument& argument : args) {
        const std::size_t dash = argument.text.find('-');
        const auto first = parse_decimal(argument.text.substr(0, dash));
        const auto last =
            dash == argument.text.npos ? first : parse_decimal(argument.text.substr(dash + 1));
        if (!first || !last || *first < 100 || *last > 999 || *first > *last) {
            return build.error(argument, "invalid status \"" + std::string(argument.text) + "\"",
                               "a status such as 200, or 300-399");
        }
        ranges.push_back({static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)});
    }
    const std::span<StatusRange> kept = build.arena().make_span<StatusRange>(ranges.size());
    std::ranges::copy(ranges, kept.begin());
    out.statuses = kept;
    return !ranges.empty() ||
           build.error(row, "invalid number of arguments in \"status\" directive",
                       "a status such as 200, or 300-399");
}

bool read_header(conf::Build& build, const conf::Directive& row, MatchBlock& out) {
    std::span<const conf::Argument> args = row.args;
    HeaderRule& rule = *build.arena().make<HeaderRule>();
    if (args.size() == 2 && args[0].text == "!") {
        rule.value.is_negated = true;
        args = args.subspan(1);
    }
    if (args.size() != 1 && args.size() != 3) {
        return build.error(row, "invalid number of arguments in \"header\" directive",
                           "NAME, ! NAME, or NAME OPERATOR VALUE");
    }
    rule.name = args[0].text;
    rule.wants_value = args.size() == 3;
    rule.next = out.headers;
    out.headers = &rule;
    return !rule.wants_value || read_rule(build, row, args.subspan(1), rule.value);
}

bool read_row(conf::Build& build, const conf::Directive& row, bool is_stream, MatchBlock& out) {
    if (is_stream && row.name == "send" && row.args.size() == 1) {
        out.send = build.arena().copy(unescape(row.args[0].text));
        return true;
    }
    if (is_stream && row.name == "expect") {
        return read_text_rule(build, row, out.expect);
    }
    if (!is_stream && row.name == "status") {
        return read_status(build, row, out);
    }
    if (!is_stream && row.name == "header") {
        return read_header(build, row, out);
    }
    if (!is_stream && row.name == "body") {
        return read_text_rule(build, row, out.body);
    }
    return build.error(row, "unknown directive \"" + std::string(row.name) + "\" in \"match\"",
                       is_stream ? "send TEXT or expect [~] TEXT" : "status, header or body");
}

// ---- judging ----

/// Lines of a head behind its first; views the answer.
struct Head {
    unsigned status = 0;
    std::string_view fields;
    std::string_view body;
};

constexpr std::string_view kHeadEnd = "\r\n\r\n";

/// False: the answer is no HTTP head, or not yet.
bool read_head(std::string_view answer, Head& out) {
    const std::size_t end = answer.find(kHeadEnd);
    const std::size_t line = answer.find("\r\n");
    if (end == answer.npos || !answer.starts_with("HTTP/1.") || line < 12 || answer[8] != ' ') {
        return false;
    }
    const auto status = parse_decimal(answer.substr(9, 3));
    out.status = static_cast<unsigned>(status.value_or(0));
    out.fields = answer.substr(line + 2, end + 2 - std::min(end + 2, line + 2));
    out.body = answer.substr(end + kHeadEnd.size());
    return true;
}

bool header_holds(const HeaderRule& rule, std::string_view fields) {
    bool is_there = false;
    bool has_value = false;
    while (!fields.empty()) {
        const std::size_t end = std::min(fields.find("\r\n"), fields.size());
        const std::string_view line = fields.substr(0, end);
        fields.remove_prefix(std::min(end + 2, fields.size()));
        const std::size_t colon = line.find(':');
        if (colon == line.npos || !equals_ignoring_case(line.substr(0, colon), rule.name)) {
            continue;
        }
        is_there = true;
        TextRule plain = rule.value;
        plain.is_negated = false;
        has_value =
            has_value || (rule.wants_value && plain.holds_for(trim(line.substr(colon + 1))));
    }
    return (rule.wants_value ? has_value : is_there) != rule.value.is_negated;
}

bool status_holds(const MatchBlock& match, unsigned status) {
    if (match.statuses.empty()) {
        return status >= 200 && status < 400;
    }
    const bool is_in = std::ranges::any_of(match.statuses, [&](const StatusRange& range) {
        return status >= range.first && status <= range.last;
    });
    return is_in != match.is_status_negated;
}

}  // namespace

bool TextRule::holds_in(std::string_view bytes) const {
    const bool is_there =
        pattern != nullptr ? pattern->match(bytes) : bytes.find(text) != bytes.npos;
    return is_there != is_negated;
}

bool TextRule::holds_for(std::string_view value) const {
    return (pattern != nullptr ? pattern->match(value) : value == text) != is_negated;
}

MatchBlock* parse_match(conf::Build& build, const conf::Directive& directive) {
    MatchBlock& out = *build.arena().make<MatchBlock>();
    out.name = directive.args[0].text;
    out.at = directive.at;
    const bool is_stream = build.level().context == conf::kStream;
    bool is_good = true;
    for (const conf::Directive& row : directive.children) {
        is_good = read_row(build, row, is_stream, out) && is_good;
    }
    return is_good ? &out : nullptr;
}

Judgement judge_bytes(const upstream::CheckSpec& spec, std::string_view answer, bool is_end) {
    const TextRule& expect = *static_cast<const MatchBlock*>(spec.expected)->expect;
    // What must not come is known to have stayed away only at the end.
    const bool holds = expect.holds_in(answer);
    if (holds != expect.is_negated) {
        return holds ? Judgement::Good : (is_end ? Judgement::Bad : Judgement::More);
    }
    return !holds ? Judgement::Bad : (is_end ? Judgement::Good : Judgement::More);
}

Judgement judge_http(const upstream::CheckSpec& spec, std::string_view answer, bool is_end) {
    static constexpr MatchBlock kAnyGood{};
    const auto* const given = static_cast<const MatchBlock*>(spec.expected);
    const MatchBlock& match = given != nullptr ? *given : kAnyGood;
    Head head;
    if (!read_head(answer, head)) {
        return is_end ? Judgement::Bad : Judgement::More;
    }
    if (!status_holds(match, head.status)) {
        return Judgement::Bad;
    }
    for (const HeaderRule* rule = match.headers; rule != nullptr; rule = rule->next) {
        if (!header_holds(*rule, head.fields)) {
            return Judgement::Bad;
        }
    }
    if (match.body == nullptr) {
        return Judgement::Good;
    }
    if (!is_end && (match.body->is_negated || !match.body->holds_in(head.body))) {
        return Judgement::More;
    }
    return match.body->holds_in(head.body) ? Judgement::Good : Judgement::Bad;
}

}  // namespace sluice::modules
