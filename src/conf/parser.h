// SPDX-License-Identifier: BSD-2-Clause
// Parser: text to tree, with includes merged in and ${ENV:NAME:-default} expanded. It goes on after
// an error, so that one run reports all of them.
// Runs in: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "conf/diagnostics.h"
#include "conf/facts.h"
#include "conf/lexer.h"
#include "conf/tree.h"

namespace sluice::conf {

class Parser {
  public:
    static constexpr std::size_t kMaxIncludeDepth = 32;
    /// All files of a run: includes that each include two more double at every step.
    static constexpr std::size_t kMaxFiles = 100'000;
    static constexpr std::size_t kMaxBlockDepth = 64;

    Parser(Facts& facts, Arena& arena, Tree& tree, Diagnostics& diagnostics)
        : facts_(facts), arena_(arena), tree_(tree), diagnostics_(diagnostics) {}

    /// Fills the tree from `main_file` and the text of -g. Errors are in the diagnostics.
    void parse(std::string_view main_file, std::string_view globals);

  private:
    using Directives = std::vector<Directive>;

    /// Where a file's words come from while it is read.
    struct Reader {
        Lexer lexer;
        std::size_t depth = 0;  ///< of blocks
        Position opened;        ///< of the innermost open brace
    };

    void parse_file(std::string_view path, Position included_from, Directives& out);
    void parse_text(std::uint32_t file, Directives& out);
    /// What reading one directive led to.
    enum class Step : unsigned char { Next, BlockClosed, Stop };

    bool parse_block(Reader& reader, Directives& out);
    [[nodiscard]] Step parse_directive(Reader& reader, const Token& first, Directives& out);
    /// Reads words up to what ends them, which is returned. False in `is_sound`: some were refused.
    [[nodiscard]] Token parse_args(Reader& reader, Directive& directive, bool& is_sound);
    [[nodiscard]] Step parse_children(Reader& reader,
                                      Position opened,
                                      Directive directive,
                                      Directives& out);
    void include(const Directive& directive, Directives& out);
    [[nodiscard]] bool may_include(std::string_view path, const Argument& argument);
    void report_end(const Reader& reader, const Token& first);
    /// Nothing: an error was reported.
    [[nodiscard]] std::optional<std::string> expand_env(const Token& word);
    [[nodiscard]] std::uint32_t add_file(std::string_view path, std::string_view bytes);
    [[nodiscard]] std::span<const Directive> freeze(const Directives& list);
    bool fail_at(Position at,
                 std::string message,
                 std::string expectation = {},
                 std::size_t width = 1);

    Facts& facts_;
    Arena& arena_;
    Tree& tree_;
    Diagnostics& diagnostics_;
    std::string conf_directory_;
    std::vector<std::string> open_files_;  ///< the main file and the includes that led here
    bool is_include_refused_ = false;      ///< one complaint about a loop is enough
};

}  // namespace sluice::conf
