// SPDX-License-Identifier: BSD-2-Clause
// FlowTable: sessions by a hash of who talks to which socket. A bucket is one cache line: tags and
// pointers of five flows, so that a look-up that finds, or finds nothing, usually touches one line
// before the flow itself. Bounded: it never grows, and nothing is allocated after its birth.
// Runs in: worker.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace sluice::dgram {

template <class Flow>
class FlowTable {
  public:
    /// For `most` flows. Its memory is touched only as flows come.
    explicit FlowTable(std::size_t most)
        : limit_(most),
          mask_(std::bit_ceil(most / kTarget + 1) - 1),
          buckets_(std::make_unique<Bucket[]>(mask_ + 1)) {}

    /// The flow of that hash for which `is(flow)` holds, or null.
    template <class Is>
    [[nodiscard]] Flow* find(std::uint64_t hash, const Is& is) const {
        const std::uint32_t tag = tag_of(hash);
        for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
            const Bucket& bucket = buckets_[at];
            for (std::size_t i = 0; i < kFlows; ++i) {
                if (bucket.tags[i] == tag && is(*bucket.flows[i])) {
                    return bucket.flows[i];
                }
            }
            if (bucket.passed == 0) {
                return nullptr;
            }
        }
    }

    /// False: it is full.
    [[nodiscard]] bool insert(std::uint64_t hash, Flow& flow) {
        if (size_ == limit_) {
            return false;
        }
        ++size_;
        for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
            Bucket& bucket = buckets_[at];
            for (std::size_t i = 0; i < kFlows; ++i) {
                if (bucket.tags[i] == 0) {
                    bucket.tags[i] = tag_of(hash);
                    bucket.flows[i] = &flow;
                    return true;
                }
            }
            ++bucket.passed;
        }
    }

    /// Needs: it is there under this hash.
    void erase(std::uint64_t hash, const Flow& flow) {
        --size_;
        for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
            Bucket& bucket = buckets_[at];
            for (std::size_t i = 0; i < kFlows; ++i) {
                if (bucket.tags[i] != 0 && bucket.flows[i] == &flow) {
                    bucket.tags[i] = 0;
                    return;
                }
            }
            --bucket.passed;
        }
    }

    [[nodiscard]] std::size_t size() const { return size_; }

    [[nodiscard]] std::size_t limit() const { return limit_; }

    /// More or fewer flows may be in it from now on, but never more than it was made for.
    void set_limit(std::size_t limit) { limit_ = limit < capacity() ? limit : capacity(); }

    [[nodiscard]] std::size_t capacity() const { return (mask_ + 1) * kFlows; }

  private:
    static constexpr std::size_t kFlows = 5;
    /// Flows per bucket when it is full: few pass on to the next one.
    static constexpr std::size_t kTarget = 3;

    struct alignas(64) Bucket {
        std::array<std::uint32_t, kFlows> tags{};  ///< 0: free
        std::uint32_t passed = 0;  ///< flows that belong here or before and lie behind
        std::array<Flow*, kFlows> flows{};
    };

    static_assert(sizeof(Bucket) == 64);

    static std::uint32_t tag_of(std::uint64_t hash) {
        return static_cast<std::uint32_t>(hash >> 32U) | 1U;
    }

    std::size_t limit_;
    std::size_t size_ = 0;
    std::size_t mask_;
    std::unique_ptr<Bucket[]> buckets_;
};

}  // namespace sluice::dgram
