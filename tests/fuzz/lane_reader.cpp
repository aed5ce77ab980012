// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: a lane whose head, tail and bytes are whatever the input says. The reader must stay
// within the ring, come to an end and be usable afterwards.
#include "shm/lane_reader.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/bug.h"
#include "log/access_record.h"
#include "log/error_record.h"
#include "shm/lane_history.h"
#include "shm/lane_writer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace shm = sluice::shm;
    constexpr std::size_t kCapacity = 128 * 1024;
    if (size < 16) {
        return 0;
    }
    // Exactly the ring's size, so that a sanitizer sees every byte read past it.
    std::vector<std::uint64_t> ring(kCapacity / 8);
    shm::LaneControl control;
    std::uint64_t head = 0;
    std::uint64_t tail = 0;
    std::memcpy(&head, data, sizeof head);
    std::memcpy(&tail, data + 8, sizeof tail);
    control.head.store(head);
    control.tail.store(tail);
    // The bytes start at the tail's place, where the reader starts.
    const std::size_t start = static_cast<std::size_t>(tail) & (kCapacity - 8);
    char* const bytes = static_cast<char*>(static_cast<void*>(ring.data()));
    std::memcpy(bytes + start, data + 16, std::min(size - 16, kCapacity - start));
    std::array<shm::SegmentStart, kCapacity / shm::kSegmentBytes> starts;
    for (shm::SegmentStart& word : starts) {
        word.store(tail);
    }
    const shm::Lane lane{
        .control = &control, .bytes = bytes, .capacity = kCapacity, .starts = starts.data()};

    shm::LaneHistory history(lane);
    std::vector<shm::PastRecord> past;
    history.read(past);
    BUG_UNLESS(!history.has_news(), "whoever follows would spin");
    std::size_t past_bytes = 0;
    for (const shm::PastRecord& record : past) {
        past_bytes += shm::record_bytes(record.body.size());
    }
    BUG_UNLESS(past_bytes <= kCapacity, "more past than the ring can hold");

    shm::LaneReader reader(lane);
    std::array<shm::Record, 16> batch;
    std::size_t total = 0;
    std::uint64_t sum = 0;
    while (const std::size_t count = reader.peek(batch)) {
        for (std::size_t i = 0; i < count; ++i) {
            for (const char c : batch[i].body) {
                sum += static_cast<unsigned char>(c);
            }
            if (const auto access = sluice::log::decode_access(batch[i].body)) {
                sum += access->line.size() + access->meta.uri.size();
            }
            if (const auto error = sluice::log::decode_error(batch[i].body)) {
                sum += error->text.size();
            }
            total += shm::record_bytes(batch[i].body.size());
        }
        BUG_UNLESS(total <= kCapacity, "more records than the ring can hold");
        reader.advance();
    }
    static_cast<void>(reader.peek(batch));
    BUG_UNLESS(!reader.has_records(), "the reader would spin");

    shm::LaneWriter writer(lane);
    writer.append({}, "first");
    while (reader.peek(batch) > 0) {
        reader.advance();
    }
    if (writer.append({}, "second")) {
        BUG_UNLESS(reader.peek(batch) == 1 && batch[0].body == "second",
                   "the lane did not recover");
    }
    return static_cast<int>(sum & 0);
}
