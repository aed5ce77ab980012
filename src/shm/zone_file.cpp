// SPDX-License-Identifier: BSD-2-Clause
// Writing and reading zone files.
// Runs in: logger, master.
#include "shm/zone_file.h"

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "sys/file.h"

namespace sluice::shm {

namespace {

constexpr std::string_view kMagic = "SLUICEZN";
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kBuffer = std::size_t{1} << 20;

struct FileHead {
    char magic[8] = {};
    std::uint32_t format = 0;
    std::uint32_t layout = 0;
    char kind[24] = {};
    std::uint64_t body_bytes = 0;
    std::uint64_t entries = 0;
    std::uint32_t body_crc = 0;
    std::uint32_t head_crc = 0;  ///< of everything before it
};

static_assert(sizeof(FileHead) == 64);

std::string_view bytes_of(const FileHead& head) {
    return {static_cast<const char*>(static_cast<const void*>(&head)), sizeof head};
}

std::uint32_t own_crc(const FileHead& head) {
    return crc32c(bytes_of(head).substr(0, offsetof(FileHead, head_crc)));
}

/// A time of expiry that another process or a file gave, in bounds in which sums cannot overflow.
Millis bounded(std::int64_t expires) {
    constexpr std::int64_t kFarthest = std::int64_t{1} << 53;
    return Millis(std::clamp(expires, -kFarthest, kFarthest));
}

/// Turns the records' expiry from one clock to the other, in place.
void shift_times(std::span<char> records, Millis by) {
    while (!records.empty()) {
        ZoneRecord record;
        std::memcpy(&record, records.data(), sizeof record);
        if (record.expires != 0) {
            record.expires = (bounded(record.expires) + by).count();
            std::memcpy(records.data(), &record, sizeof record);
        }
        records = records.subspan(sizeof record + record.key_bytes + record.value_bytes);
    }
}

/// The first record cut off `text`; false where it is not whole.
bool take_record(std::string_view& text,
                 ZoneRecord& record,
                 std::string_view& key,
                 std::string_view& value) {
    if (text.size() < sizeof record) {
        return false;
    }
    std::memcpy(&record, text.data(), sizeof record);
    text.remove_prefix(sizeof record);
    if (record.key_bytes > text.size() || record.value_bytes > text.size() - record.key_bytes) {
        return false;
    }
    key = text.substr(0, record.key_bytes);
    value = text.substr(record.key_bytes, record.value_bytes);
    text.remove_prefix(std::size_t{record.key_bytes} + record.value_bytes);
    return true;
}

/// Why the file cannot be this zone's, or an empty text.
std::string problem_with(const FileHead& head,
                         std::string_view kind,
                         std::uint32_t layout,
                         std::string_view body) {
    if (std::string_view(head.magic, sizeof head.magic) != kMagic) {
        return "it is no zone file";
    }
    if (head.head_crc != own_crc(head)) {
        return "its head is damaged";
    }
    if (head.format != kFormat) {
        return "it is of format " + std::to_string(head.format) + ", this program reads 1";
    }
    const std::string_view found(head.kind, strnlen(head.kind, sizeof head.kind));
    if (found != kind || head.layout != layout) {
        return "it holds a zone of kind \"" + std::string(found) + "\" " +
               std::to_string(head.layout) + ", not \"" + std::string(kind) + "\" " +
               std::to_string(layout);
    }
    if (head.body_bytes != body.size()) {
        return "it has " + std::to_string(body.size()) + " bytes of entries where " +
               std::to_string(head.body_bytes) + " were written";
    }
    return head.body_crc == crc32c(body) ? "" : "its checksum does not fit";
}

bool records_are_whole(std::string_view body, std::uint64_t entries) {
    ZoneRecord record;
    std::string_view key;
    std::string_view value;
    std::uint64_t count = 0;
    for (; !body.empty(); ++count) {
        if (!take_record(body, record, key, value)) {
            return false;
        }
    }
    return count == entries;
}

}  // namespace

Result<ZoneFileCounts> save_zone(ZoneUser& user,
                                 std::string_view kind,
                                 std::uint32_t layout,
                                 const ZoneClocks& clocks,
                                 int fd) {
    FileHead head{.format = kFormat, .layout = layout};
    kMagic.copy(head.magic, sizeof head.magic);
    kind.copy(head.kind, sizeof head.kind - 1);
    // Until it is complete the head does not fit its own checksum.
    TRY(sys::write_all(fd, bytes_of(head)));
    std::string buffer(kBuffer, '\0');
    ScanCursor cursor;
    for (ScanStep step; !step.is_end;) {
        step = user.scan(cursor, clocks.monotonic, buffer);
        if (step.needed > buffer.size()) {
            buffer.resize(step.needed);
            continue;
        }
        const std::span<char> records(buffer.data(), step.size);
        shift_times(records, clocks.wall - clocks.monotonic);
        const std::string_view text(records.data(), records.size());
        TRY(sys::write_all(fd, text));
        head.body_bytes += text.size();
        head.entries += step.entries;
        head.body_crc = crc32c(text, head.body_crc);
    }
    head.head_crc = own_crc(head);
    TRY(sys::write_all_at(fd, bytes_of(head), 0));
    TRY(sys::sync_file(fd));
    return ZoneFileCounts{.entries = head.entries, .bytes = sizeof head + head.body_bytes};
}

std::expected<ZoneFileCounts, std::string> restore_zone(ZoneUser& user,
                                                        std::string_view kind,
                                                        std::uint32_t layout,
                                                        const ZoneClocks& clocks,
                                                        std::string_view bytes) {
    FileHead head;
    if (bytes.size() < sizeof head) {
        return std::unexpected("it is too short");
    }
    std::memcpy(&head, bytes.data(), sizeof head);
    std::string_view body = bytes.substr(sizeof head);
    if (std::string problem = problem_with(head, kind, layout, body); !problem.empty()) {
        return std::unexpected(std::move(problem));
    }
    if (!records_are_whole(body, head.entries)) {
        return std::unexpected("its entries do not fit its length");
    }
    ZoneFileCounts counts{.bytes = bytes.size()};
    ZoneRecord record;
    std::string_view key;
    std::string_view value;
    while (take_record(body, record, key, value)) {
        const Millis expires = bounded(record.expires) - (clocks.wall - clocks.monotonic);
        if (record.expires != 0 && expires <= clocks.monotonic) {
            ++counts.expired;
            continue;
        }
        const PutOptions options{.now = clocks.monotonic,
                                 .expires = record.expires == 0 ? Millis(0) : expires,
                                 .given_version = record.version};
        const bool is_in = user.put(key, value, options).outcome == ZoneOutcome::Done;
        ++(is_in ? counts.entries : counts.refused);
    }
    return counts;
}

}  // namespace sluice::shm
