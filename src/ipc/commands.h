// SPDX-License-Identifier: BSD-2-Clause
// The one table of signals: number, `-s` name and meaning. The master acts on it, the command line
// sends by it, the generated reference prints it.
// Runs in: any.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::ipc {

/// What a signal asks of the master.
enum class Order : std::uint8_t {
    Reload,
    ReopenLogs,
    Upgrade,
    RetireWorkers,
    GracefulStop,
    FastStop,
    ReapChildren,
    Ignore,
    DumpStatistics,
    SetWorkers,
    SetLogLevel,
};

/// How a row's signal number is counted: as it is, or from SIGRTMIN, which is known only at run
/// time.
enum class NumberBase : std::uint8_t { Absolute, RealTime };

struct Command {
    int number;
    NumberBase base;
    std::string_view signal_name;  ///< "HUP"
    std::string_view option;       ///< value of `-s`; empty: none
    Order order;
    bool has_payload;          ///< sigqueue's integer is the argument
    std::string_view meaning;  ///< one sentence for operators
};

/// All rows.
[[nodiscard]] std::span<const Command> commands();
/// The row of a signal that arrived, or nullptr.
[[nodiscard]] const Command* find_command(int signal_number);
/// The row of a `-s` word, or nullptr.
[[nodiscard]] const Command* find_command(std::string_view option);
/// The signal number of a row.
[[nodiscard]] int number_of(const Command& command);

}  // namespace sluice::ipc
