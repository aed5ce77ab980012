// SPDX-License-Identifier: BSD-2-Clause
// The chain writer over real sockets: partial writes, files behind memory, budgets, short files.
#include "net/chain_writer.h"

#include <string>

#include <gtest/gtest.h>

#include "sockets.h"

namespace sluice::net {
namespace {

using Outcome = Written::Outcome;
using testing::file_of;
using testing::pattern;
using testing::read_available;
using testing::tcp_pair;
using testing::TcpPair;
using testing::TempDirectory;

// Writes and reads in turn until the chain is sent; gives what arrived.
std::string pump(const TcpPair& pair, Chain& chain, std::size_t budget, int* blocked) {
    std::string out;
    for (int turn = 0; turn < 1'000'000; ++turn) {
        const Written written = write_chain(pair.server.get(), chain, budget);
        EXPECT_LE(written.bytes, budget);
        *blocked += written.outcome == Outcome::Blocked ? 1 : 0;
        out += read_available(pair.client.get());
        if (written.outcome != Outcome::Blocked && written.outcome != Outcome::Yield) {
            EXPECT_EQ(written.outcome, Outcome::Done);
            break;
        }
    }
    return out + read_available(pair.client.get());
}

TEST(ChainWriter, SendsMemoryAloneInOneCall) {
    const TcpPair pair = tcp_pair();
    Chain chain;
    ASSERT_TRUE(chain.push_memory("one "));
    ASSERT_TRUE(chain.push_memory("two"));

    const Written written = write_chain(pair.server.get(), chain);

    EXPECT_EQ(written.outcome, Outcome::Done);
    EXPECT_EQ(written.bytes, 7U);
    EXPECT_EQ(read_available(pair.client.get()), "one two");
}

// The send buffer is far smaller than the memory in front of the file, so the writev ends in the
// middle of a piece, several times, before sendfile starts.
TEST(ChainWriter, APartialWritevFollowedBySendfileKeepsEveryByteInPlace) {
    const TcpPair pair = tcp_pair(4608);
    const TempDirectory directory;
    const std::string head = pattern(300'000, 1);
    const std::string more = pattern(700'001, 2);
    const std::string content = pattern(500'000, 3);
    const std::string tail = pattern(1000, 4);
    const sys::UniqueFd file = file_of(directory, content);
    Chain chain;
    ASSERT_TRUE(chain.push_memory(head));
    ASSERT_TRUE(chain.push_memory(more));
    ASSERT_TRUE(chain.push_file(file.get(), 1, content.size() - 1));
    ASSERT_TRUE(chain.push_memory(tail));

    int blocked = 0;
    const std::string got = pump(pair, chain, kWriteBudget, &blocked);

    EXPECT_EQ(got, head + more + content.substr(1) + tail);
    EXPECT_GT(blocked, 2) << "the test did not fill the socket";
}

TEST(ChainWriter, YieldsWhenTheBudgetIsSpentInsideAnyPiece) {
    const TcpPair pair = tcp_pair();
    const TempDirectory directory;
    const std::string head = pattern(100, 5);
    const std::string content = pattern(1000, 6);
    const sys::UniqueFd file = file_of(directory, content);
    Chain chain;
    ASSERT_TRUE(chain.push_memory(head));
    ASSERT_TRUE(chain.push_file(file.get(), 0, content.size()));

    const Written first = write_chain(pair.server.get(), chain, 64);
    EXPECT_EQ(first.outcome, Outcome::Yield);
    EXPECT_EQ(first.bytes, 64U);
    int blocked = 0;
    const std::string got = pump(pair, chain, 99, &blocked);

    EXPECT_EQ(got, head + content);
}

TEST(ChainWriter, SaysShortWhenTheFileWasTruncated) {
    const TcpPair pair = tcp_pair();
    const TempDirectory directory;
    const sys::UniqueFd file = file_of(directory, "0123456789");
    Chain chain;
    ASSERT_TRUE(chain.push_memory("head"));
    ASSERT_TRUE(chain.push_file(file.get(), 0, 11));

    const Written written = write_chain(pair.server.get(), chain);

    EXPECT_EQ(written.outcome, Outcome::Short);
    EXPECT_EQ(written.bytes, 14U);
    EXPECT_EQ(chain.bytes(), 1U);
}

TEST(ChainWriter, ReportsAPeerThatIsGone) {
    const sys::SocketPair pair = [] {
        sys::SocketPair both = sys::socketpair(SOCK_STREAM).value();
        both.second.reset();
        return both;
    }();
    Chain chain;
    ASSERT_TRUE(chain.push_memory("x"));

    const Written written = write_chain(pair.first.get(), chain);

    EXPECT_EQ(written.outcome, Outcome::Broken);
    EXPECT_EQ(written.error.code, EPIPE);
}

TEST(ChainWriter, SendsARangePastTwoGibibytesOfASparseFile) {
    const TcpPair pair = tcp_pair();
    const TempDirectory directory;
    const sys::UniqueFd file = file_of(directory, "");
    constexpr off_t kFar = off_t{5} << 30;
    ASSERT_EQ(::pwrite(file.get(), "far", 3, kFar), 3);
    Chain chain;
    ASSERT_TRUE(chain.push_file(file.get(), kFar - 1, 4));

    EXPECT_EQ(write_chain(pair.server.get(), chain).outcome, Outcome::Done);

    EXPECT_EQ(read_available(pair.client.get()), std::string("\0far", 4));
}

}  // namespace
}  // namespace sluice::net
