// SPDX-License-Identifier: BSD-2-Clause
// recvmmsg, sendmmsg and control messages.
// Runs in: any.
#include "sys/datagram.h"

#include <algorithm>
#include <cstring>
#include <netinet/in.h>
#include <netinet/udp.h>

#include "sys/socket.h"

namespace sluice::sys {

namespace {

static_assert(CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int)) <= kDatagramNotesRoom);

template <class Call>
Result<std::size_t> count_of(Call call, const char* op) {
    int count = call();
    while (count < 0 && errno == EINTR) {
        count = call();
    }
    if (count < 0 && errno != EAGAIN) {
        return fail(op);
    }
    return static_cast<std::size_t>(std::max(count, 0));
}

template <class T>
T read_as(const cmsghdr& header) {
    T out{};
    std::memcpy(&out, CMSG_DATA(&header), sizeof out);
    return out;
}

/// Appends one control message at `used`; gives the bytes that are used then.
template <class T>
std::size_t append(std::span<char> room, std::size_t used, int level, int type, const T& value) {
    cmsghdr header{};
    header.cmsg_level = level;
    header.cmsg_type = type;
    header.cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(room.data() + used, &header, sizeof header);
    std::memcpy(room.data() + used + CMSG_LEN(0), &value, sizeof value);
    return used + CMSG_SPACE(sizeof value);
}

}  // namespace

Result<std::size_t> recv_many(int fd, std::span<mmsghdr> messages) {
    return count_of(
        [&] {
            return ::recvmmsg(fd, messages.data(), static_cast<unsigned>(messages.size()),
                              MSG_DONTWAIT, nullptr);
        },
        "recvmmsg()");
}

Result<std::size_t> send_many(int fd, std::span<mmsghdr> messages) {
    return count_of(
        [&] {
            return ::sendmmsg(fd, messages.data(), static_cast<unsigned>(messages.size()),
                              MSG_NOSIGNAL);
        },
        "sendmmsg()");
}

DatagramNotes read_notes(const msghdr& message) {
    DatagramNotes notes;
    if (message.msg_controllen == 0) [[likely]] {
        return notes;
    }
    // CMSG_NXTHDR wants a message that it could write to.
    msghdr copy = message;
    for (cmsghdr* header = CMSG_FIRSTHDR(&copy); header != nullptr;
         header = CMSG_NXTHDR(&copy, header)) {
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
            // ipi_spec_dst and not ipi_addr: a datagram to a broadcast address is answered from
            // ours.
            const auto info = read_as<in_pktinfo>(*header);
            notes.family = AF_INET;
            std::memcpy(notes.local.data(), &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
        } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
            const auto info = read_as<in6_pktinfo>(*header);
            notes.family = AF_INET6;
            std::memcpy(notes.local.data(), &info.ipi6_addr, sizeof info.ipi6_addr);
        } else if (header->cmsg_level == SOL_UDP && header->cmsg_type == UDP_GRO) {
            notes.segment = static_cast<std::uint16_t>(read_as<int>(*header));
        }
    }
    return notes;
}

std::size_t write_notes(std::span<char, kDatagramNotesRoom> room, const DatagramNotes& notes) {
    std::size_t used = 0;
    if (notes.family == AF_INET) {
        in_pktinfo info{};
        std::memcpy(&info.ipi_spec_dst, notes.local.data(), sizeof info.ipi_spec_dst);
        used = append(room, used, IPPROTO_IP, IP_PKTINFO, info);
    } else if (notes.family == AF_INET6) {
        in6_pktinfo info{};
        std::memcpy(&info.ipi6_addr, notes.local.data(), sizeof info.ipi6_addr);
        used = append(room, used, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
    if (notes.segment != 0) {
        used = append(room, used, SOL_UDP, UDP_SEGMENT, notes.segment);
    }
    return used;
}

Result<> want_local_addresses(int fd, sa_family_t family) {
    const bool is_v6 = family == AF_INET6;
    const Result<> done =
        set_option(fd, is_v6 ? IPPROTO_IPV6 : IPPROTO_IP, is_v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1);
    return done ? done
                : fail(is_v6 ? "setsockopt(IPV6_RECVPKTINFO)" : "setsockopt(IP_PKTINFO)",
                       done.error().code);
}

Result<> want_segments(int fd) {
    const Result<> done = set_option(fd, SOL_UDP, UDP_GRO, 1);
    return done ? done : fail("setsockopt(UDP_GRO)", done.error().code);
}

}  // namespace sluice::sys
