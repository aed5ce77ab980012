// SPDX-License-Identifier: BSD-2-Clause
// Map, replay, compile.
// Runs in: worker.
#include "worker/bundle_reader.h"

#include <utility>

#include "conf/bundle.h"
#include "log/log.h"
#include "registry/registry.h"
#include "sys/file.h"
#include "sys/memory.h"

namespace sluice::worker {

namespace {

Result<conf::Replay> read_bundle(int memfd) {
    const sys::FileInfo info = TRY(sys::file_info(memfd));
    const sys::Mapping mapping = TRY(sys::map_shared(memfd, info.size, false));
    return conf::Replay::open(mapping.bytes());
}

}  // namespace

std::expected<std::unique_ptr<conf::Generation>, std::string> compile_bundle(
    int memfd, GenerationNumber number) {
    Result<conf::Replay> replay = read_bundle(memfd);
    if (!replay) {
        return std::unexpected(fmt::format("{}", log::Failure{replay.error()}));
    }
    if (replay->head().generation != number) {
        return std::unexpected(fmt::format("bundle of generation {} where {} was announced",
                                           replay->head().generation.value, number.value));
    }
    conf::Compiled compiled = conf::compile(*replay, {.main_file = replay->head().main_file,
                                                      .globals = replay->head().globals,
                                                      .number = number,
                                                      .modules = registry::modules(),
                                                      .features = registry::features()});
    if (!compiled.generation) {
        return std::unexpected(compiled.errors.empty() ? std::string("the bundle does not compile")
                                                       : compiled.errors.front());
    }
    return std::move(compiled.generation);
}

}  // namespace sluice::worker
