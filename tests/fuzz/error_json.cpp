// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: error lines as JSON. Whatever stands in a line, and wherever it was cut, the object is
// one line of valid JSON, and a short one stays within its limit.
#include <cstdint>
#include <string_view>

#include "base/bug.h"
#include "json_reader.h"
#include "logger/error_line.h"
#include "logger/json_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice;  // NOLINT: a program of one file
    const std::string_view text(static_cast<const char*>(static_cast<const void*>(data)), size);
    const logger::ErrorEvent event{.level = log::Level::Error,
                                   .wall = Millis(static_cast<std::int64_t>(size) * 1'000'000'007),
                                   .pid = 1,
                                   .process = "worker",
                                   .slot = SlotId{0},
                                   .text = text};
    logger::JsonLine json;
    for (const bool is_short : {false, true}) {
        const std::string_view line = json.format(event, is_short);
        BUG_UNLESS(fuzz::JsonReader(line).is_valid(), "no valid object");
        BUG_UNLESS(!is_short || line.size() <= 2048, "not short");
    }
    logger::ErrorLine plain;
    const std::string_view line = plain.format(event.level, event.wall, event.pid, text);
    BUG_UNLESS(line.find_first_of("\r\n") == line.npos, "more than one line");
    return 0;
}
