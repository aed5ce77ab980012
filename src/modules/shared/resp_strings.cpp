// SPDX-License-Identifier: BSD-2-Clause
// RESP commands on values: GET, SET and their relations, MGET, MSET, APPEND, STRLEN.
// Runs in: worker.
#include <algorithm>

#include "base/ascii.h"
#include "modules/shared/kv_entry.h"
#include "modules/shared/resp_commands.h"
#include "modules/shared/resp_values.h"

namespace sluice::modules::resp_run {

namespace {

using shm::PutWhen;
using shm::ZoneOutcome;
using shm::ZoneValue;

/// What the words behind a key and its value ask for: NX XX GET KEEPTTL, EX PX EXAT PXAT PERSIST.
struct Wishes {
    PutWhen when = PutWhen::Always;
    bool wants_old = false;
    bool keeps_expiry = false;
    bool persists = false;
    bool has_expiry = false;
    ExpiryUnit unit{};
    std::string_view expiry{};  ///< as the client wrote it
    Millis expires{0};        ///< monotonic; 0: never
};

/// The words that SET knows and GETEX does not, and the other way round.
enum class Dialect : std::uint8_t { Set, Getex };

bool read_expiry_word(std::string_view word, ExpiryUnit& unit) {
    if (word.size() != 2 && word.size() != 4) {
        return false;
    }
    unit = {.is_seconds = to_lower(word[0]) == 'e', .is_absolute = word.size() == 4};
    return equals_ignoring_case(word, unit.is_seconds ? (unit.is_absolute ? "exat" : "ex")
                                                      : (unit.is_absolute ? "pxat" : "px"));
}

bool read_set_word(std::string_view word, Wishes& wishes) {
    if (equals_ignoring_case(word, "nx") && wishes.when != PutWhen::IfPresent) {
        wishes.when = PutWhen::IfAbsent;
    } else if (equals_ignoring_case(word, "xx") && wishes.when != PutWhen::IfAbsent) {
        wishes.when = PutWhen::IfPresent;
    } else if (equals_ignoring_case(word, "get")) {
        wishes.wants_old = true;
    } else if (equals_ignoring_case(word, "keepttl") && !wishes.has_expiry) {
        wishes.keeps_expiry = true;
    } else {
        return false;
    }
    return true;
}

bool read_wishes(Call& call, std::size_t first, Dialect dialect, Wishes& wishes) {
    for (std::size_t i = first; i < call.words.size(); ++i) {
        const std::string_view word = call.words[i];
        const bool is_free = !wishes.has_expiry && !wishes.keeps_expiry && !wishes.persists;
        ExpiryUnit unit;
        if (is_free && i + 1 < call.words.size() && read_expiry_word(word, unit)) {
            wishes.has_expiry = true;
            wishes.unit = unit;
            wishes.expiry = call.words[++i];
        } else if (dialect == Dialect::Getex && is_free && equals_ignoring_case(word, "persist")) {
            wishes.persists = true;
        } else if (dialect == Dialect::Getex || !read_set_word(word, wishes)) {
            call.fail("ERR syntax error");
            return false;
        }
    }
    if (!wishes.has_expiry) {
        return true;
    }
    const auto expires = expiry_argument(call, wishes.expiry, wishes.unit, false);
    wishes.expires = expires.value_or(Millis(0));
    return expires.has_value();
}

/// Whether a value may be stored; else an error was answered.
bool is_allowed(Call& call, std::string_view key, std::size_t size) {
    if (key.size() > shm::kMaxKeyBytes || size > call.largest) {
        call.refuse(ZoneOutcome::NoRoom);
        return false;
    }
    return true;
}

shm::PutResult put(Call& call, std::string_view value, const Wishes& wishes) {
    return call.zone.put(call.key(), value,
                         {.now = call.now,
                          .expires = wishes.expires,
                          .when = wishes.when,
                          .head = kPlainHead});
}

void answer_put(Call& call, ZoneOutcome outcome) {
    switch (outcome) {
        case ZoneOutcome::Done:
            return call.reply.ok();
        case ZoneOutcome::Absent:
        case ZoneOutcome::Exists:
            return call.reply.null();
        default:
            return call.refuse(outcome);
    }
}

/// SET with GET or KEEPTTL: reads, then stores if nobody has changed the key in between.
void swap_value(Call& call, std::string_view value, Wishes wishes) {
    resp::ByteBuffer& out = call.reply.out();
    const std::size_t mark = out.size();
    const PutWhen when = wishes.when;
    for (int tries = 0; tries < kMostTries; ++tries) {
        out.shrink(mark);
        ZoneValue old = wishes.wants_old ? reply_value(call, call.key())
                                         : call.zone.get(call.key(), call.now, {});
        const bool is_there = old.outcome == ZoneOutcome::Done;
        if (old.outcome == ZoneOutcome::Busy) {
            return call.refuse(old.outcome);
        }
        if (wishes.wants_old && !is_there) {
            call.reply.null();
        }
        if (when == (is_there ? PutWhen::IfAbsent : PutWhen::IfPresent)) {
            return wishes.wants_old ? void() : call.reply.null();
        }
        const shm::PutResult result = call.zone.put(
            call.key(), value,
            {.now = call.now,
             .expires = wishes.keeps_expiry && is_there ? old.expires : wishes.expires,
             .when = is_there ? PutWhen::IfVersion : PutWhen::IfAbsent,
             .version = old.version,
             .head = kPlainHead});
        if (result.outcome == ZoneOutcome::Done) {
            return wishes.wants_old ? void() : call.reply.ok();
        }
        if (result.outcome == ZoneOutcome::NoRoom) {
            out.shrink(mark);
            return call.refuse(result.outcome);
        }
    }
    out.shrink(mark);
    call.refuse(ZoneOutcome::Busy);
}

void store_with_expiry(Call& call, ExpiryUnit unit) {
    const auto expires = expiry_argument(call, call.words[2], unit, false);
    if (expires && is_allowed(call, call.key(), call.words[3].size())) {
        answer_put(call, put(call, call.words[3], {.expires = *expires}).outcome);
    }
}

}  // namespace

void get(Call& call) {
    if (const ZoneValue found = reply_value(call, call.key()); found.outcome != ZoneOutcome::Done) {
        reply_absence(call, found.outcome);
    }
}

void set(Call& call) {
    const std::string_view value = call.words[2];
    Wishes wishes;
    if (!read_wishes(call, 3, Dialect::Set, wishes) || !is_allowed(call, call.key(), value.size())) {
        return;
    }
    if (wishes.wants_old || wishes.keeps_expiry) {
        return swap_value(call, value, wishes);
    }
    answer_put(call, put(call, value, wishes).outcome);
}

void setex(Call& call) {
    store_with_expiry(call, {.is_seconds = true});
}

void psetex(Call& call) {
    store_with_expiry(call, {});
}

void setnx(Call& call) {
    if (!is_allowed(call, call.key(), call.words[2].size())) {
        return;
    }
    const ZoneOutcome outcome = put(call, call.words[2], {.when = PutWhen::IfAbsent}).outcome;
    if (outcome != ZoneOutcome::Done && outcome != ZoneOutcome::Exists) {
        return call.refuse(outcome);
    }
    call.reply.integer(outcome == ZoneOutcome::Done ? 1 : 0);
}

void getset(Call& call) {
    if (is_allowed(call, call.key(), call.words[2].size())) {
        swap_value(call, call.words[2], {.wants_old = true});
    }
}

void getdel(Call& call) {
    resp::ByteBuffer& out = call.reply.out();
    const std::size_t mark = out.size();
    for (int tries = 0; tries < kMostTries; ++tries) {
        out.shrink(mark);
        const ZoneValue old = reply_value(call, call.key());
        if (old.outcome != ZoneOutcome::Done) {
            return reply_absence(call, old.outcome);
        }
        if (call.zone.erase(call.key(), call.now, old.version) == ZoneOutcome::Done) {
            return;
        }
    }
    out.shrink(mark);
    call.refuse(ZoneOutcome::Busy);
}

void getex(Call& call) {
    Wishes wishes;
    if (!read_wishes(call, 2, Dialect::Getex, wishes)) {
        return;
    }
    const ZoneValue found = reply_value(call, call.key());
    if (found.outcome != ZoneOutcome::Done) {
        return reply_absence(call, found.outcome);
    }
    if (wishes.has_expiry || wishes.persists) {
        static_cast<void>(call.zone.set_expiry(call.key(), call.now, [&](Millis) {
            return std::optional(wishes.expires);
        }));
    }
}

void mget(Call& call) {
    const std::size_t first = call.resume == 0 ? 1 : call.resume;
    call.resume = 0;
    if (first == 1) {
        call.reply.array(call.words.size() - 1);
    }
    for (std::size_t i = first; i < call.words.size(); ++i) {
        if (i > first && call.reply.out().size() >= kReplyPause) {
            call.resume = i;
            return;
        }
        if (reply_value(call, call.words[i]).outcome != ZoneOutcome::Done) {
            call.reply.null();
        }
    }
}

void mset(Call& call) {
    if (call.words.size() % 2 == 0) {
        return call.fail("ERR wrong number of arguments for 'mset' command");
    }
    for (std::size_t i = 1; i < call.words.size(); i += 2) {
        if (!is_allowed(call, call.words[i], call.words[i + 1].size())) {
            return;
        }
    }
    for (std::size_t i = 1; i < call.words.size(); i += 2) {
        const shm::PutResult result = call.zone.put(call.words[i], call.words[i + 1],
                                                    {.now = call.now, .head = kPlainHead});
        if (result.outcome != ZoneOutcome::Done) {
            return call.refuse(result.outcome);
        }
    }
    call.reply.ok();
}

namespace {

/// APPEND where the result is small: one step under the key's lock.
struct Appending {
    std::string_view more;
    mutable std::size_t size = 0;
    mutable bool is_done = false;

    shm::Decision operator()(shm::Draft& draft) const {
        if (draft.is_new) {
            draft.size = kPlainHead.copy(draft.bytes.data(), kPlainHead.size());
        }
        if (more.size() > draft.bytes.size() - draft.size) {
            return shm::Decision::Leave;
        }
        more.copy(draft.bytes.data() + draft.size, more.size());
        draft.size += more.size();
        size = draft.size - value_begin({draft.bytes.data(), draft.size});
        is_done = true;
        return shm::Decision::Store;
    }
};

/// Where it is not: a new entry takes the place of the one that was read.
void append_large(Call& call, std::string_view more) {
    std::string& entry = call.worker.value;
    for (int tries = 0; tries < kMostTries; ++tries) {
        const ZoneValue old = read_entry(call, call.key());
        const bool is_there = old.outcome == ZoneOutcome::Done;
        if (old.outcome == ZoneOutcome::Busy) {
            return call.refuse(old.outcome);
        }
        if (!is_there) {
            entry.clear();
            entry.append(kPlainHead);
        }
        const std::size_t size = entry.size() - value_begin(entry) + more.size();
        if (!is_allowed(call, call.key(), size)) {
            return;
        }
        entry += more;
        const shm::PutResult result =
            call.zone.put(call.key(), entry,
                          {.now = call.now,
                           .expires = old.expires,
                           .when = is_there ? PutWhen::IfVersion : PutWhen::IfAbsent,
                           .version = old.version});
        if (result.outcome == ZoneOutcome::Done) {
            return call.reply.integer(static_cast<std::int64_t>(size));
        }
        if (result.outcome == ZoneOutcome::NoRoom) {
            return call.refuse(result.outcome);
        }
    }
    call.refuse(ZoneOutcome::Busy);
}

}  // namespace

void append(Call& call) {
    const Appending small{.more = call.words[2]};
    if (!is_allowed(call, call.key(), small.more.size())) {
        return;
    }
    const ZoneOutcome outcome = call.zone.update(call.key(), call.now, small);
    if (outcome == ZoneOutcome::Busy) {
        return call.refuse(outcome);
    }
    if (outcome == ZoneOutcome::Done && small.is_done) {
        return call.reply.integer(static_cast<std::int64_t>(small.size));
    }
    append_large(call, small.more);
}

void strlen(Call& call) {
    const ValueFacts found = look_at(call, call.key());
    if (found.outcome == ZoneOutcome::Busy) {
        return call.refuse(found.outcome);
    }
    call.reply.integer(static_cast<std::int64_t>(found.size));
}

}  // namespace sluice::modules::resp_run
