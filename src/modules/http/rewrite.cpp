// SPDX-License-Identifier: BSD-2-Clause
// rewrite: set, rewrite, if, break and return. What stands in one block, `if` blocks included, is
// one program that runs in the order of the file.
// Runs in: any (settings), worker (rule).
#include <optional>

#include <fmt/format.h>

#include "modules/http/answer.h"
#include "modules/http/features.h"
#include "modules/http/files.h"
#include "modules/http/if_condition.h"
#include "modules/http/rewrite_program.h"
#include "proto/http/module.h"
#include "proto/http/site_builder.h"
#include "script/assignment.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

struct RewriteConf {
    RewriteProgram own;
    /// In an `if`: the program of the block around it, which what stands here belongs to.
    RewriteProgram* outer = nullptr;
    conf::Setting<bool> is_logged;  ///< rewrite_log

    RewriteProgram& program() { return outer == nullptr ? own : *outer; }
};

// Appends a step with a copy of its detail. False: an error was reported.
template <class Detail>
bool append(conf::Build& build,
            const conf::Directive& directive,
            RewriteConf& conf,
            Step::Kind kind,
            const Detail& detail) {
    const Detail* const kept = build.arena().make<Detail>(detail);
    if (kept == nullptr) {
        return build.error(conf::Position{}, "no memory for a rewrite rule");
    }
    conf.program().add({.kind = kind, .detail = kept}, directive.at);
    return true;
}

// ---- set ----

bool set_set(conf::Build& build, const conf::Directive& directive, RewriteConf& conf) {
    script::Assignment assignment;
    return script::read_assignment(build, directive, assignment) &&
           append(build, directive, conf, Step::Kind::Assign, assignment);
}

// ---- rewrite ----

bool read_flag(conf::Build& build, const conf::Directive& directive, Replacement& out) {
    const conf::Argument& flag = directive.args[2];
    out.ends = true;
    if (flag.text == "last") {
        return true;
    }
    if (flag.text == "break") {
        out.stays_here = true;
        return true;
    }
    if (flag.text == "redirect" || flag.text == "permanent") {
        out.status = flag.text == "redirect" ? 302 : 301;
        return true;
    }
    return build.error(flag, fmt::format("invalid parameter \"{}\"", flag.text),
                       "last, break, redirect or permanent");
}

bool is_url(std::string_view text) {
    return text.starts_with("http://") || text.starts_with("https://") ||
           text.starts_with("$scheme");
}

bool compile_part(conf::Build& build,
                  conf::Argument argument,
                  std::string_view text,
                  script::Template& out) {
    argument.text = text;
    return script::compile_argument(build, argument, script::variables_of(build), out);
}

bool set_rewrite(conf::Build& build, const conf::Directive& directive, RewriteConf& conf) {
    const conf::Argument& argument = directive.args[1];
    std::string_view text = argument.text;
    if (text.empty()) {
        return build.error(argument, "empty replacement", "a path or a URL");
    }
    Replacement out;
    if (text.ends_with('?')) {
        text.remove_suffix(1);
        out.keeps_args = false;
    }
    if (is_url(text)) {
        out.status = 302;
        out.ends = true;
    }
    if (directive.args.size() == 3 && !read_flag(build, directive, out)) {
        return false;
    }
    out.pattern =
        script::compile_pattern(build, directive.args[0], directive.args[0].text, false);
    const std::size_t mark = text.find('?');
    out.has_args = mark != std::string_view::npos;
    const bool is_split = out.has_args && out.status == 0;
    const bool is_good =
        out.pattern != nullptr &&
        compile_part(build, argument, is_split ? text.substr(0, mark) : text, out.path) &&
        (!is_split || compile_part(build, argument, text.substr(mark + 1), out.args));
    return is_good && append(build, directive, conf, Step::Kind::Rewrite, out);
}

// ---- break, return ----

bool set_break(conf::Build&, const conf::Directive& directive, RewriteConf& conf) {
    conf.program().add({.kind = Step::Kind::Break}, directive.at);
    return true;
}

bool set_return(conf::Build& build, const conf::Directive& directive, RewriteConf& conf) {
    const std::optional<Answer> answer = read_answer(build, directive);
    return answer && append(build, directive, conf, Step::Kind::Return, *answer);
}

// ---- if ----

// The tests of `if`. What does not hold leads to the next alternative, and from the last one to the
// end of the block: those steps are returned, for their `no` to be filled in.
std::vector<std::size_t> append_tests(RewriteProgram& program,
                                      conf::Position at,
                                      const Alternatives& alternatives) {
    std::vector<Step>& steps = program.steps;
    std::vector<std::size_t> leaving;
    std::vector<std::size_t> entering;
    for (const std::vector<const Condition*>& all : alternatives) {
        for (const std::size_t failed : leaving) {
            steps[failed].no = static_cast<std::uint32_t>(steps.size());
        }
        leaving.clear();
        for (const Condition* const condition : all) {
            leaving.push_back(steps.size());
            program.add({.kind = Step::Kind::Test,
                         .yes = static_cast<std::uint32_t>(steps.size() + 1),
                         .detail = condition},
                        at);
        }
        entering.push_back(steps.size() - 1);
    }
    for (const std::size_t passed : entering) {
        steps[passed].yes = static_cast<std::uint32_t>(steps.size());
    }
    return leaving;
}

bool open_if(conf::Build& build, const conf::Directive& block, RewriteConf& conf) {
    const std::optional<Alternatives> alternatives = read_if(build, block);
    const bool is_in_server = (build.level().context & (conf::kServer | conf::kServerIf)) != 0;
    const http::Location* location = nullptr;
    conf::Level* const level = http::open_nameless(
        build, block, is_in_server ? conf::kServerIf : conf::kLocationIf, location);
    if (level == nullptr) {
        return false;
    }
    level->conf<RewriteConf>().outer = &conf.program();
    std::vector<Step>& steps = conf.program().steps;
    const std::vector<std::size_t> leaving =
        append_tests(conf.program(), block.at, alternatives ? *alternatives : Alternatives{});
    if (location != nullptr) {
        conf.program().add({.kind = Step::Kind::Enter, .detail = location}, block.at);
    }
    const bool is_good = build.run_block(block, *level) && alternatives.has_value();
    for (const std::size_t test : leaving) {
        steps[test].no = static_cast<std::uint32_t>(steps.size());
    }
    return is_good;
}

constexpr conf::ContextMask kInServer = conf::kServer | conf::kServerIf;
constexpr conf::ContextMask kInLocation = conf::kLocation | conf::kLocationIf;
constexpr conf::ContextMask kAnywhere = kInServer | kInLocation;

constexpr conf::Row kRows[] = {
    conf::row_fn<RewriteConf, &set_set>(
        "set", kAnywhere, conf::take(2),
        "Give a variable a value; the variable is made where it is new.")
        .repeats(),
    conf::row_fn<RewriteConf, &set_rewrite>(
        "rewrite", kAnywhere, conf::take_range(2, 3),
        "Where the pattern matches the path, go on with another one: last searches a location "
        "again, break stays in this one, redirect and permanent send the client there.")
        .repeats(),
    conf::block<RewriteConf, &open_if>(
        "if", kAnywhere, conf::take_at_least(1),
        "Rules and settings for requests for which a condition holds: a variable, = != ~ ~* !~ !~*, "
        "-f -d -e -x, joined by and, or, not.")
        .repeats(),
    conf::row_fn<RewriteConf, &set_break>(
        "break", kAnywhere, conf::take(0), "End the rules of this block.")
        .repeats(),
    conf::row_fn<RewriteConf, &set_return>(
        "return", kAnywhere, conf::take_range(1, 2),
        "Answer at once with a status, a status and a text, or a redirect; 444 closes the "
        "connection without an answer.")
        .repeats(),
    conf::row<&RewriteConf::is_logged>(
        "rewrite_log", conf::kHttp | kAnywhere, conf::flag(),
        "Log at notice what each pattern of these rules does.")
        .defaults("off"),
};
constexpr conf::ConfKind kKind = conf::kind<RewriteConf>("rewrite", kRows);
constexpr conf::Module kConf{"rewrite", &kKind};

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    RewriteConf& conf = level.conf<RewriteConf>();
    const http::Phase own =
        level.context == conf::kServer ? http::Phase::ServerRewrite : http::Phase::Rewrite;
    if (phase != own || conf.own.steps.empty()) {
        return {};
    }
    conf.own.is_logged = *conf.is_logged;
    conf.own.is_server = level.context == conf::kServer;
    conf.own.policy = &file_policy(level);
    return {.run = &run_program, .settings = &conf.own};
}

}  // namespace

constexpr http::Module kRewrite{
    .name = "rewrite",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
