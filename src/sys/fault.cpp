// SPDX-License-Identifier: BSD-2-Clause
// The fault switch.
// Runs in: any.
#include "sys/fault.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "sys/process.h"

namespace sluice::sys {

namespace {

constexpr std::array<std::string_view, 9> kNames = {
    "canary-crash",  "canary-hang", "prepare-silent", "commit-silent", "early-death",
    "upgrade-fails", "cold-files",  "hung-files",     "no-watches"};

// The one mutable global of sys: set in main() before any child exists, read-only afterwards.
constinit unsigned faults = 0;

/// The bit of a name, or 0.
unsigned bit_of(std::string_view name) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (kNames[i] == name) {
            return 1U << i;
        }
    }
    return 0;
}

}  // namespace

bool set_fault(std::string_view name, bool on) {
    const unsigned bit = bit_of(name);
    faults = on ? faults | bit : faults & ~bit;
    return bit != 0;
}

void read_faults() {
    const std::string all = environment_value("SLUICE_FAULT").value_or("");
    std::string_view rest = all;
    while (!rest.empty()) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        set_fault(rest.substr(0, comma), true);
        rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
}

bool has_fault(std::string_view name) {
    return (faults & bit_of(name)) != 0;
}

bool has_fault(Fault fault) {
    return (faults & (1U << std::to_underlying(fault))) != 0;
}

}  // namespace sluice::sys
