// SPDX-License-Identifier: BSD-2-Clause
// The layout of the log's region: a page of header, the slots, then for each slot a page of lane
// words, the errors ring and the access ring; everything page-aligned, so that untouched lanes cost
// no memory.
// Runs in: any.
#include "shm/shared_log.h"

#include <cstring>

#include "shm/region.h"
#include "sys/file.h"

namespace sluice::shm {

namespace {

constexpr std::uint32_t kLayout = 2;
constexpr std::size_t kPage = 4096;
/// In a slot's page of words: behind the two lanes' controls the starts of their segments.
constexpr std::size_t kStartsOffset = 2 * sizeof(LaneControl);
static_assert(kStartsOffset + (kErrorsLaneBytes + kAccessLaneBytes) / kSegmentBytes * 8 <= kPage);
constexpr std::size_t kSlotBytes = kPage + kErrorsLaneBytes + kAccessLaneBytes;

std::size_t table_bytes(std::size_t slots) {
    return (slots * sizeof(Slot) + kPage - 1) & ~(kPage - 1);
}

std::size_t region_bytes(std::size_t slots) {
    return kPage + table_bytes(slots) + slots * kSlotBytes;
}

RegionHeader expected_header(std::size_t slots) {
    return {.magic = kRegionMagic,
            .kind = RegionKind::Log,
            .layout = kLayout,
            .size = region_bytes(slots),
            .slots = static_cast<std::uint32_t>(slots)};
}

}  // namespace

SharedLog::SharedLog(sys::UniqueFd fd, sys::Mapping mapping, std::size_t slots)
    : fd_(std::move(fd)), mapping_(std::move(mapping)), slots_(slots) {}

Result<SharedLog> SharedLog::create(std::size_t slots) {
    if (slots == 0 || slots > kMaxSlots) {
        return fail("log region", EINVAL);
    }
    const std::size_t size = region_bytes(slots);
    sys::UniqueFd fd = TRY(sys::memfd("sluice-log", size));
    // Nobody can shrink it under another process's mapping, which would be a SIGBUS there.
    TRY(sys::seal_size(fd.get()));
    sys::Mapping mapping = TRY(sys::map_shared(fd.get(), size, true));
    const RegionHeader header = expected_header(slots);
    std::memcpy(mapping.data(), &header, sizeof header);
    return SharedLog(std::move(fd), std::move(mapping), slots);
}

Result<SharedLog> SharedLog::attach(sys::UniqueFd fd, bool is_writable) {
    const std::uint64_t size = TRY(sys::file_info(fd.get())).size;
    if (size < kPage) {
        return fail("log region", EPROTO);
    }
    RegionHeader header;
    {
        const sys::Mapping first = TRY(sys::map_shared(fd.get(), kPage, false));
        std::memcpy(&header, first.data(), sizeof header);
    }
    const std::size_t slots = header.slots;
    if (slots == 0 || slots > kMaxSlots || header != expected_header(slots) ||
        header.size != size) {
        return fail("log region", EPROTO);
    }
    sys::Mapping mapping = TRY(sys::map_shared(fd.get(), region_bytes(slots), is_writable));
    return SharedLog(std::move(fd), std::move(mapping), slots);
}

SlotTable SharedLog::table() const {
    char* const at = mapping_.bytes().data() + kPage;
    return SlotTable({static_cast<Slot*>(static_cast<void*>(at)), slots_});
}

Lane SharedLog::errors_lane(SlotId id) const {
    char* const page =
        mapping_.bytes().data() + kPage + table_bytes(slots_) + id.value * kSlotBytes;
    return {.control = static_cast<LaneControl*>(static_cast<void*>(page)),
            .bytes = page + kPage,
            .capacity = kErrorsLaneBytes,
            .starts = static_cast<SegmentStart*>(static_cast<void*>(page + kStartsOffset))};
}

Lane SharedLog::access_lane(SlotId id) const {
    const Lane errors = errors_lane(id);
    return {.control = errors.control + 1,
            .bytes = errors.bytes + kErrorsLaneBytes,
            .capacity = kAccessLaneBytes,
            .starts = errors.starts + kErrorsLaneBytes / kSegmentBytes};
}

}  // namespace sluice::shm
