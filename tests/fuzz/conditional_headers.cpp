// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: the fields of a conditional request (RFC 9110 §13). "*" must match any entity tag, a
// list matches weakly wherever it does strongly, a date that was read is written and read again as
// itself, and a request without conditions goes on.
// Runs in: tests.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bug.h"
#include "proto/http/conditionals.h"
#include "proto/http/http_date.h"
#include "proto/http/request.h"

namespace {

using namespace sluice;
using namespace sluice::http;

constexpr std::array<Field, 5> kConditions{Field::IfMatch, Field::IfUnmodifiedSince,
                                           Field::IfNoneMatch, Field::IfModifiedSince,
                                           Field::IfRange};
constexpr UnixSeconds kLastOfYear9999{253402300799};

void check_date(std::string_view text) {
    const std::optional<UnixSeconds> when = parse_http_date(text);
    if (!when || when->count() < 0 || *when > kLastOfYear9999) {
        return;
    }
    std::array<char, kHttpDateSize> written{};
    format_http_date(*when, written);
    BUG_UNLESS(parse_http_date({written.data(), written.size()}) == when,
               "a date that is read as another one");
}

void check_list(std::string_view list, std::string_view etag) {
    BUG_UNLESS(!etag_list_has(list, etag, false) || etag_list_has(list, etag, true),
               "a list matches strongly and not weakly");
    BUG_UNLESS(etag_list_has("*", etag, true), "an asterisk must match");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Lines: the fields in the order of kConditions, separated by LF.
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    const Validators validators{.etag = "\"5f-10\"", .last_modified = UnixSeconds(784111777)};
    std::array<Header, kConditions.size()> headers{};
    Request request;
    bool has_any = false;
    for (std::size_t i = 0; i < kConditions.size() && !rest.empty(); ++i) {
        const std::size_t end = rest.find('\n');
        const std::string_view line = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
        check_date(line);
        check_list(line, validators.etag);
        if (!line.empty()) {
            headers[i].field = kConditions[i];
            headers[i].value = line;
            request.known[static_cast<std::size_t>(kConditions[i])] = &headers[i];
            has_any = true;
        }
    }
    for (const ModifiedRule rule : {ModifiedRule::Off, ModifiedRule::Exact, ModifiedRule::Before}) {
        const Condition verdict = judge_conditions(request, validators, rule);
        BUG_UNLESS(has_any || verdict == Condition::Proceed, "no condition, and it failed");
    }
    static_cast<void>(if_range_holds(request, validators));
    return 0;
}
