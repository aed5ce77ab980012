// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a bundle: refused or replayed, never a crash or a read past the end.
// Runs in: tests.
#include <cstdint>
#include <span>

#include "conf/bundle.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice;  // NOLINT: a test program of one file
    Result<conf::Replay> replay =
        conf::Replay::open(std::span(reinterpret_cast<const char*>(data), size));
    if (replay) {
        (void)replay->file(replay->head().main_file);
        (void)replay->user("a");
        (void)replay->cpus();
        (void)replay->listener_id("0.0.0.0:80");
    }
    return 0;
}
