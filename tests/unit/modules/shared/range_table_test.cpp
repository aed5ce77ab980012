// SPDX-License-Identifier: BSD-2-Clause
#include "modules/shared/range_table.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::modules {

struct Byte {
    unsigned char value = 0;
    auto operator<=>(const Byte&) const = default;
};

static bool next(const Byte& key, Byte& out) {
    out.value = static_cast<unsigned char>(key.value + 1);
    return out.value != 0;
}

namespace {

TEST(RangeTable, AgreesWithAnArrayThatIsPaintedByteByByte) {
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::uint32_t> plain(256, 0);
        RangePainter<Byte> painter(0);
        for (std::uint32_t number = 1; number < 20; ++number) {
            unsigned first = random() % 256;
            unsigned last = random() % 8 == 0 ? 255 : random() % 256;
            if (first > last) {
                std::swap(first, last);
            }
            painter.paint(Byte{static_cast<unsigned char>(first)},
                          Byte{static_cast<unsigned char>(last)}, number);
            std::fill(plain.begin() + first, plain.begin() + last + 1, number);
        }
        Arena arena;
        RangeTable<Byte> table;

        ASSERT_TRUE(painter.build(arena, table));

        for (unsigned i = 0; i < 256; ++i) {
            ASSERT_EQ(table.find(Byte{static_cast<unsigned char>(i)}), plain[i]) << i;
        }
    }
}

}  // namespace
}  // namespace sluice::modules
