// SPDX-License-Identifier: BSD-2-Clause
// Reading values. A value is read straight into the reply, a little behind the place where its size
// will stand, and moved there when that is known: most are short, and none is copied elsewhere.
// Runs in: worker.
#include "modules/shared/resp_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <span>

#include "modules/shared/kv_entry.h"

namespace sluice::modules {

namespace {

using shm::ZoneOutcome;
using shm::ZoneValue;

/// Where an entry is read to: behind "$NN\r", so that the bytes of a value of 10 to 99 lie right, for
/// the entry begins with the length of its media type.
constexpr std::size_t kGap = 4;
/// What a reply has besides the value, at most.
constexpr std::size_t kFrame = 32;
/// Room that is tried first.
constexpr std::size_t kFirstRoom = 512;

/// Values shorter than this have a size of one digit.
constexpr std::size_t kOneDigit = 10;
/// Bytes that are moved at once where values have a size of one digit: more than they can be.
constexpr std::size_t kShort = 16;

/// As frame_value(), for an entry without a media type and a value of less than ten bytes.
void frame_short_value(resp::ByteBuffer& out, char* at, std::size_t size) {
    std::array<char, kShort> value;
    std::memcpy(value.data(), at + kGap + kPlainHead.size(), kShort);
    at[0] = '$';
    at[1] = static_cast<char>('0' + size);
    at[2] = '\r';
    at[3] = '\n';
    std::memcpy(at + 4, value.data(), kShort);
    at[4 + size] = '\r';
    at[5 + size] = '\n';
    out.commit(size + 6);
}

/// The entry lies at at[kGap]; makes a bulk string of its value.
void frame_value(resp::ByteBuffer& out, char* at, std::size_t entry_size) {
    char* const entry = at + kGap;
    const std::size_t begin = value_begin({entry, entry_size});
    const std::size_t size = entry_size - begin;
    if (begin == kPlainHead.size() && size < kOneDigit) {
        return frame_short_value(out, at, size);
    }
    std::array<char, kFrame> head;
    head[0] = '$';
    char* end = std::to_chars(head.data() + 1, head.data() + kFrame, size).ptr;
    *end++ = '\r';
    *end++ = '\n';
    const auto head_size = static_cast<std::size_t>(end - head.data());
    if (at + head_size != entry + begin) {
        std::memmove(at + head_size, entry + begin, size);
    }
    std::memcpy(at, head.data(), head_size);
    at[head_size + size] = '\r';
    at[head_size + size + 1] = '\n';
    out.commit(head_size + size + 2);
}

}  // namespace

ZoneValue reply_value(Call& call, std::string_view key) {
    resp::ByteBuffer& out = call.reply.out();
    std::size_t wanted = kFirstRoom;
    while (true) {
        char* const at = out.room(wanted + kFrame);
        const std::size_t space = out.room_size() - kFrame;
        const ZoneValue found = call.zone.get(key, call.now, {at + kGap, space});
        if (found.outcome == ZoneOutcome::Done && found.size > space) {
            wanted = found.size;  // it may have grown once more meanwhile
            continue;
        }
        call.count_lookup(found.outcome == ZoneOutcome::Done);
        if (found.outcome == ZoneOutcome::Done) {
            frame_value(out, at, found.size);
        }
        return found;
    }
}

void reply_absence(Call& call, ZoneOutcome outcome) {
    if (outcome == ZoneOutcome::Busy) {
        return call.refuse(outcome);
    }
    call.reply.null();
}

ZoneValue read_entry(Call& call, std::string_view key) {
    std::string& into = call.worker.value;
    into.resize(std::max(into.capacity(), kFirstRoom));
    while (true) {
        const ZoneValue found = call.zone.get(key, call.now, into);
        if (found.outcome == ZoneOutcome::Done && found.size > into.size()) {
            into.resize(found.size);
            continue;
        }
        into.resize(found.outcome == ZoneOutcome::Done ? found.size : 0);
        return found;
    }
}

ValueFacts look_at(Call& call, std::string_view key) {
    std::array<char, 1> begin{};
    const ZoneValue found = call.zone.get(key, call.now, begin, shm::ReadLarge::Beginning);
    call.count_lookup(found.outcome == ZoneOutcome::Done);
    const std::size_t type = static_cast<unsigned char>(begin[0]);
    return {.outcome = found.outcome,
            .size = found.size - std::min(found.size, type + 1),
            .expires = found.expires};
}

}  // namespace sluice::modules
