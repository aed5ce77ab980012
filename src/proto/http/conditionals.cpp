// SPDX-License-Identifier: BSD-2-Clause
// Conditional requests.
// Runs in: worker.
#include "proto/http/conditionals.h"

#include <optional>

#include "base/ascii.h"
#include "proto/http/http_date.h"

namespace sluice::http {

namespace {

std::string_view without_weakness(std::string_view tag) {
    return tag.starts_with("W/") ? tag.substr(2) : tag;
}

bool is_same_tag(std::string_view a, std::string_view b, bool is_weak_allowed) {
    if (is_weak_allowed) {
        return without_weakness(a) == without_weakness(b);
    }
    return !a.starts_with("W/") && a == b;
}

// Takes the first entity tag off `list`; commas inside the quotes belong to the tag.
std::string_view next_tag(std::string_view& list) {
    while (!list.empty() && (list.front() == ',' || list.front() == ' ' || list.front() == '\t')) {
        list.remove_prefix(1);
    }
    const std::size_t open = list.starts_with("W/\"") ? 2 : 0;
    std::size_t end = list.find(',');
    if (list.substr(open).starts_with('"')) {
        const std::size_t close = list.find('"', open + 1);
        end = close == std::string_view::npos ? close : close + 1;
    }
    const std::string_view tag = trim(list.substr(0, end));
    list.remove_prefix(end == std::string_view::npos ? list.size() : end);
    return tag;
}

// If-Unmodified-Since holds unless we know of a later change; a date we cannot read is ignored.
bool unmodified_since_holds(std::string_view text, const Validators& validators) {
    const std::optional<UnixSeconds> since = parse_http_date(text);
    return !since || validators.last_modified.count() < 0 || validators.last_modified <= *since;
}

bool is_modified_since(std::string_view text, const Validators& validators, ModifiedRule rule) {
    if (rule == ModifiedRule::Off || validators.last_modified.count() < 0) {
        return true;
    }
    const std::optional<UnixSeconds> since = parse_http_date(text);
    if (!since) {
        return true;
    }
    if (*since == validators.last_modified) {
        return false;
    }
    return rule == ModifiedRule::Exact || *since < validators.last_modified;
}

}  // namespace

bool etag_list_has(std::string_view list, std::string_view etag, bool is_weak_allowed) {
    if (trim(list) == "*") {
        return true;
    }
    if (etag.empty()) {
        return false;
    }
    while (!list.empty()) {
        const std::string_view tag = next_tag(list);
        if (!tag.empty() && is_same_tag(tag, etag, is_weak_allowed)) {
            return true;
        }
    }
    return false;
}

Condition judge_conditions(const Request& request,
                           const Validators& validators,
                           ModifiedRule rule) {
    // RFC 9110 §13.2.2: If-Match decides alone where both are present.
    if (const std::string_view list = request.get(Field::IfMatch); list.data() != nullptr) {
        if (!etag_list_has(list, validators.etag, false)) {
            return Condition::Failed;
        }
    } else if (const std::string_view date = request.get(Field::IfUnmodifiedSince);
               date.data() != nullptr && !unmodified_since_holds(date, validators)) {
        return Condition::Failed;
    }
    // The same for If-None-Match and If-Modified-Since.
    if (const std::string_view list = request.get(Field::IfNoneMatch); list.data() != nullptr) {
        if (!etag_list_has(list, validators.etag, true)) {
            return Condition::Proceed;
        }
        const bool is_read = request.method == Method::Get || request.method == Method::Head;
        return is_read ? Condition::NotModified : Condition::Failed;
    }
    const std::string_view date = request.get(Field::IfModifiedSince);
    const bool is_read = request.method == Method::Get || request.method == Method::Head;
    if (date.data() != nullptr && is_read && !is_modified_since(date, validators, rule)) {
        return Condition::NotModified;
    }
    return Condition::Proceed;
}

bool if_range_holds(const Request& request, const Validators& validators) {
    const std::string_view value = request.get(Field::IfRange);
    if (value.data() == nullptr) {
        return true;
    }
    if (value.starts_with('"') || value.starts_with("W/")) {
        return !validators.etag.empty() && is_same_tag(value, validators.etag, false);
    }
    const std::optional<UnixSeconds> date = parse_http_date(value);
    return date && validators.last_modified.count() >= 0 && *date == validators.last_modified;
}

}  // namespace sluice::http
