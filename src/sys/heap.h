// SPDX-License-Identifier: BSD-2-Clause
// The heap of this process.
// Runs in: any.
#pragma once

namespace sluice::sys {

/// Gives free pages of the heap back to the machine; takes some milliseconds.
void trim_heap();

}  // namespace sluice::sys
