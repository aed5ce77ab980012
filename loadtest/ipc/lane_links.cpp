// SPDX-License-Identifier: BSD-2-Clause
// Links over the server's own ring in shared memory, a log lane. Neither side ever sleeps in the
// kernel, so what a message costs is what its cache lines cost on their way between two processors:
// * A ring that fits the caches that each core has to itself is the slow one: every line is asked of
//   the other core. In 8 MiB whatever is read or overwritten has meanwhile been pushed out to the
//   cache that the cores share, and comes several times as fast.
// * Publishing takes the line with the counter from the reader, and all later stores queue behind it.
//   Where the two processors have no cache in common, that is most of a message's cost; so messages
//   are gathered, and a sender that has no more to say flushes.
// Runs in: ipc_bench, both of its processes.
#include <algorithm>
#include <array>
#include <cstring>

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/link.h"
#include "shm/lane_reader.h"
#include "shm/lane_writer.h"

namespace sluice::ipc_bench {

namespace {

/// A while of looking again; then the processor goes to whoever else wants it. Whoever looked
/// after every record would take the cache line with the counter from the other side each time:
/// the pauses between two looks let records gather.
class Patience {
  public:
    void wait() {
        if (++looks_ < kLooks) {
            for (int i = 0; i < kPauses; ++i) {
                __builtin_ia32_pause();
            }
        } else {
            ::sched_yield();
        }
    }

  private:
    static constexpr int kLooks = 200;
    static constexpr int kPauses = 32;
    int looks_ = 0;
};

/// As the server has its lanes: in a memfd, which both processes map.
char* map_memfd(std::size_t size) {
    const int fd = must(::memfd_create("ipc_bench", MFD_CLOEXEC), "memfd_create()");
    must(::ftruncate(fd, static_cast<off_t>(size)), "ftruncate()");
    void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        fail("mmap()");
    }
    ::close(fd);
    return static_cast<char*>(at);
}

/// When the receiver may see a message.
enum class Publish : bool { AtOnce, Gathered };

/// The sender copies each message into the ring, the receiver copies it out. The records are pieces
/// of a stream: one message, or as many as fit.
class LaneLink final : public Link {
  public:
    LaneLink(std::size_t capacity, Publish publish)
        : memory_(map_memfd(kControl + capacity), kControl + capacity),
          lane_{.control = new (memory_.data()) shm::LaneControl,
                .bytes = memory_.data() + kControl,
                .capacity = capacity},
          publish_(publish),
          writer_(lane_),
          reader_(lane_) {}

    ~LaneLink() override { ::munmap(memory_.data(), memory_.size()); }

    void begin() override { map_pages(memory_); }

    void send(std::span<const char> message) override {
        while (!message.empty()) {
            if (used_ == room_.size()) {
                flush();
                reserve(publish_ == Publish::Gathered ? kRecord : std::min(message.size(), kRecord));
            }
            const std::size_t part = std::min(message.size(), room_.size() - used_);
            std::memcpy(room_.data() + used_, message.data(), part);
            used_ += part;
            message = message.subspan(part);
        }
        if (publish_ == Publish::AtOnce) {
            flush();
        }
    }

    void flush() override {
        if (used_ != 0) {
            writer_.commit({.type = shm::RecordType::Access}, kPadding + used_);
            used_ = 0;
            room_ = {};
        }
    }

    void receive(std::span<char> message) override {
        while (!message.empty()) {
            if (rest_.empty()) {
                rest_ = next_record();
            }
            const std::size_t part = std::min(message.size(), rest_.size());
            std::memcpy(message.data(), rest_.data(), part);
            rest_.remove_prefix(part);
            message = message.subspan(part);
        }
    }

  private:
    static constexpr std::size_t kControl = 4096;      ///< the ring starts on a page
    static constexpr std::size_t kLine = 64;
    static constexpr std::size_t kPadding = kLine - sizeof(shm::RecordHead);  ///< messages start on a line
    static constexpr std::size_t kRecord = 31 * 1024;  ///< bytes of messages in a full record
    static_assert(kPadding + kRecord <= shm::kMaxBodyBytes);

    void reserve(std::size_t size) {
        while ((room_ = writer_.reserve(kPadding + size)).empty()) {
            await_room();
        }
        room_ = room_.subspan(kPadding);
    }

    /// Waits until half of the ring is free, not for one record's room: the writer would else follow
    /// at the reader's heels, on lines that the reader has only just let go.
    void await_room() {
        const std::uint64_t half = writer_.head() - lane_.capacity / 2;
        Patience patience;
        while (!writer_.has_passed(half)) {
            patience.wait();
        }
    }

    std::string_view next_record() {
        if (next_ == count_) {
            reader_.advance();
            Patience patience;
            while ((count_ = reader_.peek(batch_)) == 0) {
                patience.wait();
            }
            next_ = 0;
        }
        return batch_[next_++].body.substr(kPadding);
    }

    std::span<char> memory_;
    shm::Lane lane_;
    Publish publish_;
    shm::LaneWriter writer_;
    std::span<char> room_;  ///< the record under way
    std::size_t used_ = 0;  ///< bytes of messages in it
    shm::LaneReader reader_;
    std::array<shm::Record, 32> batch_;
    std::size_t next_ = 0;
    std::size_t count_ = 0;
    std::string_view rest_;  ///< what was not received of the last record
};

constexpr std::size_t kLarge = std::size_t{8} * 1024 * 1024;
constexpr std::size_t kSmall = std::size_t{256} * 1024;

template <std::size_t Capacity, Publish Published>
std::unique_ptr<Link> make(std::size_t) {
    return std::make_unique<LaneLink>(Capacity, Published);
}

constexpr Kind kTable[] = {
    {kRing, "log lane of 8 MiB, messages gathered to 31 KiB", kNoLimit, &make<kLarge, Publish::Gathered>, {45, 0.5}},
    {"shared ring, one by one", "the same, each published at once", kNoLimit, &make<kLarge, Publish::AtOnce>, {}},
    {"shared ring, small", "256 KiB, each published at once", kNoLimit, &make<kSmall, Publish::AtOnce>, {}},
};

}  // namespace

void map_pages(std::span<char> memory) {
    // Where the kernel is too old for it the faults come in the run, as they did before.
    static_cast<void>(::madvise(memory.data(), memory.size(), MADV_POPULATE_WRITE));
}

std::span<const Kind> lane_kinds() {
    return kTable;
}

}  // namespace sluice::ipc_bench
