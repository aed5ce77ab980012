// SPDX-License-Identifier: BSD-2-Clause
// The walk over the tree, and what is printed.
// Runs in: any (the command line).
#include "lint/lint.h"

#include <algorithm>
#include <array>
#include <tuple>

#include <fmt/format.h>

#include "conf/diagnostics.h"
#include "lint/allowance.h"
#include "lint/rules.h"
#include "log/json_text.h"

namespace sluice::lint {

namespace {

constexpr std::array<const Group*, 7> kGroups{&kFileRules,    &kServerRules, &kLocationRules,
                                              &kRewriteRules, &kHeaderRules, &kAccessRules,
                                              &kOriginRules};

bool lists(std::string_view names, std::string_view name) {
    for (std::size_t at = names.find(name); at != std::string_view::npos;
         at = names.find(name, at + 1)) {
        const std::size_t end = at + name.size();
        if ((at == 0 || names[at - 1] == ' ') && (end == names.size() || names[end] == ' ')) {
            return true;
        }
    }
    return false;
}

void walk(const Rule& rule, const Place& block, Report& report) {
    for (const conf::Directive& directive : block.block) {
        const Place place{&directive, directive.children, &block};
        if (lists(rule.on, directive.name)) {
            rule.check(place, report);
        }
        walk(rule, place, report);
    }
}

void run_rules(Report& report) {
    const Place all{nullptr, report.tree().directives, nullptr};
    for (const Group* const group : kGroups) {
        for (const Rule& rule : group->rules) {
            report.begin(rule);
            if (rule.on.empty()) {
                rule.check(all, report);
            } else {
                walk(rule, all, report);
            }
        }
    }
}

bool is_rule(std::string_view id) {
    return id == kUnknownAllow.id || std::ranges::any_of(kGroups, [&](const Group* group) {
               return std::ranges::find(group->rules, id, &Rule::id) != group->rules.end();
           });
}

/// A file that is included twice is two files of the tree; for people it is one.
auto key_of(const conf::Tree& tree, const Finding& finding) {
    return std::tuple(tree.files[finding.at.file].path, finding.at.line, finding.at.column,
                      finding.id);
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    log::put_json_text(text, [&](std::string_view piece) { out += piece; });
    return out + "\"";
}

std::string_view path_of(const Finding& finding, const conf::Tree& tree) {
    return tree.files[finding.at.file].path;
}

std::string block_of(std::string_view example) {
    return "```nginx\n" + std::string(example) + "\n```\n";
}

std::string markdown(const Rule& rule) {
    return fmt::format("\n### {}\n\n{}\n\n{}\nFix: {}\n\n{}", rule.id, rule.harm,
                       block_of(rule.bad), rule.fix, block_of(rule.good));
}

}  // namespace

std::span<const Group* const> groups() {
    return kGroups;
}

constexpr Rule kUnknown{
    .id = "unknown-allow",
    .on = {},
    .harm = "A comment allows a rule that does not exist: it silences nothing.",
    .fix = "take an ID of this page.",
    .bad = "server { listen 80; root /srv/www; }  # lint: allow root-mising",
    .good = "server { listen 80; root /srv/www; }  # lint: allow root-missing",
};
const Rule kUnknownAllow = kUnknown;

void Report::add(const conf::Directive& directive, std::string message, std::string fix) {
    add(directive.at, std::move(message), std::move(fix));
    findings_.back().width = directive.name.size();
}

void Report::add(conf::Position at, std::string message, std::string fix) {
    findings_.push_back({.id = rule_->id,
                         .at = at,
                         .message = std::move(message),
                         .fix = fix.empty() ? std::string(rule_->fix) : std::move(fix)});
}

std::vector<Finding> examine(const Subject& subject) {
    const SiteView site(subject.generation);
    Report report(subject, site);
    run_rules(report);
    const conf::Tree& tree = subject.generation.tree();
    const std::vector<Allowance> allowed = allowances(tree);
    std::vector<Finding>& found = report.findings();
    std::erase_if(found,
                  [&](const Finding& one) { return is_allowed(allowed, one.id, one.at); });
    report.begin(kUnknownAllow);
    for (const Allowance& one : allowed) {
        for (const std::string_view id : one.ids) {
            if (!is_rule(id)) {
                report.add(one.at, fmt::format("no rule has the name \"{}\"", id));
            }
        }
    }
    std::ranges::stable_sort(
        found, {}, [&](const Finding& one) { return key_of(tree, one); });
    const auto surplus = std::ranges::unique(
        found, {}, [&](const Finding& one) { return key_of(tree, one); });
    found.erase(surplus.begin(), surplus.end());
    return std::move(found);
}

std::string render(const Finding& finding, const conf::Tree& tree) {
    const conf::Diagnostic diagnostic{
        .severity = conf::Severity::Warning,
        .at = finding.at,
        .message = fmt::format("{}: {}", finding.id, finding.message),
        .width = finding.width};
    return fmt::format("{}\n    fix: {}", conf::Diagnostics::render(diagnostic, tree), finding.fix);
}

std::string render_json(const Finding& finding, const conf::Tree& tree) {
    return fmt::format(
        R"({{"id":{},"file":{},"line":{},"column":{},"message":{},"fix":{}}})", quoted(finding.id),
        quoted(path_of(finding, tree)), finding.at.line, finding.at.column,
        quoted(finding.message), quoted(finding.fix));
}

std::string rules_markdown() {
    std::string out =
        "# Rules of `sluice lint`\n\nMade from the program by `sluice lint --rules`. Of each rule: "
        "what goes wrong, an example that it warns of, and a near one that it does not.\n\n"
        "`# lint: allow ID` at the end of a line, or alone on the line above, silences the rule "
        "there; several IDs with commas. `sluice lint` exits with 0 where it has nothing to say, 1 "
        "where the configuration has errors, 2 where it warns.\n";
    for (const Group* const group : kGroups) {
        out += fmt::format("\n## {}\n", group->title);
        for (const Rule& rule : group->rules) {
            out += markdown(rule);
        }
    }
    return out + "\n## Comments\n" + markdown(kUnknownAllow);
}

}  // namespace sluice::lint
