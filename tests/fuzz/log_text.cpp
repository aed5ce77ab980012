// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: values of log lines. Whatever a client sends and however little room there is, a line
// is one line, and a typed JSON line is one valid object of valid UTF-8.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bug.h"
#include "json_reader.h"
#include "modules/shared/json_line.h"
#include "modules/shared/log_line.h"

namespace {

using namespace sluice;  // NOLINT: a program of one file

script::Value get_value(const void* subject, Arena&, std::string_view) {
    return {.text = *static_cast<const std::string_view*>(subject), .is_found = true};
}

// What such a row promises: a number is written as it is.
script::Value get_number(const void* subject, Arena& arena, std::string_view) {
    const std::string_view value = *static_cast<const std::string_view*>(subject);
    return {.text = arena.copy(std::to_string(value.size())), .is_found = true};
}

constexpr script::VariableRow kRows[] = {
    {.name = "v", .get = get_value, .sentence = ""},
    {.name = "n", .get = get_number, .sentence = "", .is_number = true},
};
constexpr std::span<const script::VariableRow> kLists[] = {kRows};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    const std::size_t room = data[0] + 256U * (data[1] & 7U);
    const std::string_view value(static_cast<const char*>(static_cast<const void*>(data + 2)),
                                 size - 2);
    Arena arena;
    const script::VariableTable table(kLists);
    const auto text = [&](std::string_view source) {
        return *script::Template::compile(source, table, arena);
    };
    using modules::JsonField;
    using modules::JsonType;
    const JsonField inner[] = {{.key = "\"a\":", .value = text("$v")},
                               {.key = "\"b\":", .value = text("x$v $n")}};
    const JsonField fields[] = {
        {.key = "\"n\":", .value = text("$n"), .type = JsonType::Number},
        {.key = "\"o\":", .value = {}, .is_object = true, .fields = inner},
        {.key = "\"t\":", .value = text("$v"), .is_optional = true},
        {.key = "\"f\":", .value = text("$v"), .type = JsonType::Boolean}};
    // Exactly the room's size, so that a sanitizer sees every byte past it.
    std::vector<char> bytes(room);
    for (const auto escape :
         {modules::LogEscape::Default, modules::LogEscape::Json, modules::LogEscape::None}) {
        modules::LogFormat format{
            .name = "f", .escape = escape, .text = text("<$v> $n"), .fields = {}};
        const auto line = modules::render_line(format, &value, arena, {}, bytes);
        const std::string_view out(bytes.data(), line.size);
        BUG_UNLESS(out.find_first_of("\r\n") == out.npos, "more than one line");
        if (escape == modules::LogEscape::Default) {
            BUG_UNLESS(out.find('"') == out.npos, "a quote came through");
        }
        format.fields = fields;
        const auto object = modules::render_line(format, &value, arena, {}, bytes);
        BUG_UNLESS(object.size == 0 ? room < 2 : fuzz::JsonReader({bytes.data(), object.size}).is_valid(),
                   "no valid object");
    }
    return 0;
}
