// SPDX-License-Identifier: BSD-2-Clause
// Rewrite program: what set, rewrite, if, break and return of one block do, in the order of the
// file, as a flat list of steps with jumps. A block that has none of them has no program.
// Runs in: any (compiled while the configuration is read), worker (run).
#pragma once

#include <cstdint>
#include <vector>

#include "modules/http/answer.h"
#include "modules/http/open_file_cache.h"
#include "proto/http/exchange.h"
#include "script/pattern.h"
#include "script/template.h"

namespace sluice::modules {

/// What an `if` asks of a file.
enum class FileTest : std::uint8_t { Plain, Directory, Exists, Executable };

/// One comparison of an `if`.
struct Condition {
    enum class Kind : std::uint8_t {
        IsTrue,   ///< neither empty nor "0"
        Equals,   ///< left and right are the same text
        Matches,  ///< pattern matches left
        File,     ///< left is the path of such a file
    };

    Kind kind = Kind::IsTrue;
    bool is_negated = false;
    FileTest file = FileTest::Exists;
    script::Template left;
    script::Template right;
    const script::Pattern* pattern = nullptr;
};

/// `rewrite pattern replacement [flag]`.
struct Replacement {
    const script::Pattern* pattern = nullptr;
    script::Template path;       ///< of a redirect: all of it
    script::Template args;       ///< what follows the first `?`
    int status = 0;              ///< 301, 302: a redirect
    bool has_args = false;       ///< the replacement has a `?`
    bool keeps_args = true;      ///< the request's own arguments follow; not where it ends in `?`
    bool ends = false;           ///< nothing of this program runs after a match
    bool stays_here = false;     ///< break: no new location search
};

struct Step {
    enum class Kind : std::uint8_t { Test, Enter, Assign, Rewrite, Break, Return };

    Kind kind = Kind::Break;
    std::uint32_t yes = 0;         ///< Test: where to go on
    std::uint32_t no = 0;          ///< Test: where to go on
    const void* detail = nullptr;  ///< Condition, http::Location, script::Assignment, Replacement, Answer
};

/// Owner: the settings of the block.
struct RewriteProgram {
    std::vector<Step> steps;
    std::vector<conf::Position> places;  ///< where the steps are written: read by reports only
    bool is_logged = false;  ///< rewrite_log
    bool is_server = false;  ///< runs before the location search
    const FilePolicy* policy = nullptr;

    void add(const Step& step, conf::Position at) {
        steps.push_back(step);
        places.push_back(at);
    }
};

/// The rule: `settings` is a RewriteProgram.
[[nodiscard]] http::Verdict run_program(http::Exchange& exchange, const void* settings);

}  // namespace sluice::modules
