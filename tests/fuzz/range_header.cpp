// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: a Range field's value against a size taken from the input. A part that is answered
// must lie inside the file.
// Runs in: tests.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/bug.h"
#include "modules/http/range.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using sluice::modules::RangeAnswer;
    std::uint64_t file_size = 0;
    if (size < sizeof file_size) {
        return 0;
    }
    std::memcpy(&file_size, data, sizeof file_size);
    const std::string_view value(reinterpret_cast<const char*>(data) + sizeof file_size,
                                 size - sizeof file_size);
    const RangeAnswer answer = sluice::modules::parse_range(value, file_size);
    if (answer.kind == RangeAnswer::Kind::Part) {
        BUG_UNLESS(answer.first <= answer.last && answer.last < file_size,
                   "a range outside of the file");
    }
    return 0;
}
