// SPDX-License-Identifier: BSD-2-Clause
// Reading conditions. `not` binds tighter than `and`, `and` tighter than `or`.
// Runs in: any.
#include "modules/http/if_condition.h"

#include <fmt/format.h>

#include "proto/http/module.h"
#include "proto/http/site_builder.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

class Reader {
  public:
    Reader(conf::Build& build, std::vector<conf::Argument> words)
        : build_(build), words_(std::move(words)) {}

    std::optional<Alternatives> read() {
        Alternatives out(1);
        do {
            const Condition* const condition = read_one();
            if (condition == nullptr) {
                return std::nullopt;
            }
            out.back().push_back(condition);
            if (at_ == words_.size()) {
                return out;
            }
            const std::string_view join = words_[at_].text;
            if (join != "and" && join != "or") {
                static_cast<void>(invalid(words_[at_]));
                return std::nullopt;
            }
            if (join == "or") {
                out.emplace_back();
            }
            ++at_;
        } while (at_ < words_.size());
        static_cast<void>(invalid(words_.back()));
        return std::nullopt;
    }

  private:
    bool invalid(const conf::Argument& at) {
        return build_.error(at, fmt::format("invalid condition \"{}\"", at.text),
                            "$variable, $variable = text, $variable ~ pattern, -f file and their like");
    }

    bool template_of(const conf::Argument& word, script::Template& out) {
        return script::compile_argument(build_, word, script::variables_of(build_), out);
    }

    // Null: an error was reported.
    const Condition* read_one() {
        Condition condition;
        while (at_ < words_.size() && words_[at_].text == "not") {
            condition.is_negated = !condition.is_negated;
            ++at_;
        }
        if (at_ == words_.size()) {
            static_cast<void>(invalid(words_.back()));
            return nullptr;
        }
        const std::string_view text = words_[at_].text;
        const bool is_variable = text.size() > 1 && text[0] == '$';
        const bool is_file = (text.size() == 2 && text[0] == '-') ||
                             (text.size() == 3 && text.starts_with("!-"));
        const bool is_good = is_variable ? read_comparison(condition)
                             : is_file   ? read_file(condition)
                                         : invalid(words_[at_]);
        return is_good ? build_.arena().make<Condition>(condition) : nullptr;
    }

    bool read_comparison(Condition& out) {
        const conf::Argument& variable = words_[at_++];
        if (!template_of(variable, out.left)) {
            return false;
        }
        if (out.left.parts().size() != 1) {
            return invalid(variable);
        }
        if (at_ == words_.size() || words_[at_].text == "and" || words_[at_].text == "or") {
            return true;
        }
        const conf::Argument& sign = words_[at_++];
        if (at_ == words_.size()) {
            return invalid(variable);
        }
        const conf::Argument& value = words_[at_++];
        std::string_view what = sign.text;
        if (what.starts_with('!')) {
            out.is_negated = !out.is_negated;
            what.remove_prefix(1);
        }
        if (what == "=") {
            out.kind = Condition::Kind::Equals;
            return template_of(value, out.right);
        }
        if (what != "~" && what != "~*") {
            return build_.error(sign, fmt::format("unexpected \"{}\" in condition", sign.text),
                                "=, !=, ~, ~*, !~ or !~*");
        }
        out.kind = Condition::Kind::Matches;
        out.pattern = script::compile_pattern(build_, value, value.text, what == "~*");
        return out.pattern != nullptr;
    }

    bool read_file(Condition& out) {
        const conf::Argument& sign = words_[at_++];
        if (at_ == words_.size()) {
            return invalid(sign);
        }
        const conf::Argument& path = words_[at_++];
        std::string_view what = sign.text;
        if (what.starts_with('!')) {
            out.is_negated = !out.is_negated;
            what.remove_prefix(1);
        }
        out.kind = Condition::Kind::File;
        switch (what[1]) {
            case 'f':
                out.file = FileTest::Plain;
                break;
            case 'd':
                out.file = FileTest::Directory;
                break;
            case 'e':
                out.file = FileTest::Exists;
                break;
            case 'x':
                out.file = FileTest::Executable;
                break;
            default:
                return invalid(sign);
        }
        return template_of(path, out.left);
    }

    conf::Build& build_;
    std::vector<conf::Argument> words_;
    std::size_t at_ = 0;
};

}  // namespace

std::optional<Alternatives> read_if(conf::Build& build, const conf::Directive& block) {
    const auto refuse = [&build](const conf::Argument& at) {
        build.error(at, fmt::format("invalid condition \"{}\"", at.text),
                    "a condition in parentheses");
        return std::nullopt;
    };
    std::vector<conf::Argument> words(block.args.begin(), block.args.end());
    conf::Argument& first = words.front();
    if (!first.text.starts_with('(')) {
        return refuse(block.args.front());
    }
    first.text.remove_prefix(1);
    first.at.column += 1;
    if (!words.back().text.ends_with(')')) {
        return refuse(block.args.back());
    }
    words.back().text.remove_suffix(1);
    if (words.back().text.empty() && words.size() > 1) {
        words.pop_back();
    }
    if (words.front().text.empty()) {
        words.erase(words.begin());
    }
    return words.empty() ? refuse(block.args.front()) : Reader(build, std::move(words)).read();
}

}  // namespace sluice::modules
