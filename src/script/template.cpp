// SPDX-License-Identifier: BSD-2-Clause
// Template: `$name` rules as nginx has them. There is no way to write a literal `$`.
// Runs in: any (compile), worker (render).
#include "script/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/ascii.h"
#include "base/error.h"
#include "script/declared.h"

namespace sluice::script {

namespace {

bool is_name_char(char c) {
    return is_alpha(c) || is_digit(c) || c == '_';
}

/// Cuts the variable that follows a `$` off `rest`: a name, or one digit for a capture.
std::expected<std::string_view, std::string> take_name(std::string_view& rest) {
    if (!rest.empty() && rest[0] >= '1' && rest[0] <= '9') {
        const std::string_view digit = rest.substr(0, 1);
        rest.remove_prefix(1);
        return digit;
    }
    const bool is_braced = rest.starts_with('{');
    if (is_braced) {
        rest.remove_prefix(1);
    }
    const auto end = std::find_if_not(rest.begin(), rest.end(), is_name_char);
    const std::string_view name(rest.begin(), end);
    rest.remove_prefix(name.size());
    if (is_braced && !rest.starts_with('}')) {
        return std::unexpected(
            fmt::format("the closing bracket in \"{}\" variable is missing", name));
    }
    if (is_braced) {
        rest.remove_prefix(1);
    }
    if (name.empty()) {
        return std::unexpected("invalid variable name");
    }
    return name;
}

std::expected<Part, std::string> part_of(std::string_view name, const VariableTable& variables) {
    if (name.size() == 1 && name[0] >= '1' && name[0] <= '9') {
        return Part{.text = {}, .row = nullptr, .capture = name[0] - '0'};
    }
    const VariableTable::Found found = variables.find(name);
    // A prefix without a function: each name is given its value when the block has been read.
    const bool is_unbound = found.row != nullptr && found.row->get == nullptr &&
                            found.row->get_bound == nullptr;
    if (found.row == nullptr || is_unbound) {
        // What declares it may stand further down; who reads the block asks for leftovers at its end.
        const VariableRow* const wanted =
            variables.declared() == nullptr ? nullptr : variables.declared()->want(name);
        if (wanted == nullptr) {
            return std::unexpected(fmt::format("unknown \"{}\" variable", name));
        }
        return Part{.text = {}, .row = wanted, .capture = 0};
    }
    return Part{.text = found.suffix, .row = found.row, .capture = 0};
}

inline Value value_of(const Part& part,
                      const void* subject,
                      Arena& arena,
                      const Captures& captures) {
    if (part.row != nullptr) {
        return part.row->value(subject, arena, part.text);
    }
    const auto number = static_cast<std::size_t>(part.capture);
    if (number == 0 || number >= captures.groups.size()) {
        return Value::none();
    }
    return {.text = captures.groups[number], .is_found = true};
}

}  // namespace

std::expected<Template, std::string> Template::compile(std::string_view text,
                                                       const VariableTable& variables,
                                                       Arena& arena) {
    Template out;
    out.source_ = arena.copy(text);
    if (out.source_.data() == nullptr) {
        return std::unexpected("no memory for a text with variables");
    }
    std::vector<Part> parts;
    std::string_view rest = out.source_;
    while (!rest.empty()) {
        const std::size_t dollar = std::min(rest.find('$'), rest.size());
        if (dollar > 0) {
            parts.push_back({.text = rest.substr(0, dollar), .row = nullptr, .capture = 0});
        }
        rest.remove_prefix(dollar);
        if (rest.empty()) {
            break;
        }
        rest.remove_prefix(1);
        const std::string_view name = TRY(take_name(rest));
        parts.push_back(TRY(part_of(name, variables)));
    }
    const bool is_constant = std::ranges::all_of(
        parts, [](const Part& part) { return part.row == nullptr && part.capture == 0; });
    if (is_constant) {
        out.constant_ = out.source_;
        return out;
    }
    const std::span<Part> kept = arena.make_span<Part>(parts.size());
    if (kept.empty()) {
        return std::unexpected("no memory for a text with variables");
    }
    std::ranges::copy(parts, kept.begin());
    out.parts_ = kept;
    return out;
}

std::string_view Template::render(const void* subject,
                                  Arena& arena,
                                  Captures captures) const {
    if (is_constant()) {
        return constant_.data() == nullptr ? std::string_view("") : constant_;
    }
    if (parts_.size() == 1) {  // a variable alone: its own text will do
        const Value value = value_of(parts_[0], subject, arena, captures);
        if (!value.has_room()) [[unlikely]] {
            return {};
        }
        return value.text.data() == nullptr ? std::string_view("") : value.text;
    }
    const std::span<std::string_view> texts = arena.make_span<std::string_view>(parts_.size());
    if (texts.empty()) {
        return {};
    }
    std::size_t size = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        const Part& part = parts_[i];
        const bool is_literal = part.row == nullptr && part.capture == 0;
        const Value value =
            is_literal ? Value{part.text} : value_of(part, subject, arena, captures);
        if (!value.has_room()) [[unlikely]] {
            return {};
        }
        texts[i] = value.text;
        size += value.text.size();
    }
    char* const out = static_cast<char*>(arena.allocate(size + 1, 1));
    if (out == nullptr) {
        return {};
    }
    char* at = out;
    for (const std::string_view text : texts) {
        at = std::copy(text.begin(), text.end(), at);
    }
    *at = '\0';
    return {out, size};
}

Value evaluate(const Part& part, const void* subject, Arena& arena, const Captures& captures) {
    return value_of(part, subject, arena, captures);
}

}  // namespace sluice::script
