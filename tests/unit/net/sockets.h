// SPDX-License-Identifier: BSD-2-Clause
// What the tests of this room share: connected loopback sockets, temporary files, draining.
#pragma once

#include <array>
#include <cstdlib>
#include <filesystem>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include "net/listener_socket.h"
#include "sys/file.h"
#include "sys/socket.h"

namespace sluice::net::testing {

inline Address local_address(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    EXPECT_TRUE(sys::local_address(fd, &storage, &size).has_value());
    return Address::from_kernel(storage, size);
}

inline sys::UniqueFd listen_on_loopback() {
    return open_listener(*Address::parse("127.0.0.1:0"), {}).value();
}

// A client whose connection to `listening` is on its way or in the queue.
inline sys::UniqueFd connect_to(int listening) {
    const Address address = local_address(listening);
    sys::UniqueFd client = sys::socket(address.family(), SOCK_STREAM).value();
    const Result<> done = sys::connect(client.get(), address.raw(), address.size());
    EXPECT_TRUE(done || done.error().code == EINPROGRESS) << done.error().code;
    return client;
}

struct TcpPair {
    sys::UniqueFd server;
    sys::UniqueFd client;
};

// On the loopback a connect is complete when it returns, so the accept finds it.
inline TcpPair tcp_pair(int send_buffer = 0) {
    ListenerOptions options;
    if (send_buffer > 0) {
        options.send_buffer = Bytes{static_cast<std::uint64_t>(send_buffer)};
    }
    const sys::UniqueFd listening = open_listener(*Address::parse("127.0.0.1:0"), options).value();
    TcpPair pair;
    pair.client = connect_to(listening.get());
    pair.server = sys::accept(listening.get(), nullptr, nullptr).value();
    return pair;
}

// Whatever can be read at once.
inline std::string read_available(int fd) {
    std::string out;
    std::array<char, 65536> buffer{};
    for (;;) {
        const Result<sys::Transfer> got = sys::recv(fd, buffer);
        if (!got || got->size == 0) {
            return out;
        }
        out.append(buffer.data(), got->size);
    }
}

// Text whose every position can be told from the others.
inline std::string pattern(std::size_t size, unsigned seed) {
    std::string out(size, '\0');
    for (char& c : out) {
        seed = seed * 1664525U + 1013904223U;
        c = static_cast<char>(seed >> 24U);
    }
    return out;
}

class TempDirectory {
  public:
    TempDirectory() {
        std::string name = "/tmp/sluice-net-XXXXXX";
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        path_ = name;
    }

    ~TempDirectory() {
        std::error_code ignored;  // what is left over in /tmp fails no test
        std::filesystem::remove_all(path_, ignored);
    }

    TempDirectory(const TempDirectory&) = delete;
    TempDirectory& operator=(const TempDirectory&) = delete;

    [[nodiscard]] std::string file(const char* name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

inline sys::UniqueFd file_of(const TempDirectory& directory, std::string_view content) {
    sys::UniqueFd fd =
        sys::open(directory.file("file").c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600).value();
    EXPECT_TRUE(sys::write_all(fd.get(), content).has_value());
    return fd;
}

}  // namespace sluice::net::testing
