// SPDX-License-Identifier: BSD-2-Clause
// Generation: one accepted configuration, compiled: the tree, the levels with every module's
// settings, and what is to be opened. Immutable once compiled. Counted by a plain number, because
// only one thread of a process ever touches it; running exchanges keep theirs alive.
// Runs in: any.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/units.h"
#include "conf/diagnostics.h"
#include "conf/directory_spec.h"
#include "conf/facts.h"
#include "conf/level.h"
#include "conf/listen_spec.h"
#include "conf/module.h"
#include "conf/sink_spec.h"
#include "conf/tree.h"
#include "conf/zone_spec.h"

namespace sluice::conf {

class Generation {
  public:
    Generation() = default;
    ~Generation();
    Generation(const Generation&) = delete;
    Generation& operator=(const Generation&) = delete;

    [[nodiscard]] GenerationNumber number() const { return number_; }

    [[nodiscard]] const Tree& tree() const { return tree_; }

    [[nodiscard]] Level& main_level() const { return *levels_.front(); }

    /// The n-th level of that context in order of appearance, or null.
    [[nodiscard]] Level* find_level(Context context, std::size_t index) const;

    /// All levels, parents before children.
    [[nodiscard]] std::span<const std::unique_ptr<Level>> levels() const { return levels_; }

    [[nodiscard]] bool is_compat() const { return is_compat_; }

    [[nodiscard]] std::span<const ListenSpec* const> listens() const { return listens_; }

    [[nodiscard]] const ListenSpec* find_listen(ListenerId id) const;
    [[nodiscard]] const ListenSpec* find_listen(std::string_view key) const;

    [[nodiscard]] std::span<const SinkSpec> sinks() const { return sinks_; }

    [[nodiscard]] std::span<const DirectorySpec> directories() const { return directories_; }
    /// What is counted of its servers and locations, in order of appearance, each id once.
    [[nodiscard]] std::span<const SeriesSpec> series() const { return series_; }

    /// Shared zones, in order of appearance.
    [[nodiscard]] std::span<const std::unique_ptr<ZoneSpec>> zones() const { return zones_; }

    /// Warnings of the compilation.
    [[nodiscard]] const Diagnostics& diagnostics() const { return diagnostics_; }

    [[nodiscard]] Arena& arena() { return arena_; }

    /// Bytes of memory that it holds in its arena.
    [[nodiscard]] std::size_t footprint() const { return arena_.footprint(); }

    /// Takes an object that must be destroyed with the generation (a compiled regex, a table).
    template <class T>
    T& keep(std::unique_ptr<T> object) {
        T& kept = *object;
        kept_.push_back({object.release(), [](void* at) { delete static_cast<T*>(at); }});
        return kept;
    }

  private:
    friend class Build;
    friend class Compiler;
    friend class GenerationRef;

    struct Kept {
        void* object;
        void (*destroy)(void*);
    };

    Arena arena_{64 * 1024};
    Tree tree_;
    Diagnostics diagnostics_;
    std::vector<std::unique_ptr<Level>> levels_;  ///< parents before children
    std::vector<const ListenSpec*> listens_;
    std::vector<std::unique_ptr<ListenSpec>> listen_storage_;
    std::unordered_map<std::string_view, ListenSpec*> listens_by_key_;
    std::unordered_map<ListenerId, const ListenSpec*> listens_by_id_;
    std::vector<SinkSpec> sinks_;
    std::unordered_map<std::string_view, std::size_t> sinks_by_target_;  ///< index into sinks_
    std::vector<DirectorySpec> directories_;
    std::vector<SeriesSpec> series_;
    std::vector<std::unique_ptr<ZoneSpec>> zones_;
    std::vector<Kept> kept_;
    GenerationNumber number_;
    bool is_compat_ = false;
    std::uint64_t references_ = 0;
};

/// Keeps a generation alive.
class GenerationRef {
  public:
    GenerationRef() = default;

    explicit GenerationRef(std::unique_ptr<Generation> owned) : generation_(owned.release()) {
        take();
    }

    ~GenerationRef() { drop(); }

    GenerationRef(const GenerationRef& other) : generation_(other.generation_) { take(); }

    GenerationRef(GenerationRef&& other) noexcept
        : generation_(std::exchange(other.generation_, nullptr)) {}

    GenerationRef& operator=(GenerationRef other) noexcept {
        std::swap(generation_, other.generation_);
        return *this;
    }

    [[nodiscard]] explicit operator bool() const { return generation_ != nullptr; }

    [[nodiscard]] Generation& operator*() const { return *generation_; }

    [[nodiscard]] Generation* operator->() const { return generation_; }

    [[nodiscard]] Generation* get() const { return generation_; }

    void reset() { *this = GenerationRef(); }

  private:
    void take() {
        if (generation_ != nullptr) {
            ++generation_->references_;
        }
    }

    void drop() {
        if (generation_ != nullptr && --generation_->references_ == 0) {
            delete generation_;
        }
    }

    Generation* generation_ = nullptr;
};

struct CompileOptions {
    std::string main_file;  ///< absolute path
    std::string globals;    ///< text of -g
    GenerationNumber number;
    std::span<const Module* const> modules;
    FeatureLists features{};  ///< handed to blocks through Build::features()
};

/// What a compilation gave: a generation, or errors. The tree is there in both cases, so that
/// diagnostics can be rendered.
struct Compiled {
    std::unique_ptr<Generation> generation;  ///< null where there were errors
    std::unique_ptr<Generation> broken;      ///< then: what was read, for rendering only
    /// All diagnostics, errors and warnings, rendered, one string each.
    std::vector<std::string> errors;
    std::vector<std::string> warnings;
};

/// Makes a generation of what `facts` say. Makes no system call itself.
[[nodiscard]] Compiled compile(Facts& facts, const CompileOptions& options);

/// The strongest way in which the differences between two generations apply.
[[nodiscard]] Applies strongest_change(const Generation& old, const Generation& next);

}  // namespace sluice::conf
