// SPDX-License-Identifier: BSD-2-Clause
// RESP commands that count: INCR, DECR, INCRBY, DECRBY. One step under the key's lock, for all workers.
// Runs in: worker.
#include <charconv>
#include <limits>

#include "modules/shared/kv_entry.h"
#include "modules/shared/resp_commands.h"
#include "proto/resp/integer.h"

namespace sluice::modules::resp_run {

namespace {

enum class Sum : std::uint8_t { Done, NoInteger, Overflow };

struct Adding {
    std::int64_t by = 0;
    mutable std::int64_t number = 0;
    mutable Sum sum = Sum::NoInteger;

    shm::Decision operator()(shm::Draft& draft) const {
        if (draft.is_new) {
            draft.size = kPlainHead.copy(draft.bytes.data(), kPlainHead.size());
        }
        const std::string_view entry(draft.bytes.data(), draft.size);
        const std::size_t begin = value_begin(entry);
        const std::optional<std::int64_t> old =
            draft.is_new ? 0 : resp::parse_integer(entry.substr(begin));
        if (!old) {
            return shm::Decision::Leave;
        }
        if (__builtin_add_overflow(*old, by, &number)) {
            sum = Sum::Overflow;
            return shm::Decision::Leave;
        }
        char* const digits = draft.bytes.data() + begin;
        const char* const end = std::to_chars(digits, digits + resp::kLongestInteger, number).ptr;
        draft.size = begin + static_cast<std::size_t>(end - digits);
        sum = Sum::Done;
        return shm::Decision::Store;
    }
};

void add(Call& call, std::int64_t by) {
    if (call.key().size() > shm::kMaxKeyBytes) {
        return call.refuse(shm::ZoneOutcome::NoRoom);
    }
    const Adding adding{.by = by};
    const shm::ZoneOutcome outcome = call.zone.update(call.key(), call.now, adding);
    if (outcome == shm::ZoneOutcome::Busy || adding.sum == Sum::Done) {
        return outcome == shm::ZoneOutcome::Done ? call.reply.integer(adding.number)
                                                 : call.refuse(outcome);
    }
    // A value too long for update() is no integer either.
    call.fail(adding.sum == Sum::Overflow ? "ERR increment or decrement would overflow"
                                          : "ERR value is not an integer or out of range");
}

}  // namespace

void incr(Call& call) {
    add(call, 1);
}

void decr(Call& call) {
    add(call, -1);
}

void incrby(Call& call) {
    if (const auto by = integer_argument(call, call.words[2]); by) {
        add(call, *by);
    }
}

void decrby(Call& call) {
    const auto by = integer_argument(call, call.words[2]);
    if (!by) {
        return;
    }
    if (*by == std::numeric_limits<std::int64_t>::min()) {
        return call.fail("ERR decrement would overflow");
    }
    add(call, -*by);
}

}  // namespace sluice::modules::resp_run
