// SPDX-License-Identifier: BSD-2-Clause
// Build: the compile context. Row functions receive it to report errors, ask for facts, open levels
// and declare what the generation needs opened.
// Runs in: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/units.h"
#include "conf/context.h"
#include "conf/diagnostics.h"
#include "conf/facts.h"
#include "conf/listen_spec.h"
#include "conf/sink_spec.h"
#include "conf/tree.h"
#include "conf/zone_spec.h"

namespace sluice::conf {

struct Level;
struct Row;
struct AcceptedRow;
class Generation;

/// The features of each protocol's block, as the protocol knows them; this room knows none.
struct FeatureLists {
    const void* http = nullptr;    ///< http::Features
    const void* stream = nullptr;  ///< stream::Features
};

class Build {
  public:
    using Frozen = void (*)(Build&, void* object);

    Build(Generation& generation, Facts& facts, Diagnostics& diagnostics, const FeatureLists& features)
        : generation_(generation), facts_(facts), diagnostics_(diagnostics), features_(features) {}

    [[nodiscard]] Facts& facts() { return facts_; }

    [[nodiscard]] Diagnostics& diagnostics() { return diagnostics_; }

    /// The generation's arena: what is put there lives as long as the generation.
    [[nodiscard]] Arena& arena();

    [[nodiscard]] Generation& generation() { return generation_; }

    /// Whether `compat nginx;` stands anywhere.
    [[nodiscard]] bool is_compat() const { return is_compat_; }

    /// CompileOptions::features: what the registry passes to the protocols' blocks.
    [[nodiscard]] const FeatureLists& features() const { return features_; }

    /// The level that is being read.
    [[nodiscard]] Level& level() { return *level_; }

    /// Opens a level below the current one for `block`'s directives.
    [[nodiscard]] Level& open_level(Context context, const Directive& block);
    /// Reads the block's directives into `level`. False: errors were reported (reading went on).
    bool run_block(const Directive& block, Level& level);

    /// Declares an address. One that is declared already is returned as it was.
    ListenSpec& declare_listen(std::string_view key);
    /// Declares a log destination; its `target` says which. One that is declared already is returned
    /// as it was. Texts and lists of `spec` must live as long as the generation.
    /// Lives: the reference, until the next declaration.
    SinkSpec& declare_sink(const SinkSpec& spec);
    /// Declares a file or "stderr" and gives its id.
    SinkId declare_sink(std::string_view target, Position at);
    /// Declares a shared zone; `wanted` needs name, use, bytes, shards, keys, directive and at. Null:
    /// the name is taken, which was reported. The zone is the generation's.
    ZoneSpec* declare_zone(const ZoneSpec& wanted);
    /// The zone of that name, or null; where it may be declared further down, ask when frozen.
    [[nodiscard]] ZoneSpec* find_zone(std::string_view name);

    /// Declares a directory that workers write to. One that is declared already stays as it was.
    void declare_directory(std::string_view path, Position at);

    /// Declares what is counted of a server or location and gives its id; `spec.id` is what counts
    /// it where no id is left, which is warned of. Texts are copied.
    SeriesId declare_series(SeriesSpec spec, Position at);

    /// Calls `frozen(build, object)` once, when every level has inherited, in order of
    /// registration.
    void on_frozen(Frozen frozen, void* object) { frozen_.push_back({frozen, object}); }

    /// `path` itself when absolute, else below the prefix; in the arena, NUL-terminated.
    [[nodiscard]] std::string_view absolute_path(std::string_view path);

    /// Reports an error; always false, so that a parser can `return build.error(…)`.
    bool error(Position at, std::string message, std::string expectation = {});
    /// The same with the caret under the argument.
    bool error(const Argument& at, std::string message, std::string expectation = {});
    bool error(const Directive& at, std::string message, std::string expectation = {});
    void warn(Position at, std::string message, std::string expectation = {});
    /// `invalid value "x" in "name" directive`, with the expectation.
    bool invalid(const Directive& directive, const Argument& value, std::string expectation);

    /// Warns once a run that the directive has no effect.
    void note_accepted(const Directive& directive, const AcceptedRow& row);

  private:
    friend class Compiler;

    struct FrozenCall {
        Frozen call;
        void* object;
    };

    Generation& generation_;
    Facts& facts_;
    Diagnostics& diagnostics_;
    FeatureLists features_;
    Level* level_ = nullptr;
    bool is_compat_ = false;
    bool is_out_of_series_ = false;
    std::vector<FrozenCall> frozen_;
    std::vector<std::string_view> warned_;  ///< accepted directives already warned of
};

}  // namespace sluice::conf
