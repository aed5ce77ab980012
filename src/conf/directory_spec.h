// SPDX-License-Identifier: BSD-2-Clause
// DirectorySpec: a directory that workers write to. The master makes it, for the workers' user.
// Runs in: any.
#pragma once

#include <string_view>

#include "conf/tree.h"

namespace sluice::conf {

struct DirectorySpec {
    std::string_view path;  ///< absolute, NUL-terminated
    Position at;            ///< line 0: a default, whose failure is no error
};

}  // namespace sluice::conf
