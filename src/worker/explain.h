// SPDX-License-Identifier: BSD-2-Clause
// Explain: `sluice explain URL`: what a worker of this configuration would answer, and why. A
// process of its own becomes a worker: same user, same rules, same wire; but its listeners are not
// opened, its zones are private and empty, and its client is the other end of a socket pair. What
// decides tells a Trace. Nothing that a running server shares is touched.
// Runs in: any (the command line).
#pragma once

#include <string>
#include <vector>

#include "conf/generation.h"
#include "ipc/message.h"

namespace sluice::worker {

/// What the command line says.
struct ExplainWishes {
    std::vector<std::string> urls;    ///< "-": questions from standard input, one a line
    std::string method = "GET";       ///< -X
    std::vector<std::string> fields;  ///< -H, "Name: value"
    std::string client;               ///< --client: an address; empty: of the loopback
    std::string connect;              ///< --connect: address and port that the client asks; empty: found
    bool is_json = false;             ///< --json: one object a line
};

/// Explains every URL. Gives the exit code: 1 where a question could not be asked.
/// Blocks: for the files that the requests need, and for standard input with "-".
[[nodiscard]] int explain(conf::GenerationRef generation,
                          const ipc::Hello& identity,
                          const std::string& prefix,
                          const ExplainWishes& wishes);

}  // namespace sluice::worker
