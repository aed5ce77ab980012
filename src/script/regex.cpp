// SPDX-License-Identifier: BSD-2-Clause
// Regex: the only file that knows PCRE2.
// Runs in: any (compile), worker (match).
#include "script/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::script {

namespace {

// A client chooses the subject: bound what one match may cost, in steps and in KiB of backtracking.
constexpr std::uint32_t kMatchLimit = 1'000'000;
constexpr std::uint32_t kHeapLimitKib = 4096;

struct Release {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

PCRE2_SPTR as_units(std::string_view text) {
    // PCRE2's code units are unsigned bytes; an empty view may have no address at all.
    return static_cast<PCRE2_SPTR>(static_cast<const void*>(text.empty() ? "" : text.data()));
}

std::string message_of(int code) {
    std::array<PCRE2_UCHAR, 256> text{};
    if (pcre2_get_error_message(code, text.data(), text.size()) < 0) {
        text[0] = '\0';
    }
    return static_cast<const char*>(static_cast<void*>(text.data()));
}

std::string explain(int code, PCRE2_SIZE offset, std::string_view pattern) {
    return fmt::format("pcre2_compile() failed: {} in \"{}\" at offset {}", message_of(code), pattern,
                       offset);
}

std::vector<Regex::NamedGroup> read_names(const pcre2_code* code) {
    std::uint32_t count = 0;
    std::uint32_t entry_size = 0;
    PCRE2_SPTR table = nullptr;
    std::vector<Regex::NamedGroup> out;
    if (pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &count) != 0 || count == 0 ||
        pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &entry_size) != 0 ||
        pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &table) != 0) {
        return out;
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        // An entry: the number in two bytes, high one first, then the name and a zero byte.
        PCRE2_SPTR const entry = table + static_cast<std::size_t>(i) * entry_size;
        const std::size_t number = static_cast<std::size_t>(entry[0]) << 8U | entry[1];
        out.push_back({static_cast<const char*>(static_cast<const void*>(entry + 2)), number});
    }
    return out;
}

}  // namespace

struct Regex::Compiled {
    std::unique_ptr<pcre2_code, Release> code;
    std::unique_ptr<pcre2_match_data, Release> data;
    std::unique_ptr<pcre2_match_context, Release> context;
};

Regex::Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

std::expected<Regex, std::string> Regex::compile(std::string_view pattern, bool is_caseless) {
    int code = 0;
    PCRE2_SIZE offset = 0;
    const std::uint32_t options = is_caseless ? PCRE2_CASELESS : 0;
    Regex out;
    out.compiled_ = std::make_unique<Compiled>();
    Compiled& compiled = *out.compiled_;
    compiled.code.reset(
        pcre2_compile(as_units(pattern), pattern.size(), options, &code, &offset, nullptr));
    if (compiled.code == nullptr) {
        return std::unexpected(explain(code, offset, pattern));
    }
    std::uint32_t groups = 0;
    pcre2_pattern_info(compiled.code.get(), PCRE2_INFO_CAPTURECOUNT, &groups);
    out.group_count_ = groups;
    out.named_groups_ = read_names(compiled.code.get());
    for (const NamedGroup& group : out.named_groups_) {
        out.kept_groups_ = std::max(out.kept_groups_, group.number + 1);
    }
    compiled.data.reset(
        pcre2_match_data_create(static_cast<std::uint32_t>(out.kept_groups_), nullptr));
    compiled.context.reset(pcre2_match_context_create(nullptr));
    if (compiled.data == nullptr || compiled.context == nullptr) {
        return std::unexpected(fmt::format("no memory to compile \"{}\"", pattern));
    }
    pcre2_set_match_limit(compiled.context.get(), kMatchLimit);
    pcre2_set_heap_limit(compiled.context.get(), kHeapLimitKib);
    out.pattern_ = pattern;
    out.is_caseless_ = is_caseless;
    // The first match takes PCRE2's backtracking frames; they stay with the match data.
    static_cast<void>(out.match(""));
    out.required_ = RequiredText::of(pattern, is_caseless);
    return out;
}

std::expected<void, std::string> Regex::use_jit() {
    const int status = pcre2_jit_compile(compiled_->code.get(), PCRE2_JIT_COMPLETE);
    if (status != 0) {
        return std::unexpected(
            fmt::format("pcre2_jit_compile() failed: {} in \"{}\"", message_of(status), pattern_));
    }
    return {};
}

bool Regex::match(std::string_view subject, std::span<std::string_view> groups) const {
    if (!required_.allows(subject)) {
        return false;
    }
    int count = pcre2_match(compiled_->code.get(), as_units(subject), subject.size(), 0, 0,
                            compiled_->data.get(), compiled_->context.get());
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) {  // machine code has 32 KiB for its backtracking
        count = pcre2_match(compiled_->code.get(), as_units(subject), subject.size(), 0,
                            PCRE2_NO_JIT, compiled_->data.get(), compiled_->context.get());
    }
    if (count < 0) {
        return false;
    }
    // PCRE2 marks groups past the last that took part as unset, so all that are kept are valid.
    for (std::size_t i = 0; i < groups.size(); ++i) {
        groups[i] = last_group(subject, i);
    }
    return true;
}

std::string_view Regex::last_group(std::string_view subject, std::size_t number) const {
    if (number >= kept_groups_ || number > group_count_) {  // PCRE2 never writes those
        return {};
    }
    const PCRE2_SIZE* const ends = pcre2_get_ovector_pointer(compiled_->data.get());
    const PCRE2_SIZE from = ends[2 * number];
    const PCRE2_SIZE to = ends[2 * number + 1];
    const bool took_part = from != PCRE2_UNSET && from <= to && to <= subject.size();
    return took_part ? subject.substr(from, to - from) : std::string_view{};
}

}  // namespace sluice::script
