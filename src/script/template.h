// SPDX-License-Identifier: BSD-2-Clause
// Template: a directive's argument with variables ("$host:$server_port"), compiled when the
// configuration is loaded and rendered in one bounded pass.
// Runs in: any (compile), worker (render).
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "script/variable.h"

namespace sluice::script {

/// Text captured by the last regular expression: `groups[1]` is `$1`. Views the matched subject.
struct Captures {
    std::span<const std::string_view> groups;
};

struct Part {
    std::string_view text;             ///< literal, or the suffix of a prefix variable
    const VariableRow* row = nullptr;  ///< null: literal, or a capture where capture > 0
    int capture = 0;                   ///< 1..9: `$1`…`$9`
};

class Template {
  public:
    Template() = default;

    /// Compiles `text`; parts and literals live in `arena` (the generation's).
    /// Fails: a sentence such as `unknown "foo" variable`, to be shown with the directive.
    [[nodiscard]] static std::expected<Template, std::string> compile(
        std::string_view text, const VariableTable& variables, Arena& arena);

    /// True where no variable occurs; then constant() is the whole result.
    [[nodiscard]] bool is_constant() const { return parts_.empty(); }
    [[nodiscard]] std::string_view constant() const { return constant_; }
    [[nodiscard]] std::span<const Part> parts() const { return parts_; }
    /// The text as written in the configuration.
    [[nodiscard]] std::string_view source() const { return source_; }

    /// The text for `subject`; constant templates cost nothing. `captures` are those of the start:
    /// a variable that runs a pattern of its own while it is read changes nothing here.
    /// Fails: data() == nullptr where the arena's cap is reached.
    [[nodiscard]] std::string_view render(const void* subject,
                                          Arena& arena,
                                          Captures captures = {}) const;

  private:
    std::string_view source_;
    std::string_view constant_;
    std::span<const Part> parts_;
};

/// The value of one part that is not a literal.
[[nodiscard]] Value evaluate(const Part& part,
                             const void* subject,
                             Arena& arena,
                             const Captures& captures);

}  // namespace sluice::script
