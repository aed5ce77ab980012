// SPDX-License-Identifier: BSD-2-Clause
// Zone files are read by the root master: whatever the bytes are, they are refused or restored, and
// the zone works afterwards. The checksums are made right, so that the records are reached.
// Runs in: a fuzzer.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/crc32c.h"
#include "shm/zone_file.h"

namespace {

using namespace sluice;  // NOLINT(google-build-using-namespace): a program of one file

constexpr shm::ZoneKind kKind{.name = "fuzz"};
constexpr shm::ZoneClocks kClocks{.monotonic = Millis(1'000'000), .wall = Millis(9'000'000)};
constexpr std::size_t kHead = 64;

/// The same bytes behind a head that fits them.
std::string with_head(const std::uint8_t* data, std::size_t size) {
    std::string out(kHead, '\0');
    out.append(static_cast<const char*>(static_cast<const void*>(data)), size);
    const auto put = [&](std::size_t at, auto value) {
        std::memcpy(out.data() + at, &value, sizeof value);
    };
    out.replace(0, 8, "SLUICEZN");
    put(8, std::uint32_t{1});
    put(12, std::uint32_t{1});
    out.replace(16, 4, "fuzz");
    put(40, std::uint64_t{size});
    const std::string_view body = std::string_view(out).substr(kHead);
    // The number of records is the one thing that only the records know: count as the reader does.
    std::uint64_t entries = 0;
    for (std::string_view rest = body; rest.size() >= sizeof(shm::ZoneRecord); ++entries) {
        shm::ZoneRecord record;
        std::memcpy(&record, rest.data(), sizeof record);
        const std::uint64_t whole =
            sizeof record + std::uint64_t{record.key_bytes} + record.value_bytes;
        rest.remove_prefix(static_cast<std::size_t>(std::min<std::uint64_t>(whole, rest.size())));
    }
    put(48, entries);
    put(56, crc32c(body));
    put(60, crc32c(std::string_view(out).substr(0, 60)));
    return out;
}

void restore(std::string_view file) {
    static const shm::Zone zone = shm::Zone::create(kKind, {.bytes = shm::kMinZoneBytes}).value();
    static sys::RobustOwner owner;
    if (owner.tid() == 0 && !sys::RobustOwner::start(owner)) {
        std::abort();
    }
    shm::ZoneUser user(zone, owner);
    static_cast<void>(shm::restore_zone(user, "fuzz", 1, kClocks, file));
    std::array<char, 16> out{};
    const Millis now = kClocks.monotonic;
    if (user.put("still", "works", {.now = now}).outcome != shm::ZoneOutcome::Done ||
        user.get("still", now, out).size != 5 || zone.stats().resets != 0) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    restore({static_cast<const char*>(static_cast<const void*>(data)), size});
    restore(with_head(data, size));
    return 0;
}
