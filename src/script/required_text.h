// SPDX-License-Identifier: BSD-2-Clause
// RequiredText: what a text must hold for a pattern to match it, read from the pattern's own words.
// Most rules of a configuration do not match most requests; whether a text begins with "/blog/" is
// told a hundred times faster than by a regular expression.
// Runs in: any (read), worker (allows).
#pragma once

#include <string>
#include <string_view>

namespace sluice::script {

class RequiredText {
  public:
    RequiredText() = default;

    /// Of a pattern that PCRE2 has accepted. What is not understood for certain requires nothing.
    [[nodiscard]] static RequiredText of(std::string_view pattern, bool is_caseless);

    /// False: the pattern cannot match `subject`. True: ask the pattern.
    [[nodiscard]] bool allows(std::string_view subject) const;

    /// What each matching text begins with.
    [[nodiscard]] std::string_view prefix() const { return prefix_; }

    /// What each matching text holds, besides the prefix; empty where case does not count.
    [[nodiscard]] std::string_view inside() const { return inside_; }

  private:
    std::string prefix_;
    std::string inside_;
    bool is_caseless_ = false;
};

}  // namespace sluice::script
