// SPDX-License-Identifier: BSD-2-Clause
// Reading the words that a pattern cannot do without.
// Runs in: any (read), worker (allows).
#include "script/required_text.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/ascii.h"

namespace sluice::script {

namespace {

/// Escapes of one letter that stand for themselves alone: whatever follows is not part of them.
constexpr std::string_view kShortEscapes = "dDwWsSbBAzZhHvVRXKnrtfea";
/// Ends of a literal that may repeat it or leave it out.
constexpr std::string_view kQuantifiers = "?*+{";

bool is_alphanumeric(char c) {
    return is_alpha(c) || is_digit(c);
}

/// Reads a pattern from left to right. A word is a run of literals; those of a group count only if
/// the group is there once and has no alternatives.
class Reader {
  public:
    explicit Reader(std::string_view pattern) : rest_(pattern) {}

    struct Words {
        std::string prefix;
        std::string longest;  ///< of the others
    };

    /// Nothing where the pattern has alternatives of its own or something that is not understood.
    Words read() {
        const bool is_anchored = rest_.starts_with('^');
        rest_.remove_prefix(is_anchored ? 1 : 0);
        while (is_understood_ && !rest_.empty()) {
            step();
        }
        end_word();
        if (!is_understood_ || has_alternatives_ || !groups_.empty()) {
            return {};
        }
        Words out;
        if (is_anchored && begins_with_word_) {
            out.prefix = std::exchange(words_.front(), {});
        }
        for (std::string& word : words_) {
            if (word.size() > out.longest.size()) {
                out.longest = std::move(word);
            }
        }
        return out;
    }

  private:
    /// A parenthesis that is open.
    struct Group {
        std::size_t first_word = 0;
        bool had_alternatives = false;  ///< what is around it
        bool is_lookaround = false;
    };

    void step() {
        const char c = rest_[0];
        rest_.remove_prefix(1);
        switch (c) {
            case '\\':
                return read_escape();
            case '[':
                end_word();
                return skip_class();
            case '(':
                end_word();
                return open_group();
            case ')':
                end_word();
                return close_group();
            case '|':
                end_word();
                has_alternatives_ = true;
                return;
            case '{':
                return skip_counts();
            case '^':
            case '$':
            case '.':
            case '?':
            case '*':
            case '+':
                return end_word();
            default:
                return add_literal(c);
        }
    }

    void add_literal(char c) {
        if (!rest_.empty() && kQuantifiers.contains(rest_[0])) {
            return end_word();
        }
        word_.push_back(c);
    }

    void end_word() {
        if (!has_ended_word_) {
            has_ended_word_ = true;
            begins_with_word_ = !word_.empty();  // only literals have been read
        }
        if (!word_.empty()) {
            words_.push_back(std::exchange(word_, {}));
        }
    }

    void read_escape() {
        if (rest_.empty()) {
            return give_up();
        }
        const char c = rest_[0];
        rest_.remove_prefix(1);
        if (!is_alphanumeric(c)) {
            return add_literal(c);
        }
        end_word();
        if (!kShortEscapes.contains(c)) {
            give_up();
        }
    }

    void skip_class() {
        if (rest_.starts_with('^')) {
            rest_.remove_prefix(1);
        }
        for (bool is_first = true; !rest_.empty(); is_first = false) {
            const char c = rest_[0];
            rest_.remove_prefix(1);
            if (c == ']' && !is_first) {
                return;
            }
            if (c == '[' && !skip_named_set()) {
                return give_up();
            }
            if (c == '\\') {
                if (rest_.empty() || std::string_view("QEc").contains(rest_[0])) {
                    return give_up();
                }
                rest_.remove_prefix(1);
            }
        }
        give_up();
    }

    // [:alpha:] within a class.
    bool skip_named_set() {
        const std::size_t end = rest_.find(":]");
        if (!rest_.starts_with(':') || end == rest_.npos ||
            !std::ranges::all_of(rest_.substr(1, end - 1),
                                 [](char c) { return is_alpha(c) || c == '^'; })) {
            return false;
        }
        rest_.remove_prefix(end + 2);
        return true;
    }

    // A number of times, or, where it is none, literals that may as well be left out.
    void skip_counts() {
        end_word();
        const std::size_t end = rest_.find_first_not_of("0123456789,");
        if (end == rest_.npos || rest_[end] != '}') {
            return give_up();
        }
        rest_.remove_prefix(end + 1);
    }

    void open_group() {
        Group group{.first_word = words_.size(), .had_alternatives = has_alternatives_};
        has_alternatives_ = false;
        if (rest_.starts_with('*')) {
            return give_up();
        }
        if (rest_.starts_with('?')) {
            rest_.remove_prefix(1);
            group.is_lookaround = !skip_name();
        }
        groups_.push_back(group);
    }

    // What follows `(?`. False: it looks around, its words need not be there.
    bool skip_name() {
        if (rest_.starts_with("=") || rest_.starts_with("!")) {
            rest_.remove_prefix(1);
            return false;
        }
        if (rest_.starts_with("<=") || rest_.starts_with("<!")) {
            rest_.remove_prefix(2);
            return false;
        }
        if (rest_.starts_with(":") || rest_.starts_with(">")) {
            rest_.remove_prefix(1);
            return true;
        }
        if (rest_.starts_with("P<")) {
            rest_.remove_prefix(1);
        }
        const std::size_t end = rest_.find('>');
        if (!rest_.starts_with('<') || end == rest_.npos) {
            give_up();  // options, conditions, comments, recursion …
            return true;
        }
        rest_.remove_prefix(end + 1);
        return true;
    }

    void close_group() {
        if (groups_.empty()) {
            return give_up();
        }
        const Group group = groups_.back();
        groups_.pop_back();
        const bool may_be_absent = !rest_.empty() && kQuantifiers.contains(rest_[0]);
        if (has_alternatives_ || group.is_lookaround || may_be_absent) {
            words_.resize(group.first_word);
        }
        has_alternatives_ = group.had_alternatives;
    }

    void give_up() { is_understood_ = false; }

    std::string_view rest_;
    std::string word_;
    std::vector<std::string> words_;
    std::vector<Group> groups_;
    bool has_alternatives_ = false;  ///< at the depth where we are
    bool is_understood_ = true;
    bool has_ended_word_ = false;
    bool begins_with_word_ = false;
};

}  // namespace

RequiredText RequiredText::of(std::string_view pattern, bool is_caseless) {
    Reader::Words words = Reader(pattern).read();
    RequiredText out;
    out.is_caseless_ = is_caseless;
    out.prefix_ = std::move(words.prefix);
    if (!is_caseless) {
        out.inside_ = std::move(words.longest);
    }
    return out;
}

bool RequiredText::allows(std::string_view subject) const {
    const std::string_view start = subject.substr(0, prefix_.size());
    if (is_caseless_ ? !equals_ignoring_case(start, prefix_) : start != prefix_) {
        return false;
    }
    return inside_.empty() || subject.substr(prefix_.size()).contains(inside_);
}

}  // namespace sluice::script
