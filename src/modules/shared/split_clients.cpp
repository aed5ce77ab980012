// SPDX-License-Identifier: BSD-2-Clause
// split_clients: a variable that has one of several values, each for a share of all texts, chosen by
// the text's hash. The hash is nginx's, so that a client stays in its share when servers change.
// Runs in: any (settings), worker (look-up).
#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/murmur2.h"
#include "conf/level.h"
#include "modules/shared/features.h"
#include "proto/http/module.h"
#include "proto/stream/module.h"
#include "script/computed.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

constexpr std::uint32_t kWhole = 10'000;  ///< hundredths of a per cent

struct Share {
    std::uint32_t end = 0;  ///< hashes below are its own
    bool takes_rest = false;
    std::string_view value;
};

struct Split : script::Computed {
    script::Template source;
    std::span<const Share> shares;
};

struct SplitConf {};

script::Value compute(const script::Computed& self, const void* subject, Arena& arena) {
    const Split& split = static_cast<const Split&>(self);
    const std::string_view text =
        split.source.render(subject, arena, split.access->captures(subject));
    if (text.data() == nullptr) {
        return script::Value::no_room();
    }
    const std::uint32_t hash = murmur2(text);
    for (const Share& share : split.shares) {
        if (hash < share.end || share.takes_rest) {
            return {share.value};
        }
    }
    return {""};
}

/// "12.34%" in hundredths of a per cent.
std::optional<std::uint32_t> read_percentage(std::string_view text) {
    if (!text.ends_with('%')) {
        return std::nullopt;
    }
    text.remove_suffix(1);
    const std::size_t dot = text.find('.');
    const std::optional<std::uint64_t> whole = parse_decimal(text.substr(0, dot));
    std::uint64_t fraction = 0;
    if (dot != text.npos) {
        const std::string_view digits = text.substr(dot + 1);
        const std::optional<std::uint64_t> read = parse_decimal(digits);
        if (!read || digits.size() > 2) {
            return std::nullopt;
        }
        fraction = digits.size() == 1 ? *read * 10 : *read;
    }
    if (!whole || *whole > 100 || *whole * 100 + fraction == 0) {
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(*whole * 100 + fraction);
}

bool read_share(conf::Build& build,
                const conf::Directive& row,
                std::uint32_t& total,
                std::vector<Share>& shares) {
    const conf::Argument key{.text = row.name, .at = row.at};
    if (row.args.size() != 1 || row.has_block) {
        return build.error(row, "invalid number of the split_clients parameters",
                           "a percentage or * and a value");
    }
    Share share{.value = row.args[0].text};
    const std::uint64_t begin = shares.empty() ? 0 : shares.back().end;
    if (key.text == "*") {
        share.takes_rest = true;
        share.end = static_cast<std::uint32_t>(begin);
        shares.push_back(share);
        return true;
    }
    const std::optional<std::uint32_t> percentage = read_percentage(key.text);
    if (!percentage) {
        return build.error(key, fmt::format("invalid percent value \"{}\"", key.text),
                           "a percentage with at most two decimals, or *");
    }
    total += *percentage;
    if (total > kWhole) {
        return build.error(key, "percent total is greater than 100%");
    }
    const std::uint64_t width = std::uint64_t{*percentage} * UINT32_MAX / kWhole;
    share.end = static_cast<std::uint32_t>(begin + width);
    shares.push_back(share);
    return true;
}

bool open_split(conf::Build& build, const conf::Directive& block, SplitConf&) {
    Split* const split = build.arena().make<Split>();
    if (split == nullptr) {
        return build.error(block, "no memory for split_clients");
    }
    split->compute = &compute;
    const script::VariableTable variables = script::variables_of(build);
    if (!script::compile_argument(build, block.args[0], variables, split->source) ||
        !script::declare_computed(build, block.args[1], variables, *split)) {
        return false;
    }
    std::vector<Share> shares;
    std::uint32_t total = 0;
    bool is_good = true;
    for (const conf::Directive& row : block.children) {
        is_good = read_share(build, row, total, shares) && is_good;
    }
    const auto kept = build.arena().make_span<Share>(shares.size());
    std::copy_n(shares.begin(), kept.size(), kept.begin());
    split->shares = kept;
    return is_good;
}

constexpr conf::Row kRows[] = {
    conf::block<SplitConf, &open_split>(
        "split_clients", conf::kHttp | conf::kStream, conf::take(2),
        "A variable (second) with one of several values by the hash of a text (first): lines of a "
        "percentage, or * for the rest, and a value."),
};
constexpr conf::ConfKind kKind = conf::kind<SplitConf>("split_clients", kRows);
constexpr conf::Module kConf{"split_clients", &kKind};

}  // namespace

constexpr http::Module kSplitClients{
    .name = "split_clients",
    .conf = &kConf,
};

constexpr stream::Module kStreamSplitClients{
    .name = "split_clients",
    .conf = &kConf,
};

}  // namespace sluice::modules
