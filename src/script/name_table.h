// SPDX-License-Identifier: BSD-2-Clause
// NameTable: names and host wildcards of the configuration, each with a number, looked up without
// regard to case and without an allocation. `map`, `valid_referers`.
// Runs in: any (build), worker (find).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"

namespace sluice::script {

class NameTable {
  public:
    static constexpr std::uint32_t kNone = UINT32_MAX;

    /// The number of exactly `text`, or kNone.
    [[nodiscard]] std::uint32_t find_exact(std::string_view text) const;
    /// The number of `host`: exact, longest "*.suffix", longest "prefix.*".
    [[nodiscard]] std::uint32_t find_host(std::string_view host) const;

  private:
    friend class NameTableBuilder;

    struct Slot {
        std::string_view name;  ///< lower case
        std::uint32_t hash = 0;
        std::uint32_t number = kNone;  ///< kNone: free
    };

    [[nodiscard]] static std::uint32_t find(std::span<const Slot> slots, std::string_view text);

    std::span<const Slot> exact_;     ///< closed hash; size 0 or a power of two
    std::span<const Slot> suffixes_;  ///< the same: ".example.com" for "*.example.com"
    std::span<const Slot> prefixes_;  ///< the same: "www." for "www.*"
};

/// Collects names. Lives: only while the configuration is read.
class NameTableBuilder {
  public:
    enum class Outcome : std::uint8_t { Added, Known, Malformed };

    [[nodiscard]] Outcome add_exact(std::string_view name, std::uint32_t number);
    /// Also "*.example.com", "www.*" and ".example.com", which is both "example.com" and
    /// "*.example.com". Malformed: a star elsewhere, or an empty label.
    [[nodiscard]] Outcome add_host(std::string_view name, std::uint32_t number);
    /// False: the arena is full.
    [[nodiscard]] bool build(Arena& arena, NameTable& out) const;

  private:
    using Slots = std::vector<NameTable::Slot>;

    /// An index over `slots` while they are collected: a closed hash of positions plus one.
    struct Collection {
        Slots slots;
        std::vector<std::uint32_t> index;
    };

    [[nodiscard]] bool add(Collection& into, std::string_view name, std::uint32_t number);
    [[nodiscard]] static bool build(const Slots& slots,
                                    Arena& arena,
                                    std::span<const NameTable::Slot>& out);

    Arena names_;
    Collection exact_;
    Collection suffixes_;
    Collection prefixes_;
};

}  // namespace sluice::script
