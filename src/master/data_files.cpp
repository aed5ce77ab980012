// SPDX-License-Identifier: BSD-2-Clause
// Copies of data files.
// Runs in: master, the command line.
#include "master/data_files.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "log/log.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/memory.h"

namespace sluice::master {

namespace {

constexpr std::size_t kPiece = 1 << 20;

struct Source {
    sys::UniqueFd fd;
    sys::FileInfo info;
};

/// Never waits for a FIFO's writer.
Result<Source> open_source(const std::string& path) {
    Source out;
    out.fd = TRY(sys::open(path.c_str(), O_RDONLY | O_NONBLOCK));
    out.info = TRY(sys::file_info(out.fd.get()));
    if (!out.info.is_regular()) {
        return fail("open()", out.info.is_directory() ? EISDIR : EINVAL);
    }
    return out;
}

/// Another file has another one, as far as a file system tells.
std::string name_of(const conf::DataFile& file, const sys::FileInfo& info) {
    return fmt::format("{} {} {} {} {}.{}", file.path, info.device, info.inode, info.size,
                       info.modified.count(), info.modified_nanos);
}

Result<sys::UniqueFd> copy_of(const Source& source) {
    sys::UniqueFd out = TRY(sys::memfd("sluice-data", source.info.size));
    std::vector<char> piece(kPiece);
    for (;;) {
        const sys::Transfer got = TRY(sys::read(source.fd.get(), piece));
        if (got.size == 0) {
            break;
        }
        TRY(sys::write_all(out.get(), std::span(piece).first(got.size)));
    }
    TRY(sys::seal(out.get()));
    return out;
}

std::string sentence(const conf::DataFile& file, const Error& error) {
    return fmt::format("{}", log::Failure{error, fmt::format("\"{}\"", file.path)});
}

}  // namespace

std::expected<void, std::vector<std::string>> DataFiles::open(const conf::Generation& next) {
    std::vector<std::string> errors;
    for (const std::unique_ptr<conf::DataFile>& file : conf::data_files(next)) {
        const auto taken = take(*file);
        if (taken) {
            continue;
        }
        const bool has_place = file->at.line != 0 && file->at.file < next.tree().files.size();
        errors.push_back(has_place ? fmt::format("{} in {}:{}", taken.error(),
                                                 next.tree().files[file->at.file].path, file->at.line)
                                   : taken.error());
    }
    if (!errors.empty()) {
        return std::unexpected(std::move(errors));
    }
    return {};
}

std::expected<void, std::string> DataFiles::take(conf::DataFile& file) {
    const Result<Source> source = open_source(file.path);
    if (!source && source.error().code == EINVAL) {
        return std::unexpected(fmt::format("\"{}\" is not a regular file", file.path));
    }
    if (!source) {
        return std::unexpected(sentence(file, source.error()));
    }
    std::string name = name_of(file, source->info);
    refused_.erase(file.path);
    if (!held_.contains(name)) {
        Result<sys::UniqueFd> copy = copy_of(*source);
        if (!copy) {
            return std::unexpected(sentence(file, copy.error()));
        }
        auto tried = file.kind->open(copy->get());
        if (!tried) {
            refused_[file.path] = name;
            return std::unexpected(fmt::format("\"{}\": {}", file.path, tried.error()));
        }
        file.kind->close(*tried);
        held_.emplace(name, std::move(*copy));
    }
    file.copy = std::move(name);
    file.modified = source->info.modified;
    file.taken = UnixSeconds(sys::wall_now().count() / 1000);
    return {};
}

void DataFiles::keep_only(const conf::Generation& generation) {
    const auto files = conf::data_files(generation);
    std::erase_if(held_, [files](const auto& held) {
        return std::ranges::none_of(files, [&held](const std::unique_ptr<conf::DataFile>& file) {
            return file->copy == held.first;
        });
    });
}

DataFileMessage DataFiles::message(const conf::Generation& generation, std::size_t index) const {
    const conf::DataFile& file = *conf::data_files(generation)[index];
    const auto held = held_.find(file.copy);
    return {.message = {.generation = generation.number(),
                        .index = static_cast<std::uint32_t>(index),
                        .modified = file.modified.count(),
                        .taken = file.taken.count()},
            .fd = held == held_.end() ? -1 : held->second.get()};
}

std::vector<DataFileMessage> DataFiles::messages(const conf::Generation& generation) const {
    std::vector<DataFileMessage> out;
    for (std::size_t i = 0; i < conf::data_files(generation).size(); ++i) {
        out.push_back(message(generation, i));
    }
    return out;
}

/// One that was refused as it is now is not copied and refused again at every look.
bool DataFiles::has_changed(const conf::DataFile& file) const {
    const Result<sys::FileInfo> info = sys::file_info_at(AT_FDCWD, file.path.c_str(), true);
    if (!info) {
        return false;
    }
    const std::string name = name_of(file, *info);
    const auto refused = refused_.find(file.path);
    return name != file.copy && (refused == refused_.end() || name != refused->second);
}

}  // namespace sluice::master
