// SPDX-License-Identifier: BSD-2-Clause
// Data files of a generation.
// Runs in: any.
#include "conf/data_file.h"

#include <algorithm>
#include <utility>

#include "conf/generation.h"
#include "conf/level.h"

namespace sluice::conf {

namespace {

struct DataFileConf {
    std::vector<std::unique_ptr<DataFile>> files;
};

constexpr ConfKind kKind = kind<DataFileConf>("data_file", {});

}  // namespace

constexpr Module kDataFileModule{"data_file", &kKind};

std::expected<void, std::string> DataFile::attach(int fd) {
    auto made = kind->open(fd);
    if (!made) {
        return std::unexpected(std::move(made.error()));
    }
    close();
    opened = *made;
    return {};
}

void DataFile::close() {
    if (opened != nullptr) {
        kind->close(std::exchange(opened, nullptr));
    }
}

DataFile& declare_data_file(Build& build,
                            std::string_view path,
                            const DataFileKind& kind,
                            Position at) {
    auto& files = build.generation().main_level().conf<DataFileConf>().files;
    const auto known = std::ranges::find_if(files, [&](const std::unique_ptr<DataFile>& file) {
        return file->path == path && file->kind == &kind;
    });
    if (known != files.end()) {
        return **known;
    }
    DataFile& made = *files.emplace_back(std::make_unique<DataFile>());
    made.path = path;
    made.kind = &kind;
    made.at = at;
    return made;
}

std::span<const std::unique_ptr<DataFile>> data_files(const Generation& generation) {
    const Level& main = generation.main_level();
    // A program without any feature that has some, such as a test, leaves the module out.
    return std::ranges::find(main.modules, &kDataFileModule) == main.modules.end()
               ? std::span<const std::unique_ptr<DataFile>>{}
               : std::span<const std::unique_ptr<DataFile>>(main.conf<DataFileConf>().files);
}

}  // namespace sluice::conf
