// SPDX-License-Identifier: BSD-2-Clause
// Directories of the workers.
// Runs in: master, the command line.
#include "master/directories.h"

#include <cerrno>
#include <sys/stat.h>

#include <fmt/format.h>

#include "log/log.h"
#include "master/identity.h"
#include "sys/file.h"

namespace sluice::master {

namespace {

constexpr mode_t kMode = 0700;

// As nginx does: a directory that is there is given to the user too. One that everybody may write
// to (/tmp and its like) is left alone.
Result<> make_directory(const char* path, const conf::Account* owner) {
    const Result<> made = sys::make_directory(path, kMode);
    if (!made && made.error().code != EEXIST) {
        return made;
    }
    const sys::FileInfo info = TRY(sys::file_info_at(AT_FDCWD, path, true));
    if (!info.is_directory()) {
        return fail("mkdir()", ENOTDIR);
    }
    const bool is_everybodys = (info.mode & S_IWOTH) != 0;
    if (owner != nullptr && info.uid != owner->uid && !is_everybodys) {
        return sys::change_owner(path, owner->uid, owner->gid);
    }
    return {};
}

}  // namespace

std::expected<void, std::vector<std::string>> make_directories(const conf::Generation& next) {
    std::vector<std::string> errors;
    const Identity user = identity_for(conf::process_conf(next));
    const conf::Account* const owner = user.drops_user ? &user.account : nullptr;
    for (const conf::DirectorySpec& spec : next.directories()) {
        const Result<> made = make_directory(spec.path.data(), owner);
        if (made || spec.at.line == 0) {
            continue;
        }
        std::string text =
            fmt::format("{}", log::Failure{made.error(), fmt::format("\"{}\"", spec.path)});
        if (spec.at.file < next.tree().files.size()) {
            text += fmt::format(" in {}:{}", next.tree().files[spec.at.file].path, spec.at.line);
        }
        errors.push_back(std::move(text));
    }
    if (!errors.empty()) {
        return std::unexpected(std::move(errors));
    }
    return {};
}

}  // namespace sluice::master
