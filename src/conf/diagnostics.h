// SPDX-License-Identifier: BSD-2-Clause
// Diagnostics: every error and warning of one reading of the configuration, and how they are shown:
// message, place, the line with a caret, what was expected, the nearest known name.
// Runs in: any.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "conf/tree.h"

namespace sluice::conf {

enum class Severity : unsigned char { Warning, Error };

struct Diagnostic {
    Severity severity = Severity::Error;
    Position at{};              ///< line 0: about no place in particular
    std::string message{};      ///< begins as nginx's does
    std::string expectation{};  ///< "expected …" without the word; may be empty
    std::string nearest{};      ///< a known name that is close; may be empty
    std::size_t width = 1;      ///< bytes under the caret
};

class Diagnostics {
  public:
    /// At most this many are kept; the rest is counted.
    static constexpr std::size_t kMax = 200;

    /// Always gives false, so that a parser can `return diagnostics.add(…)`.
    bool add(Diagnostic diagnostic);

    [[nodiscard]] bool has_errors() const { return errors_ > 0; }

    [[nodiscard]] std::size_t errors() const { return errors_; }

    [[nodiscard]] const std::vector<Diagnostic>& all() const { return all_; }

    [[nodiscard]] bool is_full() const { return all_.size() == kMax; }

    /// Errors and warnings that were counted only.
    [[nodiscard]] std::size_t dropped() const { return dropped_; }

    /// One diagnostic as text: `<message> in <file>:<line>:<column>`, then the line, the caret and
    /// the hints, each on a line of its own; without a final line end.
    [[nodiscard]] static std::string render(const Diagnostic& diagnostic, const Tree& tree);
    /// The first line of render() alone.
    [[nodiscard]] static std::string render_line(const Diagnostic& diagnostic, const Tree& tree);

  private:
    std::vector<Diagnostic> all_;
    std::size_t errors_ = 0;
    std::size_t dropped_ = 0;
};

/// The member of `names` that is nearest to `name` and near enough to be meant; empty: none.
[[nodiscard]] std::string_view nearest_name(std::string_view name,
                                            const std::vector<std::string_view>& names);

}  // namespace sluice::conf
