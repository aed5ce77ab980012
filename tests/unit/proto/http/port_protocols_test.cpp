// SPDX-License-Identifier: BSD-2-Clause
// What several servers on one address say of its protocols.
#include "proto/http/port_protocols.h"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

constexpr ProtocolBits kOther = 2;

TEST(PortProtocols, OneServerSaysItForAll) {
    PortProtocols port;

    EXPECT_TRUE(port.add(kProxyProtocol, false));
    EXPECT_TRUE(port.add(kNoProtocols, false));
    EXPECT_TRUE(port.add(kNoProtocols, false));

    EXPECT_EQ(port.all(), kProxyProtocol);
}

TEST(PortProtocols, ALaterServerMaySayIt) {
    PortProtocols port;

    EXPECT_TRUE(port.add(kNoProtocols, false));
    EXPECT_TRUE(port.add(kProxyProtocol, false));

    EXPECT_EQ(port.all(), kProxyProtocol);
}

TEST(PortProtocols, SayingItInSomePlacesOnlyIsWarnedOf) {
    PortProtocols port;

    EXPECT_TRUE(port.add(kProxyProtocol, false));
    EXPECT_TRUE(port.add(kNoProtocols, false));
    EXPECT_FALSE(port.add(kProxyProtocol, false));
}

TEST(PortProtocols, TheServerThatSetsOptionsShouldSayIt) {
    PortProtocols first;
    EXPECT_TRUE(first.add(kNoProtocols, true));
    EXPECT_FALSE(first.add(kProxyProtocol, false));

    PortProtocols second;
    EXPECT_TRUE(second.add(kProxyProtocol, false));
    EXPECT_FALSE(second.add(kNoProtocols, true));

    PortProtocols same;
    EXPECT_TRUE(same.add(kProxyProtocol, true));
    EXPECT_TRUE(same.add(kProxyProtocol, false));
}

TEST(PortProtocols, DifferentProtocolsAreWarnedOf) {
    PortProtocols port;

    EXPECT_TRUE(port.add(kProxyProtocol, false));
    EXPECT_FALSE(port.add(kOther, false));

    EXPECT_EQ(port.all(), kProxyProtocol | kOther);
}

}  // namespace
}  // namespace sluice::http
