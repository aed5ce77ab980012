// SPDX-License-Identifier: BSD-2-Clause
// The ring of one log destination. Bytes are stored before the head that covers them, and the head
// before the lane's tail passes the record, so that a line is always in one of the two.
// Runs in: logger.
#include "shm/backlog.h"

#include <cstring>
#include <utility>

#include "sys/file.h"
#include "sys/ring_memory.h"

namespace sluice::shm {

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPlaceBytes = kPage + Backlog::kCapacity;
constexpr std::size_t kPlaces = 65536;  // as many as there are ids

sys::RingPlace place_of(std::size_t number) {
    return {.offset = number * kPlaceBytes, .head = kPage, .bytes = Backlog::kCapacity};
}

}  // namespace

Result<sys::UniqueFd> Backlog::create_store() {
    Result<sys::UniqueFd> store = sys::memfd("sluice-backlogs", kPlaces * kPlaceBytes);
    // RLIMIT_FSIZE counts here, too. Sinks that find no place have memory of their own.
    return store ? std::move(store) : sys::memfd("sluice-backlogs", 0);
}

Result<Backlog> Backlog::open(int store, SinkId sink) {
    const sys::RingPlace place = place_of(sink.value);
    if (store >= 0 && TRY(sys::file_info(store)).size >= place.offset + kPlaceBytes) {
        return Backlog(TRY(sys::map_ring(store, place)));
    }
    const sys::UniqueFd own = TRY(sys::memfd("sluice-backlog", kPlaceBytes));
    return Backlog(TRY(sys::map_ring(own.get(), place_of(0))));
}

Backlog::Backlog(sys::Mapping mapping) : mapping_(std::move(mapping)) {
    char* const start = mapping_.bytes().data();
    control_ = static_cast<BacklogControl*>(static_cast<void*>(start));
    ring_ = start + kPage;
    if (head() - tail() > kCapacity) {
        // Killed inside rewind_if_empty(): there was nothing.
        control_->tail = head();
        control_->partial = 0;
        control_->is_writing = 0;
    }
    const bool was_writing = control_->is_writing != 0 || control_->partial != 0;
    is_torn_ = was_writing && !empty();
    control_->partial = 0;
    control_->is_writing = is_torn_ ? 1 : 0;
}

void Backlog::discard() {
    // Where the kernel does not take it back the memory stays in use; nothing else comes of it.
    static_cast<void>(sys::discard(mapping_.bytes().first(kPlaceBytes)));
}

void Backlog::add_line(std::string_view line) {
    const std::uint64_t head = control_->head.load(std::memory_order_relaxed);
    char* const to = at(head);
    std::memcpy(to, line.data(), line.size());
    to[line.size()] = '\n';
    control_->head.store(head + line.size() + 1, std::memory_order_release);
}

void Backlog::add(std::string_view bytes) {
    const std::uint64_t head = control_->head.load(std::memory_order_relaxed);
    std::memcpy(at(head), bytes.data(), bytes.size());
    control_->head.store(head + bytes.size(), std::memory_order_release);
}

std::string_view Backlog::lines(std::uint64_t end) const {
    const std::uint64_t tail = control_->tail.load(std::memory_order_relaxed);
    return {at(tail), static_cast<std::size_t>(end - tail)};
}

void Backlog::begin_write(std::uint64_t size, std::uint64_t inode) {
    control_->file_size = size;
    control_->file_inode = inode;
    begin_write();
}

void Backlog::wrote(std::size_t count) {
    const std::uint64_t tail = control_->tail.load(std::memory_order_relaxed);
    const std::size_t end = partial_ + count;
    const std::size_t line_end = std::string_view(at(tail), end).rfind('\n');
    const std::size_t whole = line_end == std::string_view::npos ? 0 : line_end + 1;
    partial_ = end - whole;
    control_->partial.store(partial_, std::memory_order_relaxed);
    control_->tail.store(tail + whole, std::memory_order_release);
    control_->is_writing.store(0, std::memory_order_release);
}

void Backlog::take_away(std::size_t count) {
    const std::uint64_t tail = control_->tail.load(std::memory_order_relaxed);
    restart_line();
    control_->tail.store(tail + count, std::memory_order_release);
}

void Backlog::restart_line() {
    partial_ = 0;
    is_torn_ = false;
    control_->partial.store(0, std::memory_order_relaxed);
    control_->is_writing.store(0, std::memory_order_relaxed);
}

void Backlog::rewind_if_empty() {
    const std::uint64_t head = control_->head.load(std::memory_order_relaxed);
    if (head == control_->tail.load(std::memory_order_relaxed)) {
        const std::uint64_t start = (head + kCapacity - 1) & ~std::uint64_t{kCapacity - 1};
        control_->tail.store(start, std::memory_order_relaxed);
        control_->head.store(start, std::memory_order_release);
    }
}

}  // namespace sluice::shm
