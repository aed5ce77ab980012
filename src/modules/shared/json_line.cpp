// SPDX-License-Identifier: BSD-2-Clause
// Typed JSON lines: the block's keys at configuration time, one pass over them per request.
// Runs in: any (settings), worker (render).
#include "modules/shared/json_line.h"

#include <algorithm>
#include <string>
#include <vector>

#include "log/json_text.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

constexpr std::size_t kMaxDepth = 8;

// ---- configuration ----

std::string_view key_text(conf::Build& build, std::string_view name) {
    std::string out = "\"";
    log::put_json_text(name, [&out](std::string_view piece) { out += piece; });
    out += "\":";
    return build.arena().copy(out);
}

bool is_variable(const script::Template& text) {
    return text.parts().size() == 1;
}

/// Without a word about it, a number is what is always one: `$status`, `$body_bytes_sent`.
JsonType natural_type(const script::Template& text) {
    const bool is_number = is_variable(text) && text.parts()[0].row != nullptr &&
                           text.parts()[0].row->is_number;
    return is_number ? JsonType::Number : JsonType::Text;
}

bool read_word(conf::Build& build, const conf::Argument& word, JsonField& field) {
    if (word.text == "string") {
        field.type = JsonType::Text;
    } else if (word.text == "number") {
        field.type = JsonType::Number;
    } else if (word.text == "boolean") {
        field.type = JsonType::Boolean;
    } else if (word.text == "optional") {
        field.is_optional = true;
    } else {
        return build.error(word, "invalid type \"" + std::string(word.text) + "\" in log format",
                           "string, number, boolean or optional");
    }
    return true;
}

class Reader {
  public:
    Reader(conf::Build& build, const script::VariableTable& variables)
        : build_(build), variables_(variables) {}

    std::span<const JsonField> read(const conf::Directive& block, std::size_t depth) {
        if (depth > kMaxDepth || block.children.empty()) {
            build_.error(block,
                         depth > kMaxDepth ? "objects in a log format are nested too deeply"
                                           : "an object in a log format has no keys",
                         "key $variable;");
            return {};
        }
        std::vector<JsonField> fields;
        bool is_good = true;
        for (const conf::Directive& child : block.children) {
            JsonField field{.key = key_text(build_, child.name), .value = {}};
            const auto is_same = [&](const JsonField& one) { return one.key == field.key; };
            if (std::ranges::any_of(fields, is_same)) {
                build_.error(child, "duplicate key \"" + std::string(child.name) +
                                        "\" in log format");
                return {};
            }
            is_good = read_field(child, depth, field) && is_good;
            fields.push_back(field);
        }
        const auto kept = build_.arena().make_span<JsonField>(fields.size());
        std::ranges::copy(fields, kept.begin());
        return is_good ? kept : std::span<const JsonField>{};
    }

  private:
    bool read_field(const conf::Directive& child, std::size_t depth, JsonField& field) {
        if (child.has_block) {
            field.is_object = true;
            field.fields = read(child, depth + 1);
            return !field.fields.empty();
        }
        if (child.args.empty()) {
            return build_.error(child, "key \"" + std::string(child.name) +
                                           "\" in log format has no value",
                                "key $variable; or key \"text\";");
        }
        if (!script::compile_argument(build_, child.args[0], variables_, field.value)) {
            return false;
        }
        field.type = natural_type(field.value);
        bool is_good = true;
        for (const conf::Argument& word : child.args.subspan(1)) {
            is_good = read_word(build_, word, field) && is_good;
        }
        return is_good;
    }

    conf::Build& build_;
    const script::VariableTable& variables_;
};

// ---- lines ----

std::string_view text_of(const script::Template& text, const LineSubject& of) {
    if (is_variable(text)) {
        return script::evaluate(text.parts()[0], of.subject, of.arena, of.captures).text;
    }
    return text.render(of.subject, of.arena, of.captures);
}

/// Runs of plain ASCII may be cut anywhere; escapes and UTF-8 sequences may not.
bool put_string(LineWriter& out, std::string_view text) {
    if (!out.open('"')) {
        return false;
    }
    log::put_json_text(text, [&out](std::string_view piece) {
        const char first = piece.front();
        if (first == '\\' || static_cast<unsigned char>(first) >= 0x80) {
            out.put_whole(piece);
        } else if (!out.is_cut()) {
            out.put(piece);
        }
    });
    out.close('"');
    return true;
}

/// "007" is no number in JSON, 7 is.
std::string_view without_leading_zeros(std::string_view text) {
    while (text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9') {
        text.remove_prefix(1);
    }
    return text;
}

/// False where nothing could be written.
bool put_value(LineWriter& out, const JsonField& field, std::string_view text) {
    if (field.type == JsonType::Boolean) {
        return out.put_whole(text.empty() || text == "0" ? "false" : "true");
    }
    if (text.empty()) {
        return out.put_whole("null");
    }
    if (field.type == JsonType::Number) {
        const std::string_view number = without_leading_zeros(text);
        if (log::is_json_number(number)) {
            return out.put_whole(number);
        }
    }
    return put_string(out, text);
}

/// `"key":value`, behind a comma or not; false where it was left out.
bool put_field(LineWriter& out, const JsonField& field, bool is_first, const LineSubject& of) {
    const std::string_view text = field.is_object ? std::string_view{} : text_of(field.value, of);
    if (field.is_optional && text.empty()) {
        return false;
    }
    const std::size_t before = out.size();
    const bool is_written = out.put_whole(is_first ? "" : ",") && out.put_whole(field.key) &&
                            (field.is_object ? put_json_object(out, field.fields, of)
                                             : put_value(out, field, text));
    if (!is_written) {
        out.rewind(before);
    }
    return is_written;
}

}  // namespace

std::span<const JsonField> compile_json(conf::Build& build,
                                        const conf::Directive& block,
                                        const script::VariableTable& variables) {
    return Reader(build, variables).read(block, 1);
}

bool put_json_object(LineWriter& out,
                     std::span<const JsonField> fields,
                     const LineSubject& of) {
    if (!out.open('{')) {
        return false;
    }
    bool is_first = true;
    for (const JsonField& field : fields) {
        if (put_field(out, field, is_first, of)) {
            is_first = false;
        }
        if (out.is_cut()) {
            break;
        }
    }
    out.close('}');
    return true;
}

}  // namespace sluice::modules
