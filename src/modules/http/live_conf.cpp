// SPDX-License-Identifier: BSD-2-Clause
// The directive live.
// Runs in: any.
#include "modules/http/live_conf.h"

#include <optional>
#include <string>
#include <utility>

#include "conf/parse_as.h"

namespace sluice::modules {

namespace {

constexpr std::uint64_t kWindow = std::uint64_t{4} << 20;
constexpr std::uint64_t kLeastWindow = 64 * 1024;

bool set_path(conf::Build& build, const conf::Argument& source, LiveSpec& spec) {
    constexpr std::string_view kScheme = "fifo:";
    if (!source.text.starts_with(kScheme) || source.text.size() == kScheme.size()) {
        return build.error(source, "invalid source \"" + std::string(source.text) + "\"",
                           "fifo:/path of a named pipe");
    }
    if (source.text.find('$') != source.text.npos) {
        return build.error(source, "no variables in \"live\"", "fifo:/path of a named pipe");
    }
    spec.path = build.absolute_path(source.text.substr(kScheme.size()));
    return true;
}

bool set_option(conf::Build& build, const conf::Argument& argument, LiveSpec& spec) {
    const std::string_view text = argument.text;
    const bool is_window = text.starts_with("window=");
    if (!is_window && !text.starts_with("burst=")) {
        return build.error(argument, "invalid parameter \"" + std::string(text) + "\"",
                           "window=SIZE or burst=SIZE");
    }
    const std::optional<Bytes> size = conf::parse_size(text.substr(text.find('=') + 1));
    const std::uint64_t least = is_window ? kLeastWindow : 0;
    if (!size || size->count < least || size->count > kLargestLiveWindow) {
        return build.error(argument, "invalid value in \"" + std::string(text) + "\"",
                           is_window ? "a size from 64k to 1g" : "a size up to the window's");
    }
    (is_window ? spec.window : spec.burst) = size->count;
    return true;
}

/// The one window of all locations that name the FIFO.
conf::ZoneSpec* zone_for(conf::Build& build, const conf::Directive& directive, const LiveSpec& spec) {
    const std::string_view name = build.arena().copy("live:" + std::string(spec.path));
    const std::uint64_t bytes = live_zone_bytes(spec.window);
    conf::ZoneSpec* const other = build.find_zone(name);
    if (other == nullptr) {
        const conf::ZoneUse use{.kind = kLiveZone.name,
                                .layout = kLiveZone.layout,
                                .cell_bytes = kLiveZone.cell_bytes};
        return build.declare_zone({.name = name,
                                   .use = use,
                                   .bytes = bytes,
                                   .shards = 1,
                                   .keys = "",
                                   .directive = directive.name,
                                   .at = directive.at});
    }
    if (other->use.kind != kLiveZone.name || other->bytes != bytes) {
        build.error(directive, "another window= for \"" + std::string(spec.path) + "\"",
                    "the same size wherever the FIFO is named");
        return nullptr;
    }
    return other;
}

bool set_live(conf::Build& build, const conf::Directive& directive, LiveConf& conf) {
    LiveSpec& spec = *build.arena().make<LiveSpec>();
    spec.window = kWindow;
    if (!set_path(build, directive.args[0], spec)) {
        return false;
    }
    for (std::size_t i = 1; i < directive.args.size(); ++i) {
        if (!set_option(build, directive.args[i], spec)) {
            return false;
        }
    }
    if (spec.burst > spec.window) {
        return build.error(directive, "\"burst\" is larger than the window",
                           "at most " + std::to_string(spec.window) + " bytes");
    }
    spec.zone = zone_for(build, directive, spec);
    LiveConf& main = build.generation().main_level().conf<LiveConf>();
    spec.next = std::exchange(main.specs, &spec);
    conf.spec = &spec;
    return spec.zone != nullptr;
}

// clang-format off
constexpr conf::Row kRows[] = {
    conf::row_fn<LiveConf, &set_live>("live", conf::kLocation, conf::take_range(1, 3),
        "Send what is written to fifo:/path to all who ask, from now on; window=SIZE (4m) is how far one may be behind, "
        "burst=SIZE (0) what one gets of the past."),
};
// clang-format on

}  // namespace

constexpr conf::ConfKind kLiveKind = conf::kind<LiveConf>("live", kRows);

}  // namespace sluice::modules
