// SPDX-License-Identifier: BSD-2-Clause
// ChunkLoader: probing the page cache, reading ahead of sendfile.
// Runs in: worker.
#include "modules/http/chunk_loader.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "modules/http/open_file_cache.h"
#include "sys/clock.h"
#include "sys/fault.h"
#include "sys/file.h"
#include "sys/page_cache.h"

namespace sluice::modules {

/// A piece that a thread reads in. Owner: itself, until finish().
struct ChunkLoad : event::Work {
    ChunkLoader* loader = nullptr;
    OpenFile* file = nullptr;  ///< pinned
    int fd = -1;
    ChunkRange range;
    std::string stalls_until;  ///< the tests' slow disk
    bool is_read = false;
    IntrusiveList<ChunkWait> waits;
    ChunkLoadLink in_file;
};

namespace {

// What a kernel reads ahead at least: pages come and go in runs of about that many bytes.
constexpr std::uint64_t kProbeStep = 64 * 1024;
constexpr std::size_t kReadSize = 128 * 1024;
constexpr Millis kTrust{1'000};

/// Whether the byte at `at` is in memory.
bool is_byte_cached(int fd, std::uint64_t at) {
    std::array<char, 1> byte;
    const auto got = sys::read_at_if_cached(fd, byte, static_cast<off_t>(at));
    if (!got) {
        // Not for this file system to say. One without a device never waits; else a thread reads.
        return sys::is_on_memory(fd);
    }
    return !got->is_blocked;
}

/// Asked by a byte of every 64 KiB and the last one: exact answers (cachestat, mincore) are kept
/// from processes that do not own the file.
bool is_range_cached(int fd, const ChunkRange& range) {
    if (sys::has_fault(sys::Fault::ColdFiles)) [[unlikely]] {
        return false;
    }
    const std::uint64_t end = range.first + range.size;
    for (std::uint64_t at = range.first; at < end; at += kProbeStep) {
        if (!is_byte_cached(fd, at)) {
            return false;
        }
    }
    return range.size <= 1 || is_byte_cached(fd, end - 1);
}

/// The part of `range` that lies in the chunk of its first byte.
ChunkRange first_piece(const ChunkRange& range) {
    const std::uint64_t end = (range.first / Residency::kChunk + 1) * Residency::kChunk;
    return {.first = range.first,
            .size = std::min(range.size, end - range.first),
            .is_remembered = range.is_remembered};
}

ChunkRange whole_chunk(const OpenFile& file, std::uint64_t chunk) {
    const std::uint64_t first = chunk * Residency::kChunk;
    return {.first = first, .size = std::min(Residency::kChunk, file.info.size - first)};
}

void read_in(ChunkLoad& load) {
    while (!load.stalls_until.empty() &&
           !sys::file_info_at(AT_FDCWD, load.stalls_until.c_str(), true)) {
        sys::rest(Millis(1));
    }
    const auto room = std::make_unique_for_overwrite<char[]>(kReadSize);
    const std::uint64_t end = load.range.first + load.range.size;
    for (std::uint64_t at = load.range.first; at < end;) {
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kReadSize, end - at));
        const auto got = sys::read_at(load.fd, {room.get(), size}, static_cast<off_t>(at));
        if (!got || got->size == 0) {
            return;  // shorter than it was, or a bad disk: sendfile finds out, and tells
        }
        at += got->size;
    }
    load.is_read = true;
}

}  // namespace

void Residency::age(Millis now) {
    if (now - since_ >= kTrust) {
        since_ = now;
        std::ranges::fill(bits_, 0);
    }
}

std::uint64_t ChunkLoader::sendable(OpenFile& file, const ChunkRange& range) {
    if (file.residency == nullptr) {
        file.residency = std::make_unique<Residency>(file.info.size);
    }
    file.residency->age(loop_.now());
    std::uint64_t found = 0;
    while (found < range.size) {
        const ChunkRange piece = first_piece({.first = range.first + found,
                                              .size = range.size - found,
                                              .is_remembered = range.is_remembered});
        if (!is_piece_sendable(file, piece)) {
            break;
        }
        found += piece.size;
    }
    return found;
}

bool ChunkLoader::is_piece_sendable(OpenFile& file, const ChunkRange& piece) {
    Residency& known = *file.residency;
    const std::uint64_t chunk = piece.first / Residency::kChunk;
    const int fd = file.fd.get();
    if (!piece.is_remembered) {
        return is_range_cached(fd, piece);
    }
    if (known.is_resident(chunk)) [[likely]] {
        return true;
    }
    const ChunkRange whole = whole_chunk(file, chunk);
    if (!known.is_asked(chunk)) {
        const bool is_resident = is_range_cached(fd, whole);
        known.note(chunk, is_resident);
        if (is_resident || whole.size == piece.size) {
            return is_resident;
        }
    }
    return is_range_cached(fd, piece);
}

std::uint64_t ChunkLoader::load(OpenFile& file, const ChunkRange& range, ChunkWait& wait) {
    if (file.residency == nullptr) {
        file.residency = std::make_unique<Residency>(file.info.size);
    }
    const ChunkRange piece = first_piece(range);
    ChunkLoad* shared = nullptr;
    file.residency->loads.each([&](ChunkLoadLink& one) {
        const ChunkRange& other = one.load->range;
        if (other.first == piece.first && other.size >= piece.size) {
            shared = one.load;
        }
    });
    if (shared != nullptr) {
        shared->waits.push_back(wait);
        return piece.size;
    }
    auto fresh = std::make_unique<ChunkLoad>();
    fresh->loader = this;
    fresh->file = &file;
    fresh->fd = file.fd.get();
    fresh->range = piece;
    fresh->in_file.load = fresh.get();
    if (sys::has_fault(sys::Fault::HungFiles) && file.path.find("stall") != std::string::npos) {
        fresh->stalls_until = file.path + ".go";
    }
    fresh->run = [](event::Work& work) { read_in(static_cast<ChunkLoad&>(work)); };
    fresh->done = [](event::Work& work) {
        auto& self = static_cast<ChunkLoad&>(work);
        self.loader->finish(self);
    };
    if (!pool_.submit(*fresh, event::Priority::Normal)) {
        return 0;
    }
    ++file.pins;
    ChunkLoad& begun = *fresh.release();
    begun.waits.push_back(wait);
    file.residency->loads.push_back(begun.in_file);
    return piece.size;
}

void ChunkLoader::finish(ChunkLoad& done) {
    const std::unique_ptr<ChunkLoad> load(&done);
    OpenFile& file = *load->file;
    load->in_file.unlink();
    const std::uint64_t chunk = load->range.first / Residency::kChunk;
    if (load->is_read && load->range.is_remembered &&
        load->range.size == whole_chunk(file, chunk).size) {
        file.residency->note(chunk, true);
    }
    IntrusiveList<ChunkWait> waits;
    waits.splice(load->waits);
    while (ChunkWait* const wait = waits.pop_front()) {
        wait->ready(*wait);
    }
    unpin(&file);
}

}  // namespace sluice::modules
