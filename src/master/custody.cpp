// SPDX-License-Identifier: BSD-2-Clause
// Listening sockets in custody.
// Runs in: master.
#include "master/custody.h"

#include <algorithm>
#include <netinet/in.h>
#include <utility>

#include <fmt/format.h>

#include "log/log.h"
#include "net/address.h"
#include "net/listener_socket.h"
#include "sys/file.h"
#include "sys/socket.h"

namespace sluice::master {

namespace {

constexpr std::string_view kDatagram = "udp:";
constexpr std::string_view kUnixDatagram = "udp:unix:";

bool is_datagram(std::string_view key) {
    return key.starts_with(kDatagram);
}

std::optional<net::Address> address_of(std::string_view key) {
    if (is_datagram(key)) {
        key.remove_prefix(kDatagram.size());
    }
    return net::Address::parse(key);
}

net::ListenerOptions options_for(const conf::ListenSpec& spec, bool is_group) {
    const conf::ListenOptions& from = spec.options;
    net::ListenerOptions out{.backlog = from.backlog,
                             .is_datagram = is_datagram(spec.key),
                             .reuseport = is_group,
                             .ipv6only = from.ipv6only,
                             .deferred = from.deferred};
    if (from.fastopen > 0) {
        out.fastopen = from.fastopen;
    }
    if (from.so_keepalive) {
        out.keepalive = true;
        out.keepalive_idle = from.keepalive_idle;
        out.keepalive_interval = from.keepalive_interval;
        out.keepalive_count = from.keepalive_count;
    }
    if (from.rcvbuf > 0) {
        out.receive_buffer = Bytes{static_cast<std::uint64_t>(from.rcvbuf)};
    }
    if (from.sndbuf > 0) {
        out.send_buffer = Bytes{static_cast<std::uint64_t>(from.sndbuf)};
    }
    return out;
}

bool is_group(const conf::ListenSpec& spec) {
    return spec.options.reuseport || is_datagram(spec.key);
}

std::string place_of(const conf::Generation& generation, const conf::Position& at) {
    if (at.line == 0 || at.file >= generation.tree().files.size()) {
        return {};
    }
    return fmt::format(" in {}:{}", generation.tree().files[at.file].path, at.line);
}

}  // namespace

void Custody::inherit(const std::string& key, std::uint16_t member, sys::UniqueFd fd) {
    inherited_[{key, member}] = std::move(fd);
}

std::expected<void, std::vector<std::string>> Custody::open(const conf::Generation& next,
                                                            std::size_t members) {
    std::vector<std::string> errors;
    for (const conf::ListenSpec* spec : next.listens()) {
        if (auto opened = open_one(*spec, members); !opened) {
            errors.push_back(opened.error() + place_of(next, spec->at));
        }
    }
    if (!errors.empty()) {
        roll_back();
        return std::unexpected(std::move(errors));
    }
    return {};
}

std::expected<void, std::string> Custody::open_one(const conf::ListenSpec& spec,
                                                   std::size_t members) {
    auto [at, is_new] = held_.try_emplace(spec.id);
    Held& held = at->second;
    if (is_new) {
        held = {.key = std::string(spec.key),
                .options = spec.options,
                .is_group = is_group(spec),
                .is_leaving = false,
                .is_returning = false,
                .members = {}};
    } else if (held.is_group != is_group(spec)) {
        log::write(log::Level::Warn, "\"reuseport\" of {} changes with the next restart", spec.key);
    }
    held.is_returning = held.is_leaving;
    // A group may grow at a reload; it never shrinks, because closing a member loses its queue.
    // A path has one socket: what comes to a Unix datagram socket is one worker's.
    const bool is_many = held.is_group && !held.key.starts_with(kUnixDatagram);
    const std::size_t wanted = is_many ? std::max<std::size_t>(members, 1) : 1;
    while (held.members.size() < wanted) {
        Opened fd = open_member(spec, static_cast<std::uint16_t>(held.members.size()));
        if (!fd) {
            if (held.members.empty()) {
                held_.erase(at);
            }
            return std::unexpected(std::move(fd).error());
        }
        held.members.push_back(
            {.fd = std::move(*fd), .holder = std::nullopt, .is_candidate = true});
    }
    return {};
}

Custody::Opened Custody::open_member(const conf::ListenSpec& spec, std::uint16_t member) {
    if (const auto old = inherited_.find({std::string(spec.key), member});
        old != inherited_.end()) {
        sys::UniqueFd fd = std::move(old->second);
        inherited_.erase(old);
        return fd;
    }
    const std::optional<net::Address> address = address_of(spec.key);
    if (!address) {
        return std::unexpected(fmt::format("invalid address \"{}\" of \"listen\"", spec.key));
    }
    net::ListenerOptions options = options_for(spec, is_group(spec));
    Result<sys::UniqueFd> fd = net::open_listener(*address, options);
    if (!fd && fd.error().code == EADDRINUSE && let_others_bind(spec.key)) {
        options.reuseport = true;
        fd = net::open_listener(*address, options);
    }
    if (!fd) {
        return std::unexpected(
            fmt::format("{}", log::Failure{fd.error(), "to " + address->text()}));
    }
    return std::move(*fd);
}

/// A wildcard and a special address of one port refuse each other unless both have SO_REUSEPORT.
/// The sockets that we hold on that port get it now; false where there are none, so the port is
/// taken by somebody else.
bool Custody::let_others_bind(std::string_view key) const {
    const std::optional<net::Address> wanted = address_of(key);
    bool has_any = false;
    for (const auto& [id, held] : held_) {
        const std::optional<net::Address> other = address_of(held.key);
        if (!wanted || !other || other->is_unix() || other->port() != wanted->port() ||
            is_datagram(held.key) != is_datagram(key)) {
            continue;
        }
        for (const Member& member : held.members) {
            has_any = sys::set_option(member.fd.get(), SOL_SOCKET, SO_REUSEPORT, 1).has_value() ||
                      has_any;
        }
    }
    return has_any;
}

void Custody::roll_back() {
    for (auto& [id, held] : held_) {
        held.is_returning = false;
        // A candidate Unix socket's file goes with it, unless a member that stays owns it.
        if (!held.members.empty() && held.members.front().is_candidate) {
            remove_file(held);
        }
        std::erase_if(held.members, [](const Member& member) { return member.is_candidate; });
    }
    std::erase_if(held_, [](const auto& entry) { return entry.second.members.empty(); });
}

void Custody::commit(const conf::Generation& next) {
    for (auto& [id, held] : held_) {
        const conf::ListenSpec* const spec = next.find_listen(id);
        for (Member& member : held.members) {
            member.is_candidate = false;
        }
        if (spec == nullptr) {
            held.is_leaving = true;
            set_refusing(held, true);
            continue;
        }
        if (held.is_leaving) {
            set_refusing(held, false);
            // The workers close their copies: members of a group are given out anew.
            for (Member& member : held.members) {
                member.holder.reset();
            }
        }
        held.is_leaving = false;
        held.is_returning = false;
        if (spec->options.backlog != held.options.backlog && !is_datagram(held.key)) {
            for (const Member& member : held.members) {
                static_cast<void>(net::change_backlog(member.fd.get(), spec->options.backlog));
            }
        }
        held.options.backlog = spec->options.backlog;
    }
}

void Custody::set_refusing(const Held& held, bool on) {
    const std::optional<net::Address> address = address_of(held.key);
    if (!address || address->is_unix() || is_datagram(held.key)) {
        return;  // the filter reads TCP headers
    }
    for (const Member& member : held.members) {
        if (const Result<> set = sys::refuse_new_connections(member.fd.get(), on); !set) {
            log::write(log::Level::Warn, "{}", log::Failure{set.error(), "on " + held.key});
        }
    }
}

std::vector<Grant> Custody::leaving() const {
    std::vector<Grant> out;
    for (const auto& [id, held] : held_) {
        for (std::size_t i = 0; held.is_leaving && i < held.members.size(); ++i) {
            out.push_back({.what = {.id = id,
                                    .member = static_cast<std::uint16_t>(i),
                                    .is_exclusive = !held.is_group},
                           .fd = held.members[i].fd.get()});
        }
    }
    return out;
}

void Custody::close_leaving() {
    std::erase_if(held_, [](const auto& entry) {
        const Held& held = entry.second;
        const bool goes = held.is_leaving && !held.is_returning;
        if (goes) {
            remove_file(held);
        }
        return goes;
    });
}

void Custody::remove_unix_files() const {
    for (const auto& [id, held] : held_) {
        remove_file(held);
    }
}

void Custody::remove_file(const Held& held) {
    const std::optional<net::Address> address = address_of(held.key);
    if (address && address->is_unix()) {
        static_cast<void>(sys::unlink(std::string(address->path()).c_str()));
    }
}

std::vector<Grant> Custody::shared(bool candidates) const {
    std::vector<Grant> out;
    for (const auto& [id, held] : held_) {
        // One that comes back is as new to the workers: they have closed their copies.
        const bool is_new = held.members.front().is_candidate || held.is_returning;
        if (held.is_group || is_new != candidates || (held.is_leaving && !held.is_returning)) {
            continue;
        }
        out.push_back({.what = {.id = id, .member = 0, .is_exclusive = true},
                       .fd = held.members.front().fd.get()});
    }
    return out;
}

std::vector<Move> Custody::rebalance(std::span<const ChildId> workers) {
    std::vector<Move> moves;
    for (auto& [id, held] : held_) {
        if (held.is_group && !held.is_leaving && !workers.empty()) {
            rebalance_group(id, held, workers, moves);
        }
    }
    return moves;
}

void Custody::rebalance_group(ListenerId id,
                              Held& held,
                              std::span<const ChildId> workers,
                              std::vector<Move>& moves) {
    std::map<ChildId, std::vector<std::size_t>> loads;
    for (const ChildId worker : workers) {
        loads[worker];
    }
    const auto is_less = [](const auto& a, const auto& b) {
        return a.second.size() < b.second.size();
    };
    const auto give = [&](std::size_t index, auto& to) {
        Member& member = held.members[index];
        const ipc::ListenerGrant what{
            .id = id, .member = static_cast<std::uint16_t>(index), .is_exclusive = false};
        moves.push_back({{what, member.fd.get()}, member.holder, to.first});
        member.holder = to.first;
        to.second.push_back(index);
    };
    std::vector<std::size_t> free;
    for (std::size_t i = 0; i < held.members.size(); ++i) {
        Member& member = held.members[i];
        if (member.is_candidate) {
            continue;
        }
        const auto at = member.holder ? loads.find(*member.holder) : loads.end();
        if (at != loads.end()) {
            at->second.push_back(i);
        } else {
            member.holder.reset();
            free.push_back(i);
        }
    }
    for (const std::size_t index : free) {
        give(index, *std::min_element(loads.begin(), loads.end(), is_less));
    }
    for (;;) {
        auto& least = *std::min_element(loads.begin(), loads.end(), is_less);
        auto& most = *std::max_element(loads.begin(), loads.end(), is_less);
        if (most.second.size() - least.second.size() < 2) {
            return;
        }
        const std::size_t index = most.second.back();
        most.second.pop_back();
        give(index, least);
    }
}

std::vector<Heirloom> Custody::heirlooms() const {
    std::vector<Heirloom> out;
    for (const auto& [id, held] : held_) {
        for (std::size_t i = 0; !held.is_leaving && i < held.members.size(); ++i) {
            out.push_back({held.key, static_cast<std::uint16_t>(i), held.members[i].fd.get()});
        }
    }
    return out;
}

}  // namespace sluice::master
