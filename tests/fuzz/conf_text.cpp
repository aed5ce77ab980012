// SPDX-License-Identifier: BSD-2-Clause
// Any text as a configuration, read with every module of the program: no crash, no endless loop,
// and whatever compiles compiles again from its own bundle.
// Runs in: tests.
#include <cstdlib>
#include <string>
#include <string_view>

#include "conf/bundle.h"
#include "conf/generation.h"
#include "support/one_file.h"

namespace {

using namespace sluice;  // NOLINT: a test program of one file
using support::compile;
using support::OneFile;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    OneFile live(std::string_view(reinterpret_cast<const char*>(data), size));
    conf::Recorder recorder(live);
    const conf::Compiled first = compile(recorder);
    const std::string bytes = recorder.serialize({.generation = GenerationNumber{1}});
    Result<conf::Replay> replay = conf::Replay::open(bytes);
    if (!replay) {
        std::abort();
    }
    const conf::Compiled second = compile(*replay);
    if ((first.generation == nullptr) != (second.generation == nullptr)) {
        std::abort();
    }
    return 0;
}
