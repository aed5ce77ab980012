// SPDX-License-Identifier: BSD-2-Clause
// Matching the directives of two blocks: equal ones first, then the same blocks, then the same names.
// Runs in: any (the command line).
#include "conf/tree_difference.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <unordered_map>

namespace sluice::conf {

namespace {

using Directives = std::span<const Directive>;
using Partner = std::vector<std::optional<std::size_t>>;

constexpr std::size_t kMaxShown = 160;

void append(std::string& out, const Directive& directive) {
    out += directive.name;
    for (const Argument& argument : directive.args) {
        out += '\1';
        out += argument.text;
    }
    out += directive.has_block ? '\2' : '\3';
    for (const Directive& child : directive.children) {
        append(out, child);
    }
    out += '\4';
}

std::string whole(const Directive& directive) {
    std::string out;
    append(out, directive);
    return out;
}

/// All first arguments of `listen`, or all names: sorted, so that their order does not count.
std::string gathered(const Directive& server, std::string_view name, bool only_first) {
    std::vector<std::string_view> words;
    for (const Directive& child : server.children) {
        if (child.name == name) {
            for (const Argument& argument : child.args) {
                words.push_back(argument.text);
                if (only_first) {
                    break;
                }
            }
        }
    }
    std::ranges::sort(words);
    std::string out;
    for (const std::string_view word : words) {
        out += '\1';
        out += word;
    }
    return out;
}

/// What makes two directives the same one, changed; the later the round, the less is asked. Empty:
/// it has no partner in that round.
std::string identity(const Directive& directive, int round) {
    std::string out(directive.name);
    if (directive.name == "server" && directive.has_block) {
        const std::string names = gathered(directive, "server_name", false);
        const std::string listens = gathered(directive, "listen", true);
        switch (round) {
            case 0:
                return out + names + '\2' + listens;
            case 1:
                return names.empty() ? std::string() : out + names;
            default:
                return listens.empty() ? std::string() : out + listens;
        }
    }
    out += directive.has_block ? '\2' : '\3';
    if (directive.has_block) {
        for (const Argument& argument : directive.args) {
            out += '\1';
            out += argument.text;
        }
        return out;
    }
    if (round == 0 && !directive.args.empty()) {
        out += directive.args.front().text;
    }
    return out;
}

constexpr int kRounds = 3;

/// Gives the directives without a partner those of `next` with the same key, in their order.
template <class KeyOf>
void match(Directives old, Directives next, Partner& of_old, Partner& of_next, const KeyOf& key_of) {
    std::unordered_map<std::string, std::deque<std::size_t>> waiting;
    for (std::size_t i = 0; i < old.size(); ++i) {
        if (std::string key = of_old[i] ? std::string() : key_of(old[i]); !key.empty()) {
            waiting[std::move(key)].push_back(i);
        }
    }
    for (std::size_t j = 0; j < next.size() && !waiting.empty(); ++j) {
        const auto found = of_next[j] ? waiting.end() : waiting.find(key_of(next[j]));
        if (found != waiting.end() && !found->second.empty()) {
            of_next[j] = found->second.front();
            of_old[found->second.front()] = j;
            found->second.pop_front();
        }
    }
}

/// Directives of one kind whose order has a meaning: the first that fits decides, or they run one
/// after the other. 0: the order does not count.
int order_class(const Directive& directive) {
    static constexpr std::array<std::string_view, 5> kSteps{"set", "if", "rewrite", "return",
                                                            "break"};
    if (std::ranges::find(kSteps, directive.name) != kSteps.end()) {
        return 1;
    }
    if (directive.name == "allow" || directive.name == "deny") {
        return 2;
    }
    if (directive.name == "server" && directive.has_block) {
        return 3;
    }
    const bool is_pattern_location = directive.name == "location" && !directive.args.empty() &&
                                     directive.args.front().text.starts_with('~');
    return is_pattern_location || directive.name.starts_with('~') ? 4 : 0;
}

/// Marks the fewest of `positions`, each an index of the other side, that are out of order.
std::vector<bool> out_of_order(const std::vector<std::size_t>& positions) {
    std::vector<std::size_t> tails;  // tails[k]: where a rising run of k + 1 ends lowest
    std::vector<std::size_t> length(positions.size());
    for (std::size_t i = 0; i < positions.size(); ++i) {
        const auto at = std::ranges::lower_bound(
            tails, positions[i], {}, [&](std::size_t tail) { return positions[tail]; });
        length[i] = static_cast<std::size_t>(at - tails.begin());
        if (at == tails.end()) {
            tails.push_back(i);
        } else {
            *at = i;
        }
    }
    std::vector<bool> out(positions.size(), true);
    std::size_t wanted = tails.size();
    std::size_t limit = SIZE_MAX;  // what the run goes on with
    for (std::size_t i = positions.size(); i-- > 0;) {
        if (length[i] + 1 == wanted && positions[i] < limit) {
            out[i] = false;
            limit = positions[i];
            --wanted;
        }
    }
    return out;
}

std::string label(const Directive& block) {
    std::string out(block.name);
    const auto add = [&](std::string_view word) {
        out += ' ';
        out += word.empty() ? std::string_view("\"\"") : word;
    };
    if (block.name != "server") {
        for (const Argument& argument : block.args) {
            add(argument.text);
        }
        return out;
    }
    for (const std::string_view name : {"server_name", "listen"}) {
        for (const Directive& child : block.children) {
            if (child.name == name && !child.args.empty()) {
                add(child.args.front().text);
                return out;
            }
        }
    }
    return out;
}

class Comparison {
  public:
    explicit Comparison(std::vector<TreeChange>& out) : out_(out) {}

    void compare(Directives old, Directives next, const std::string& path) {
        Partner of_old(old.size());
        Partner of_next(next.size());
        match(old, next, of_old, of_next, whole);
        Partner equal = of_next;
        for (int round = 0; round < kRounds; ++round) {
            match(old, next, of_old, of_next,
                  [&](const Directive& one) { return identity(one, round); });
        }
        const std::vector<bool> moved = moved_of(next, of_next);
        std::size_t done = 0;
        const auto remove_until = [&](std::size_t end) {
            for (; done < end; ++done) {
                if (!of_old[done]) {
                    out_.push_back({ChangeKind::Removed, path, &old[done], nullptr});
                }
            }
        };
        for (std::size_t j = 0; j < next.size(); ++j) {
            if (!of_next[j]) {
                out_.push_back({ChangeKind::Added, path, nullptr, &next[j]});
                continue;
            }
            remove_until(std::max(done, *of_next[j]));
            const Directive& before = old[*of_next[j]];
            if (moved[j]) {
                out_.push_back({ChangeKind::Moved, path, &before, &next[j]});
            }
            if (!equal[j]) {
                change(before, next[j], path);
            }
        }
        remove_until(old.size());
    }

  private:
    void change(const Directive& before, const Directive& after, const std::string& path) {
        if (before.has_block && after.has_block) {
            return compare(before.children, after.children,
                           path.empty() ? label(after) : path + " > " + label(after));
        }
        out_.push_back({ChangeKind::Changed, path, &before, &after});
    }

    static std::vector<bool> moved_of(Directives next, const Partner& of_next) {
        std::vector<bool> out(next.size(), false);
        for (int wanted = 1; wanted <= 4; ++wanted) {
            std::vector<std::size_t> where;
            std::vector<std::size_t> positions;
            for (std::size_t j = 0; j < next.size(); ++j) {
                if (of_next[j] && order_class(next[j]) == wanted) {
                    where.push_back(j);
                    positions.push_back(*of_next[j]);
                }
            }
            const std::vector<bool> marked = out_of_order(positions);
            for (std::size_t k = 0; k < where.size(); ++k) {
                out[where[k]] = marked[k];
            }
        }
        return out;
    }

    std::vector<TreeChange>& out_;
};

/// With quotes where the text needs them.
void append_word(std::string& out, std::string_view word) {
    const bool needs_quotes =
        word.empty() || word.find_first_of(" \t\r\n;{}\"'#") != std::string_view::npos;
    if (!needs_quotes) {
        out += word;
        return;
    }
    out += '"';
    for (const char c : word) {
        if (c == '\n' || c == '\r' || c == '\t') {
            out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
            continue;
        }
        if (c == '"') {
            out += '\\';
        }
        out += c;
    }
    out += '"';
}

}  // namespace

std::vector<TreeChange> tree_changes(const Tree& old, const Tree& next) {
    std::vector<TreeChange> out;
    Comparison(out).compare(old.directives, next.directives, {});
    return out;
}

std::string shown(const Directive& directive) {
    std::string out;
    if (directive.name == "server" && directive.has_block) {
        out = label(directive);
    } else {
        append_word(out, directive.name);
        for (const Argument& argument : directive.args) {
            out += ' ';
            append_word(out, argument.text);
        }
    }
    if (out.size() > kMaxShown) {
        std::size_t end = kMaxShown;
        while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0U) == 0x80) {
            --end;  // not in the middle of a letter
        }
        out.resize(end);
        out += "…";
    }
    if (!directive.has_block) {
        return out + ";";
    }
    const std::size_t count = directive.children.size();
    return out + (count == 0   ? " { }"
                  : count == 1 ? " { 1 directive }"
                               : " { " + std::to_string(count) + " directives }");
}

}  // namespace sluice::conf
