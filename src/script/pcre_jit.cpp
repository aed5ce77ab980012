// SPDX-License-Identifier: BSD-2-Clause
// pcre_jit.
// Runs in: any.
#include "script/pcre_jit.h"

#include <algorithm>
#include <span>

#include "conf/generation.h"
#include "conf/level.h"

namespace sluice::script {

namespace {

struct PcreJitConf {
    conf::Setting<bool> is_wanted;
    bool has_failed = false;
};

constexpr conf::Row kRows[] = {
    conf::row<&PcreJitConf::is_wanted>(
        "pcre_jit", conf::kMain, conf::flag(),
        "Whether regular expressions become machine code; where that is forbidden they are "
        "interpreted.")
        .defaults("off"),
};
constexpr conf::ConfKind kKind = conf::kind<PcreJitConf>("pcre_jit", kRows);

}  // namespace

constexpr conf::Module kPcreJitModule{"pcre_jit", &kKind};

void apply_pcre_jit(conf::Build& build, Regex& regex) {
    const conf::Level& main = build.generation().main_level();
    // A program that reads configurations without the directive, such as a test, leaves it out.
    if (std::ranges::find(main.modules, &kPcreJitModule) == main.modules.end()) {
        return;
    }
    // The directive may stand behind the blocks whose patterns it concerns.
    const std::span<const conf::Directive> directives = build.generation().tree().directives;
    const auto wish = std::ranges::find_if(directives, [](const conf::Directive& directive) {
        return directive.name == "pcre_jit" && directive.args.size() == 1 &&
               directive.args[0].text == "on";
    });
    PcreJitConf& conf = main.conf<PcreJitConf>();
    if (wish == directives.end() || conf.has_failed) {
        return;
    }
    if (const auto translated = regex.use_jit(); !translated) {
        conf.has_failed = true;
        build.warn(wish->at, translated.error() + ", regular expressions are interpreted");
    }
}

}  // namespace sluice::script
