// SPDX-License-Identifier: BSD-2-Clause
// Backlog: what one log destination was given and has not written yet, as a ring in a memfd that the
// master keeps. A logger that is killed leaves it to the next one, which goes on with the first line
// that was not written whole. One thread adds, one takes away; nobody waits.
// Runs in: logger; the master only makes the memfd.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "sys/memory.h"
#include "sys/unique_fd.h"

namespace sluice::shm {

/// The shared words of a backlog: of who adds, then of who takes away. Positions count bytes for ever.
struct BacklogControl {
    alignas(64) std::atomic<std::uint64_t> head{0};  ///< end of what was added
    alignas(64) std::atomic<std::uint64_t> tail{0};  ///< start of the first line that is not written
    std::atomic<std::uint64_t> partial{0};           ///< bytes of it that are
    std::atomic<std::uint64_t> file_size{0};         ///< before the write that is under way,
    std::atomic<std::uint64_t> file_inode{0};        ///< and which file that is
    std::atomic<std::uint32_t> is_writing{0};        ///< a write is, or was cut short by a death
};

static_assert(sizeof(BacklogControl) == 128);

class Backlog {
  public:
    /// Bytes that a backlog holds.
    static constexpr std::size_t kCapacity = 2 * 1024 * 1024;

    Backlog() = default;

    /// A memfd with room for the backlogs of all sinks. Memory is taken only as they are used.
    [[nodiscard]] static Result<sys::UniqueFd> create_store();
    /// The backlog of `sink` in `store`, with what an earlier logger left in it; in memory of its own
    /// where `store` is -1.
    [[nodiscard]] static Result<Backlog> open(int store, SinkId sink);

    [[nodiscard]] bool is_open() const { return control_ != nullptr; }

    /// Gives the memory back to the kernel. Requires: empty.
    void discard();

    // ---- for who adds ----

    /// Bytes that can be added.
    [[nodiscard]] std::size_t room() const {
        return kCapacity - static_cast<std::size_t>(head() - tail());
    }

    /// Adds `line` and a line end. Requires: room() for both.
    void add_line(std::string_view line);
    /// Adds bytes that belong together. Requires: room().
    void add(std::string_view bytes);
    /// End of what was added.
    [[nodiscard]] std::uint64_t head() const { return control_->head.load(std::memory_order_acquire); }

    /// Bytes that are not written whole.
    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(head() - tail()); }

    [[nodiscard]] bool empty() const { return head() == tail(); }

    // ---- for who takes away ----

    /// Everything up to position `end`, from the first line on that is not written whole.
    [[nodiscard]] std::string_view lines(std::uint64_t end) const;
    /// The same without the bytes of that line that are written.
    [[nodiscard]] std::string_view unwritten(std::uint64_t end) const {
        return lines(end).substr(partial_);
    }

    /// Between begin_write() and its end, which is wrote(), a death leaves is_torn() to the next.
    void begin_write() { control_->is_writing.store(1, std::memory_order_relaxed); }

    /// The same, into the file `inode` of `size` bytes: file_size() and file_inode() then.
    void begin_write(std::uint64_t size, std::uint64_t inode);
    /// Takes note that the first `count` bytes of unwritten() are written.
    void wrote(std::size_t count);
    /// Takes away `count` bytes of lines(), whatever they are.
    void take_away(std::size_t count);
    /// The descriptor changed: the line that was partly written starts again.
    void restart_line();

    /// Whether an earlier logger may have died between the start and the end of a line. It is
    /// written anew; what stands of it must be ended, or cut off, first. Then call restart_line().
    [[nodiscard]] bool is_torn() const { return is_torn_; }

    /// Of the file before that line.
    [[nodiscard]] std::uint64_t file_size() const { return control_->file_size.load(); }

    [[nodiscard]] std::uint64_t file_inode() const { return control_->file_inode.load(); }

    /// Where nothing is left goes back to the ring's first bytes, which are in the CPU's cache.
    /// Requires: who adds and who takes away are one thread.
    void rewind_if_empty();

  private:
    explicit Backlog(sys::Mapping mapping);

    [[nodiscard]] std::uint64_t tail() const { return control_->tail.load(std::memory_order_acquire); }

    [[nodiscard]] char* at(std::uint64_t position) const {
        return ring_ + (static_cast<std::size_t>(position) & (kCapacity - 1));
    }

    sys::Mapping mapping_;
    BacklogControl* control_ = nullptr;
    char* ring_ = nullptr;
    std::size_t partial_ = 0;
    bool is_torn_ = false;
};

}  // namespace sluice::shm
