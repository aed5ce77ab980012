// SPDX-License-Identifier: BSD-2-Clause
// How directives meet rows.
// Runs in: any.
#include "conf/compiler.h"

#include <algorithm>
#include <memory>
#include <string>

#include "base/bug.h"
#include "conf/accepted.h"
#include "conf/level.h"
#include "conf/parser.h"

namespace sluice::conf {

namespace {

struct Match {
    const Row* row = nullptr;  ///< fits name and context
    void* settings = nullptr;
    ContextMask elsewhere = 0;  ///< contexts in which rows of that name fit
};

Match find_row(const Level& level, std::string_view name) {
    Match match;
    for (std::size_t i = 0; i < level.modules.size(); ++i) {
        for (const Row& row : level.modules[i]->kind->rows) {
            if (row.name != name) {
                continue;
            }
            if ((row.contexts & level.context) != 0) {
                return {&row, level.confs[i], row.contexts};
            }
            match.elsewhere |= row.contexts;
        }
    }
    return match;
}

std::vector<std::string_view> known_names(const Level& level, bool only_here) {
    std::vector<std::string_view> names;
    for (const Module* module : level.modules) {
        for (const Row& row : module->kind->rows) {
            if (!only_here || (row.contexts & level.context) != 0) {
                names.push_back(row.name);
            }
        }
    }
    names.push_back("include");
    return names;
}

std::string count_text(const Arity& arity) {
    const auto plural = [](unsigned n) {
        return std::to_string(n) + (n == 1 ? " argument" : " arguments");
    };
    if (arity.most == kNoLimit) {
        return "at least " + plural(arity.least);
    }
    if (arity.least == arity.most) {
        return arity.least == 0 ? "no arguments" : plural(arity.least);
    }
    return std::to_string(arity.least) + " to " + plural(arity.most);
}

bool refuse_unknown(Build& build, const Directive& directive) {
    const Level& level = build.level();
    const std::string name(directive.name);
    if (is_nginx_directive(directive.name)) {
        return build.error(directive,
                           "unknown directive \"" + name +
                               "\": it is one of nginx's that this version does not have");
    }
    std::string_view nearest;
    if (!build.diagnostics().is_full()) {  // a file of garbage must not cost a search per word
        nearest = nearest_name(directive.name, known_names(level, true));
        if (nearest.empty()) {
            nearest = nearest_name(directive.name, known_names(level, false));
        }
    }
    return build.diagnostics().add({.at = directive.at,
                                    .message = "unknown directive \"" + name + "\"",
                                    .nearest = std::string(nearest),
                                    .width = name.size()});
}

/// Blocks of http and of stream have the same names: inside one, those of the other are told apart.
bool refuse_here(Build& build, const Directive& directive, ContextMask allowed) {
    constexpr ContextMask kOfStream = kStream | kStreamServer | kStreamUpstream;
    constexpr ContextMask kOutside = kMain | kEvents | kHttp;
    const bool is_in_stream = (build.level().context & kOfStream) != 0;
    const bool is_of_http = (allowed & (kOfStream | kOutside)) == 0;
    return build.error(directive,
                       "\"" + std::string(directive.name) + "\" directive is not allowed here",
                       "it in: " + context_names(allowed) +
                           (is_in_stream && is_of_http ? " (of http)" : ""));
}

/// Too many arguments of which the surplus stands on another line: most likely a `;` is missing.
std::string missing_semicolon(const Directive& directive, const Arity& arity) {
    const std::size_t count = directive.args.size();
    if (arity.most == kNoLimit || count <= arity.most) {
        return {};
    }
    const Position last = arity.most == 0 ? directive.at : directive.args[arity.most - 1U].at;
    if (directive.args[arity.most].at.line == last.line) {
        return {};
    }
    return "; is the \";\" missing on line " + std::to_string(last.line) + "?";
}

bool check_shape(Build& build, const Directive& directive, const Arity& arity) {
    const std::string name(directive.name);
    if (arity.has_block && !directive.has_block) {
        return build.error(directive, "directive \"" + name + "\" has no opening \"{\"",
                           "a block: " + name + " … { … }");
    }
    if (!arity.has_block && !arity.may_have_block && directive.has_block) {
        return build.error(directive, "directive \"" + name + "\" is not terminated by \";\"",
                           "\";\" instead of \"{\": it has no block");
    }
    const std::size_t count = directive.args.size();
    if (count < arity.least || (arity.most != kNoLimit && count > arity.most)) {
        return build.error(directive, "invalid number of arguments in \"" + name + "\" directive",
                           count_text(arity) + ", not " + std::to_string(count) +
                               missing_semicolon(directive, arity));
    }
    return true;
}

/// A directive that no row here fits.
bool read_rowless(Build& build, const Directive& directive, ContextMask elsewhere) {
    // Stream's proxy_pass does not make http's one that stands in the wrong place.
    constexpr ContextMask kHttpBlocks = kAnyHttp | kLimitExcept | kServerIf | kLocationIf;
    const bool is_known_later = (build.level().context & kHttpBlocks) != 0 &&
                                (elsewhere & kHttpBlocks) == 0 &&
                                is_nginx_directive(directive.name);
    if (elsewhere != 0 && !is_known_later) {
        return refuse_here(build, directive, elsewhere);
    }
    const AcceptedRow* const accepted = find_accepted(directive.name);
    if (accepted == nullptr) {
        return refuse_unknown(build, directive);
    }
    if ((accepted->contexts & build.level().context) == 0) {
        return refuse_here(build, directive, accepted->contexts);
    }
    if (!check_shape(build, directive, accepted->arity)) {
        return false;
    }
    build.note_accepted(directive, *accepted);
    return true;
}

/// Whether the row may stand once in a block. Of blocks that holds for those of main: events, http.
bool is_single(const Row& row) {
    return !row.is_repeatable && (!row.arity.has_block || row.contexts == kMain);
}

}  // namespace

Compiler::Compiler(Generation& generation, Facts& facts, const CompileOptions& options)
    : generation_(generation),
      facts_(facts),
      options_(options),
      build_(generation, facts, generation.diagnostics_, options.features) {
    generation_.number_ = options.number;
}

void Compiler::run() {
    Parser(facts_, generation_.arena_, generation_.tree_, generation_.diagnostics_)
        .parse(options_.main_file, options_.globals);
    find_compat();
    open_main();
    read(build_, generation_.tree_.directives);
    inherit_all();
    if (generation_.diagnostics_.has_errors()) {
        return;  // tables are built of sound settings only
    }
    // A frozen call may register further ones.
    for (std::size_t i = 0; i < build_.frozen_.size(); ++i) {
        const Build::FrozenCall frozen = build_.frozen_[i];
        frozen.call(build_, frozen.object);
    }
}

void Compiler::find_compat() {
    for (const Directive& directive : generation_.tree_.directives) {
        if (directive.name == "compat" && directive.args.size() == 1 &&
            directive.args.front().text == "nginx") {
            build_.is_compat_ = generation_.is_compat_ = true;
        }
    }
}

void Compiler::open_main() {
    // open_level copies the list of modules from the level above; the top one has none above it.
    Level seed;
    seed.modules = options_.modules;
    build_.level_ = &seed;
    static constexpr Directive kNone{};
    Level& main = build_.open_level(kMain, kNone);
    main.parent = nullptr;
    main.block = nullptr;
    build_.level_ = &main;
}

bool Build::run_block(const Directive& block, Level& level) {
    Level* const outer = std::exchange(level_, &level);
    const bool is_good = Compiler::read(*this, block.children);
    level_ = outer;
    return is_good;
}

bool Compiler::read(Build& build, std::span<const Directive> directives) {
    bool is_good = true;
    for (const Directive& directive : directives) {
        Level& level = build.level();
        const Match match = find_row(level, directive.name);
        if (match.row == nullptr) {
            is_good = read_rowless(build, directive, match.elsewhere) && is_good;
            continue;
        }
        if (is_single(*match.row)) {
            if (std::find(level.seen.begin(), level.seen.end(), match.row) != level.seen.end()) {
                is_good = build.error(
                    directive, "\"" + std::string(directive.name) + "\" directive is duplicate");
                continue;
            }
            level.seen.push_back(match.row);
        }
        if (!check_shape(build, directive, match.row->arity) ||
            !match.row->set(build, directive, match.settings)) {
            is_good = false;
        }
    }
    return is_good;
}

void Build::note_accepted(const Directive& directive, const AcceptedRow& row) {
    if (row.is_silent || std::find(warned_.begin(), warned_.end(), row.name) != warned_.end()) {
        return;
    }
    warned_.push_back(row.name);
    warn(directive.at,
         "\"" + std::string(row.name) + "\" has no effect (" + std::string(row.why) + ")");
}

void Compiler::inherit_all() {
    // Levels were opened parents first. A level that a frozen call opens is not expected.
    for (std::size_t i = 0; i < generation_.levels_.size(); ++i) {
        inherit(*generation_.levels_[i]);
    }
}

void Compiler::inherit(Level& level) {
    for (std::size_t i = 0; i < level.modules.size(); ++i) {
        for (const Row& row : level.modules[i]->kind->rows) {
            if (row.inherit == nullptr || row.is_set(level.confs[i])) {
                continue;
            }
            if (level.parent != nullptr) {
                row.inherit(level.confs[i], level.parent->confs[i]);
            } else {
                set_default(level, row, level.confs[i]);
            }
        }
    }
}

void Compiler::set_default(Level& level, const Row& row, void* settings) {
    const bool is_better = row.has_better && !generation_.is_compat_;
    if (!row.has_default && !is_better) {
        return;  // the member's initialiser stands
    }
    const std::string_view text = is_better ? row.better_text : row.default_text;
    std::vector<Argument> args;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        args.push_back(
            {.text = generation_.arena_.copy(text.substr(at, end - at)), .is_quoted = true});
        at = end + 1;
    }
    const std::span<Argument> kept = generation_.arena_.make_span<Argument>(args.size());
    std::copy(args.begin(), args.end(), kept.begin());
    const Directive directive{.name = row.name, .args = kept};
    build_.level_ = &level;
    const std::size_t errors = generation_.diagnostics_.errors();
    (void)row.set(build_, directive, settings);
    BUG_UNLESS(generation_.diagnostics_.errors() == errors, "a row's own default does not parse");
    row.forget_set(settings);
}

}  // namespace sluice::conf
