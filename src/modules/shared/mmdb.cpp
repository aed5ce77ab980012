// SPDX-License-Identifier: BSD-2-Clause
// MaxMind databases.
// Runs in: any (open), worker (look-up).
#include "modules/shared/mmdb.h"

#include <maxminddb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>

#include <fmt/format.h>

namespace sluice::modules {

namespace {

struct Mmdb {
    MMDB_s base{};
    // Several variables of one request ask for one address.
    net::IpBytes last{};
    MMDB_lookup_result_s found{};
};

/// The library opens files by path only. It maps them, so that nothing of this stays open.
std::expected<void*, std::string> open_mmdb(int fd) {
    auto made = std::make_unique<Mmdb>();
    const std::string path = fmt::format("/proc/self/fd/{}", fd);
    const int status = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &made->base);
    if (status != MMDB_SUCCESS) {
        return std::unexpected(fmt::format("MMDB_open() failed: {}", MMDB_strerror(status)));
    }
    return made.release();
}

void close_mmdb(void* opened) {
    const std::unique_ptr<Mmdb> owned(static_cast<Mmdb*>(opened));
    MMDB_close(&owned->base);
}

union SocketAddress {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
};

MMDB_lookup_result_s look_up(const MMDB_s& base, const net::IpBytes& ip) {
    SocketAddress address{};
    if (ip.size == 4) {
        address.v4.sin_family = AF_INET;
        std::memcpy(&address.v4.sin_addr, ip.bytes.data(), ip.size);
    } else {
        address.v6.sin6_family = AF_INET6;
        std::memcpy(&address.v6.sin6_addr, ip.bytes.data(), ip.size);
    }
    int status = MMDB_SUCCESS;
    const MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&base, &address.any, &status);
    return status == MMDB_SUCCESS ? found : MMDB_lookup_result_s{};
}

template <class... Args>
std::string_view print(Arena& arena,
                       fmt::format_string<const Args&...> format,
                       const Args&... args) {
    std::array<char, 512> text{};  // the largest double has 309 digits before the point
    const auto written = fmt::format_to_n(text.data(), text.size(), format, args...);
    return arena.copy({text.data(), std::min(written.size, text.size())});
}

std::string_view text_of(const MMDB_entry_data_s& data, Arena& arena) {
    switch (data.type) {
        case MMDB_DATA_TYPE_UTF8_STRING:
            return arena.copy({data.utf8_string, data.data_size});
        case MMDB_DATA_TYPE_BYTES:
            return arena.copy(
                {static_cast<const char*>(static_cast<const void*>(data.bytes)), data.data_size});
        case MMDB_DATA_TYPE_DOUBLE:
            return print(arena, "{:.5f}", data.double_value);
        case MMDB_DATA_TYPE_FLOAT:
            return print(arena, "{:.5f}", static_cast<double>(data.float_value));
        case MMDB_DATA_TYPE_UINT16:
            return print(arena, "{}", data.uint16);
        case MMDB_DATA_TYPE_UINT32:
            return print(arena, "{}", data.uint32);
        case MMDB_DATA_TYPE_INT32:
            return print(arena, "{}", data.int32);
        case MMDB_DATA_TYPE_UINT64:
            return print(arena, "{}", data.uint64);
        case MMDB_DATA_TYPE_UINT128:
            return print(arena, "0x{:016x}{:016x}", static_cast<std::uint64_t>(data.uint128 >> 64U),
                         static_cast<std::uint64_t>(data.uint128));
        case MMDB_DATA_TYPE_BOOLEAN:
            return data.boolean ? "1" : "0";
        default:  // a map or a list
            return {};
    }
}

}  // namespace

constexpr conf::DataFileKind kMmdbKind{.name = "mmdb", .open = &open_mmdb, .close = &close_mmdb};

std::string_view find_in_mmdb(const conf::DataFile& file,
                              const net::IpBytes& ip,
                              const char* const* path,
                              Arena& arena) {
    if (file.opened == nullptr || ip.size == 0) {
        return {};
    }
    Mmdb& database = *static_cast<Mmdb*>(file.opened);
    if (ip.size != database.last.size || ip.bytes != database.last.bytes) {
        database.found = look_up(database.base, ip);
        database.last = ip;
    }
    if (!database.found.found_entry) {
        return {};
    }
    MMDB_entry_data_s data{};
    const int status = MMDB_aget_value(&database.found.entry, &data, path);
    return status == MMDB_SUCCESS && data.has_data ? text_of(data, arena) : std::string_view{};
}

std::uint64_t build_epoch(const conf::DataFile& file) {
    return file.opened == nullptr ? 0
                                  : static_cast<const Mmdb*>(file.opened)->base.metadata.build_epoch;
}

}  // namespace sluice::modules
