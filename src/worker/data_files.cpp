// SPDX-License-Identifier: BSD-2-Clause
// Opening data files for a generation.
// Runs in: worker.
#include "worker/data_files.h"

#include <utility>

#include <fmt/format.h>

#include "conf/data_file.h"
#include "log/log.h"

namespace sluice::worker {

namespace {

std::expected<void, std::string> open(conf::DataFile& file, const ipc::DataFile& told, int copy) {
    if (auto opened = file.attach(copy); !opened) {
        return std::unexpected(fmt::format("\"{}\": {}", file.path, opened.error()));
    }
    file.modified = UnixSeconds(told.modified);
    file.taken = UnixSeconds(told.taken);
    return {};
}

}  // namespace

void DataFiles::take(const ipc::DataFile& file,
                     sys::UniqueFd copy,
                     const conf::Generation* generation) {
    if (generation == nullptr) {
        taken_[file.index] = {.told = file, .copy = std::move(copy)};
        return;
    }
    const auto files = conf::data_files(*generation);
    if (file.index >= files.size()) {
        return;
    }
    if (const auto opened = open(*files[file.index], file, copy.get()); !opened) {
        log::write(log::Level::Error, "the data of before is kept: {}", opened.error());
    }
}

std::expected<void, std::string> DataFiles::attach(const conf::Generation& generation) {
    const std::map<std::uint32_t, Taken> taken = std::exchange(taken_, {});
    std::uint32_t index = 0;
    for (const std::unique_ptr<conf::DataFile>& file : conf::data_files(generation)) {
        const auto found = taken.find(index++);
        if (found == taken.end() || found->second.told.generation != generation.number()) {
            return std::unexpected(fmt::format("\"{}\" was not handed over", file->path));
        }
        if (auto opened = open(*file, found->second.told, found->second.copy.get()); !opened) {
            return opened;
        }
    }
    return {};
}

}  // namespace sluice::worker
