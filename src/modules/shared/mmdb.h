// SPDX-License-Identifier: BSD-2-Clause
// Mmdb: a database in MaxMind's format: from an address to a value. The only user of libmaxminddb.
// Runs in: any (open), worker (look-up).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "conf/data_file.h"
#include "net/address.h"

namespace sluice::modules {

/// How a configuration's data file becomes such a database.
extern const conf::DataFileKind kMmdbKind;

/// The value at `path` (names of maps and numbers of lists, then a null) of what `file` says of `ip`,
/// as text in `arena`: numbers in decimal, fractions with five digits, booleans as 0 and 1.
/// data() == nullptr: nothing is said there, or there is no room. Allocates nothing else.
[[nodiscard]] std::string_view find_in_mmdb(const conf::DataFile& file,
                                            const net::IpBytes& ip,
                                            const char* const* path,
                                            Arena& arena);

/// When the database was made, in seconds of Unix time.
[[nodiscard]] std::uint64_t build_epoch(const conf::DataFile& file);

}  // namespace sluice::modules
