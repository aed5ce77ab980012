// SPDX-License-Identifier: BSD-2-Clause
// BufferPool: pages of one size for input and replies. Busy connections borrow a page, idle ones
// hold none; a bounded number is kept for the next borrower, the rest goes back to the heap.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace sluice::net {

/// One worker's pages.
class BufferPool {
  public:
    /// Owner: whoever holds it; give it back when done (or let it go to the heap).
    using Page = std::unique_ptr<char[]>;

    /// `retained` pages at most are kept while nobody uses them.
    BufferPool(std::size_t page_size, std::size_t retained);
    BufferPool(const BufferPool&) = delete;
    BufferPool& operator=(const BufferPool&) = delete;

    /// A page with unspecified content; null when the heap has none.
    [[nodiscard]] Page take();
    /// `size` bytes from the heap, for what no page holds; null when it has none. Never give it back.
    [[nodiscard]] static Page allocate(std::size_t size);
    /// Returns a page taken from here; null is ignored.
    void give_back(Page page);

    [[nodiscard]] std::size_t page_size() const { return page_size_; }

    [[nodiscard]] std::size_t retained() const { return free_.size(); }

    [[nodiscard]] std::span<char> span_of(const Page& page) const {
        return {page.get(), page == nullptr ? 0 : page_size_};
    }

  private:
    std::size_t page_size_;
    std::size_t limit_;
    std::vector<Page> free_;
};

}  // namespace sluice::net
