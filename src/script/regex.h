// SPDX-License-Identifier: BSD-2-Clause
// Regex: a PCRE2 pattern of the configuration, compiled when it is loaded and matched without
// allocating: everything a match needs is taken at load.
// Runs in: any (compile), worker (match). One thread at a time per object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "script/required_text.h"

namespace sluice::script {

/// A compiled pattern. Owner: whoever compiled it (a generation); move-only.
class Regex {
  public:
    /// `$0` and `$1`…`$9`: more groups may exist in the pattern, but only a name can mean them.
    static constexpr std::size_t kMaxGroups = 10;

    struct NamedGroup {
        std::string_view name;  ///< lives as long as the Regex
        std::size_t number = 0;
    };

    /// Fails: a sentence in nginx's words, with the offset of the mistake:
    /// `pcre2_compile() failed: missing closing parenthesis in "a(b" at offset 3`.
    [[nodiscard]] static std::expected<Regex, std::string> compile(std::string_view pattern,
                                                                   bool is_caseless);

    Regex(Regex&&) noexcept;
    Regex& operator=(Regex&&) noexcept;
    ~Regex();

    /// Translates the pattern to machine code for faster matches. Needs memory that can be executed.
    /// Fails: a sentence; the pattern is interpreted as before.
    [[nodiscard]] std::expected<void, std::string> use_jit();

    /// Whether `subject` matches somewhere. Then groups[0] is the whole match and groups[i] the
    /// i-th group, empty where it took no part; all of `groups` is written, surplus ones empty.
    /// A pattern that passes the match limit counts as no match.
    /// Lives: the groups view `subject`. Allocates nothing.
    [[nodiscard]] bool match(std::string_view subject, std::span<std::string_view> groups) const;
    [[nodiscard]] bool match(std::string_view subject) const { return match(subject, {}); }

    /// A group of the last match, which must have succeeded and been against `subject`; empty where
    /// it took no part.
    [[nodiscard]] std::string_view last_group(std::string_view subject, std::size_t number) const;

    /// Groups of the pattern without the whole match.
    [[nodiscard]] std::size_t group_count() const { return group_count_; }
    [[nodiscard]] std::span<const NamedGroup> named_groups() const { return named_groups_; }
    /// The pattern as written.
    [[nodiscard]] std::string_view pattern() const { return pattern_; }
    [[nodiscard]] bool is_caseless() const { return is_caseless_; }

  private:
    struct Compiled;  // what PCRE2 made of it

    Regex();

    std::unique_ptr<Compiled> compiled_;
    std::vector<NamedGroup> named_groups_;
    std::string pattern_;
    RequiredText required_;  ///< of the pattern: asked first
    std::size_t group_count_ = 0;
    std::size_t kept_groups_ = kMaxGroups;  ///< groups that the last match remembers
    bool is_caseless_ = false;
};

}  // namespace sluice::script
