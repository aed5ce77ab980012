// SPDX-License-Identifier: BSD-2-Clause
// The words of a pipeline. There is no shell: what only a shell could do is refused, so that nobody
// finds a file called ">" instead of his log.
// Runs in: any.
#include <algorithm>
#include <string>
#include <vector>

#include "log/sink_spec.h"

namespace sluice::log {

namespace {

constexpr std::string_view kShellOnly = "<>;&`()";

class Splitter {
  public:
    explicit Splitter(std::string_view text) : rest_(text) {}

    /// The first thing wrong, or nullptr.
    const char* run() {
        while (!rest_.empty()) {
            if (const char* const wrong = step(); wrong != nullptr) {
                return wrong;
            }
        }
        return end_command();
    }

    std::vector<std::vector<std::string>> commands;

  private:
    const char* step() {
        const char c = next();
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            end_word();
        } else if (c == '|') {
            return end_command();
        } else if (c == '\'' || c == '"') {
            return quoted(c);
        } else if (c == '\\') {
            return escaped();
        } else if (kShellOnly.find(c) != std::string_view::npos) {
            return "a character of the shell";
        } else {
            add(c);
        }
        return nullptr;
    }

    char next() {
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    void add(char c) {
        word_.push_back(c);
        has_word_ = true;
    }

    const char* escaped() {
        if (rest_.empty()) {
            return "a backslash at the end";
        }
        add(next());
        return nullptr;
    }

    const char* quoted(char quote) {
        has_word_ = true;
        while (!rest_.empty()) {
            const char c = next();
            if (c == quote) {
                return nullptr;
            }
            const bool is_escape = c == '\\' && quote == '"' && !rest_.empty() &&
                                   (rest_.front() == '"' || rest_.front() == '\\');
            add(is_escape ? next() : c);
        }
        return "a quote that does not end";
    }

    void end_word() {
        if (has_word_) {
            words_.push_back(std::move(word_));
        }
        word_.clear();
        has_word_ = false;
    }

    const char* end_command() {
        end_word();
        if (words_.empty() || words_.front().empty()) {
            return "an empty command";
        }
        commands.push_back(std::move(words_));
        words_.clear();
        return nullptr;
    }

    std::string_view rest_;
    std::string word_;
    bool has_word_ = false;  ///< also for '' and ""
    std::vector<std::string> words_;
};

}  // namespace

std::optional<std::span<const conf::Command>> parse_commands(conf::Build& build,
                                                             const conf::Argument& at,
                                                             std::string_view text) {
    Splitter splitter(text);
    if (const char* const wrong = splitter.run(); wrong != nullptr) {
        build.error(at, "invalid command \"" + std::string(text) + "\": " + wrong,
                    "program and arguments, several joined by \"|\"; no shell reads them, so for "
                    "more: sh -c '…'");
        return std::nullopt;
    }
    const auto out = build.arena().make_span<conf::Command>(splitter.commands.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto words = build.arena().make_span<std::string_view>(splitter.commands[i].size());
        std::ranges::transform(splitter.commands[i], words.begin(), [&](const std::string& word) {
            return build.arena().copy(word);
        });
        out[i] = words;
    }
    return out;
}

}  // namespace sluice::log
