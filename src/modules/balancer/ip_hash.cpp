// SPDX-License-Identifier: BSD-2-Clause
// ip_hash: clients of one network keep their peer: the first three bytes of an IPv4 address, all of
// an IPv6 one, hashed as nginx does.
// Runs in: any (settings), worker (pick).
#include <algorithm>

#include "modules/balancer/features.h"
#include "modules/balancer/walk.h"
#include "upstream/block.h"

namespace sluice::modules {

namespace {

using upstream::Pick;

class IpHash final : public upstream::Balancer {
  public:
    void begin(Pick& pick) override { pick.hash = 89; }

    [[nodiscard]] std::size_t pick(Pick& pick) override {
        net::IpBytes ip = pick.client.ip();
        if (ip.size == 0) {
            ip.size = 3;  // a Unix socket: all its clients are one
        } else if (ip.size == 4) {
            ip.size = 3;
        }
        return pick_by_steps(pick, [&] {
            for (std::size_t i = 0; i < ip.size; ++i) {
                pick.hash = (pick.hash * 113 + ip.bytes[i]) % 6271;
            }
            return pick.hash;
        });
    }
};

constexpr upstream::BalancerKind kMethod{
    .name = "ip_hash",
    .takes_backup = false,
    .takes_slow_start = false,
    .create = [](const void*) -> std::unique_ptr<upstream::Balancer> {
        return std::make_unique<IpHash>();
    }};

struct IpHashConf {};

bool set_ip_hash(conf::Build& build, const conf::Directive& directive, IpHashConf&) {
    return upstream::choose_balancer(build, directive, kMethod);
}

constexpr conf::Row kRows[] = {
    conf::row_fn<IpHashConf, &set_ip_hash>(
        "ip_hash", conf::kUpstream, conf::take(0), "Choose the server by the client's network."),
};
constexpr conf::ConfKind kKind = conf::kind<IpHashConf>("ip_hash", kRows);

}  // namespace

constexpr conf::Module kIpHash{"ip_hash", &kKind};

}  // namespace sluice::modules
