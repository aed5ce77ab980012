// SPDX-License-Identifier: BSD-2-Clause
// A zone's region: a page of header, then the shards, each beginning on a page.
// Runs in: any.
#include "shm/zone.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <span>

#include "shm/region.h"
#include "shm/zone_tail.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/shrinking.h"

namespace sluice::shm {

namespace {

/// Version of everything that all kinds share: header, shards, entries.
constexpr std::uint32_t kLayout = 1;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kKindBytes = 24;

/// The first bytes of a zone; never changed after create().
struct ZoneHeader {
    RegionHeader region;
    char kind[kKindBytes] = {};
    std::uint32_t kind_layout = 0;
    std::uint32_t spare = 0;
    HashKey hash_key{};
};

std::uint32_t shards_for(const ZoneSize& size) {
    const std::uint64_t room = std::max<std::uint64_t>(1, (size.bytes - kPage) / kMinShardBytes);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(size.shards, room));
}

bool has_tail(const ZoneKind& kind) {
    return kind.cell_bytes == 0;
}

ShardShape shape_for(const ZoneKind& kind, const ZoneSize& size) {
    ShardShape shape;
    shape.bytes = (size.bytes - kPage) / shards_for(size) / kPage * kPage;
    shape.cell_bytes = kind.cell_bytes;
    if (has_tail(kind)) {
        return shape;
    }
    const std::size_t room = shape.bytes - sizeof(ShardHead);
    shape.buckets = static_cast<std::uint32_t>(
        std::bit_floor(std::min<std::size_t>(room / (kind.cell_bytes + 4), std::size_t{1} << 24)));
    shape.cells = static_cast<std::uint32_t>(std::min<std::size_t>(
        (shape.bytes - shape.cells_at()) / kind.cell_bytes, std::size_t{1} << 31));
    return shape;
}

bool is_possible(const ZoneKind& kind, const ZoneSize& size) {
    return size.bytes >= kMinZoneBytes && size.bytes <= kMaxZoneBytes && size.shards > 0 &&
           size.shards <= kMaxShards && (kind.cell_bytes >= 128 || has_tail(kind)) &&
           kind.cell_bytes <= 1024 && kind.cell_bytes % 64 == 0 && kind.name.size() < kKindBytes;
}

ZoneHeader expected_header(const ZoneKind& kind, const ZoneSize& size) {
    ZoneHeader header;
    header.region = {.magic = kRegionMagic,
                     .kind = RegionKind::Zone,
                     .layout = kLayout,
                     .size = size.bytes,
                     .slots = shards_for(size),
                     .rows = kind.cell_bytes};
    kind.name.copy(header.kind, kKindBytes - 1);
    header.kind_layout = kind.layout;
    return header;
}

bool is_same_but_for_key(const ZoneHeader& a, const ZoneHeader& b) {
    return a.region == b.region && std::memcmp(a.kind, b.kind, kKindBytes) == 0 &&
           a.kind_layout == b.kind_layout;
}

}  // namespace

Zone::Zone(sys::UniqueFd fd, sys::Mapping mapping, const ZoneKind& kind, const ZoneSize& size)
    : fd_(std::move(fd)),
      mapping_(std::move(mapping)),
      shape_(shape_for(kind, size)),
      shards_(shards_for(size)) {
    ZoneHeader header;
    std::memcpy(&header, mapping_.data(), sizeof header);
    hash_key_ = header.hash_key;
}

Result<Zone> Zone::create(const ZoneKind& kind, const ZoneSize& size) {
    if (!is_possible(kind, size)) {
        return fail("zone", EINVAL);
    }
    sys::UniqueFd fd = TRY(sys::memfd("sluice-zone", has_tail(kind) ? kZoneTailEnd : size.bytes));
    TRY(has_tail(kind) ? sys::seal_growth(fd.get()) : sys::seal_size(fd.get()));
    sys::Mapping mapping = TRY(sys::map_shared(fd.get(), size.bytes, true));
    ZoneHeader header = expected_header(kind, size);
    TRY(sys::random_bytes(std::span(static_cast<unsigned char*>(static_cast<void*>(
                                        header.hash_key.data())),
                                    sizeof header.hash_key)));
    std::memcpy(mapping.data(), &header, sizeof header);
    Zone zone(std::move(fd), std::move(mapping), kind, size);
    // Versions never repeat, not even across restarts: clients keep them as entity tags.
    const auto epoch = static_cast<std::uint64_t>(sys::wall_now().count()) << 20;
    for (std::uint32_t i = 0; i < zone.shards(); ++i) {
        ShardHead head;
        head.version = epoch;
        std::memcpy(zone.shard_base(i), &head, offsetof(ShardHead, journal));
    }
    return zone;
}

Result<Zone> Zone::attach(const ZoneKind& kind, const ZoneSize& size, sys::UniqueFd fd) {
    const auto found = TRY(sys::file_info(fd.get())).size;
    const bool is_of_size = has_tail(kind) ? found >= size.bytes : found == size.bytes;
    if (!is_possible(kind, size) || !is_of_size) {
        return fail("zone", EPROTO);
    }
    sys::Mapping mapping = TRY(sys::map_shared(fd.get(), size.bytes, true));
    ZoneHeader header;
    std::memcpy(&header, mapping.data(), sizeof header);
    if (!is_same_but_for_key(header, expected_header(kind, size))) {
        return fail("zone", EPROTO);
    }
    return Zone(std::move(fd), std::move(mapping), kind, size);
}

std::size_t Zone::largest_value(std::size_t key_bytes) const {
    const std::size_t payload = shape_.cell_bytes - sizeof(EntryHead) +
                                std::size_t{shape_.largest_entry() - 1} *
                                    (shape_.cell_bytes - kChainBytes);
    const std::size_t key = aligned_key_bytes(key_bytes);
    return payload > key ? payload - key : 0;
}

ZoneStats Zone::stats() const {
    ZoneStats sum;
    if (shape_.cells == 0) {
        return sum;  // no entries; and the master asks, who does not look into a tail's zone
    }
    const auto read = [](std::uint64_t& fact) {
        return std::atomic_ref(fact).load(std::memory_order_relaxed);
    };
    const auto read32 = [](std::uint32_t& fact) {
        return std::atomic_ref(fact).load(std::memory_order_relaxed);
    };
    for (std::uint32_t i = 0; i < shards_; ++i) {
        auto& head = *static_cast<ShardHead*>(static_cast<void*>(shard_base(i)));
        const std::uint32_t fresh = std::min(read32(head.fresh_cells), shape_.cells);
        const std::uint32_t free = std::min(read32(head.free_cells), fresh);
        sum.entries += read32(head.entries);
        sum.used_bytes += std::uint64_t{fresh - free} * shape_.cell_bytes;
        sum.capacity_bytes += std::uint64_t{shape_.cells} * shape_.cell_bytes;
        sum.hits += read(head.hits);
        sum.misses += read(head.misses);
        sum.stores += read(head.stores);
        sum.evictions += read(head.evictions);
        sum.expired += read(head.expired);
        sum.refusals += read(head.refusals);
        sum.repairs += read(head.repairs);
        sum.resets += read(head.resets);
        sum.busy += read(head.busy);
    }
    return sum;
}

}  // namespace sluice::shm
