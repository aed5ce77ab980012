// SPDX-License-Identifier: BSD-2-Clause
// Reading a configuration.
// Runs in: master.
#include "master/candidate.h"

#include <utility>

#include "conf/bundle.h"
#include "sys/file.h"
#include "sys/memory.h"

namespace sluice::master {

std::expected<Configuration, std::vector<std::string>> read_configuration(const Start& start,
                                                                          Ids& ids,
                                                                          GenerationNumber number) {
    LiveFacts live(ids, start.places);
    conf::Recorder recorder(live);
    conf::Compiled compiled = conf::compile(recorder, {.main_file = start.places.main_file,
                                                       .globals = start.globals,
                                                       .number = number,
                                                       .modules = start.modules,
                                                       .features = start.features});
    if (!compiled.generation) {
        return std::unexpected(std::move(compiled.errors));
    }
    Configuration out;
    out.bytes = recorder.serialize(
        {.generation = number, .main_file = start.places.main_file, .globals = start.globals});
    out.generation = conf::GenerationRef(std::move(compiled.generation));
    out.warnings = std::move(compiled.warnings);
    return out;
}

Result<> seal(Configuration& configuration) {
    const std::string& bytes = configuration.bytes;
    sys::UniqueFd fd = TRY(sys::memfd("sluice-bundle", bytes.size()));
    TRY(sys::write_all(fd.get(), bytes));
    TRY(sys::seal(fd.get()));
    configuration.bundle = std::move(fd);
    configuration.bytes = {};
    return {};
}

}  // namespace sluice::master
