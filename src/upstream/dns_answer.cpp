// SPDX-License-Identifier: BSD-2-Clause
// Reading DNS messages.
// Runs in: worker.
#include "upstream/dns_answer.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"

namespace sluice::upstream {

namespace {

// RFC 1035 §3.2.2, RFC 3596 §2.1, RFC 2782.
constexpr std::uint16_t kTypeA = 1;
constexpr std::uint16_t kTypeCname = 5;
constexpr std::uint16_t kTypeAaaa = 28;
constexpr std::uint16_t kTypeSrv = 33;
constexpr std::uint16_t kClassIn = 1;

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kLongestName = 254;
/// Each jump goes backwards, so this many are more than any honest name has.
constexpr int kMostJumps = 64;

class Reader {
  public:
    explicit Reader(std::span<const unsigned char> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool has(std::size_t count) const { return bytes_.size() - at_ >= count; }

    void skip(std::size_t count) { at_ += count; }

    [[nodiscard]] std::size_t at() const { return at_; }

    /// Needs: has(2).
    std::uint16_t number16() {
        const auto value = static_cast<std::uint16_t>(bytes_[at_] << 8 | bytes_[at_ + 1]);
        at_ += 2;
        return value;
    }

    /// Needs: has(4).
    std::uint32_t number32() {
        const std::uint32_t high = number16();
        return high << 16 | number16();
    }

    [[nodiscard]] std::span<const unsigned char> take(std::size_t count) {
        const auto out = bytes_.subspan(at_, count);
        at_ += count;
        return out;
    }

    /// A name, compressed or not (RFC 1035 §4.1.4), in lower case; nothing where it makes no sense.
    [[nodiscard]] std::optional<std::string> name() {
        std::string out;
        std::size_t at = at_;
        bool has_jumped = false;
        for (int jumps = 0; at < bytes_.size();) {
            const unsigned length = bytes_[at];
            if (length == 0) {
                at_ = has_jumped ? at_ : at + 1;
                return out;
            }
            if ((length & 0xc0) == 0xc0) {
                if (at + 1 >= bytes_.size() || ++jumps > kMostJumps) {
                    return std::nullopt;
                }
                const std::size_t target = (length & 0x3f) << 8 | bytes_[at + 1];
                at_ = has_jumped ? at_ : at + 2;
                has_jumped = true;
                if (target >= at) {
                    return std::nullopt;
                }
                at = target;
                continue;
            }
            if (length > 63 || at + 1 + length > bytes_.size() ||
                out.size() + length + 1 > kLongestName) {
                return std::nullopt;
            }
            out += out.empty() ? "" : ".";
            for (std::size_t i = 1; i <= length; ++i) {
                out += to_lower(static_cast<char>(bytes_[at + i]));
            }
            at += 1 + length;
        }
        return std::nullopt;
    }

  private:
    std::span<const unsigned char> bytes_;
    std::size_t at_ = 0;
};

void add_address(std::span<const unsigned char> data, DnsAnswer& out) {
    ResolvedAddress address;
    address.ip_bytes = static_cast<std::uint8_t>(data.size());
    std::ranges::copy(data, address.ip.begin());
    out.addresses.push_back(address);
}

/// Takes over the record if its type matters. False: it makes no sense.
bool read_data(Reader reader, std::uint16_t type, std::size_t size, DnsAnswer& out) {
    if (type == kTypeA || type == kTypeAaaa) {
        if (size != (type == kTypeA ? 4U : 16U)) {
            return false;
        }
        add_address(reader.take(size), out);
        return true;
    }
    ServiceRecord service;
    if (type == kTypeSrv) {
        if (size < 7) {
            return false;
        }
        service.priority = reader.number16();
        service.weight = reader.number16();
        service.port = reader.number16();
    }
    std::optional<std::string> name = reader.name();
    if (!name) {
        return false;
    }
    if (type == kTypeCname) {
        out.alias = std::move(*name);
    } else if (!name->empty()) {  // RFC 2782: "." says that the service is not to be had
        service.target = std::move(*name);
        out.services.push_back(std::move(service));
    }
    return true;
}

}  // namespace

std::expected<DnsAnswer, std::string_view> parse_dns_answer(std::span<const unsigned char> bytes) {
    Reader reader(bytes);
    if (!reader.has(kHeaderBytes)) {
        return std::unexpected("answer is too short");
    }
    reader.skip(4);  // id and flags, which c-ares has judged
    const unsigned questions = reader.number16();
    const unsigned records = reader.number16();
    reader.skip(4);
    for (unsigned i = 0; i < questions; ++i) {
        if (!reader.name() || !reader.has(4)) {
            return std::unexpected("question is broken");
        }
        reader.skip(4);
    }
    DnsAnswer out;
    std::uint32_t ttl = UINT32_MAX;
    for (unsigned i = 0; i < std::min<unsigned>(records, kMaxDnsRecords); ++i) {
        if (!reader.name() || !reader.has(10)) {
            return std::unexpected("record is broken");
        }
        const std::uint16_t type = reader.number16();
        const std::uint16_t record_class = reader.number16();
        const std::uint32_t record_ttl = reader.number32();
        const std::size_t size = reader.number16();
        if (!reader.has(size)) {
            return std::unexpected("record is longer than the answer");
        }
        const bool matters = record_class == kClassIn && (type == kTypeA || type == kTypeAaaa ||
                                                          type == kTypeSrv || type == kTypeCname);
        if (matters) {
            if (!read_data(reader, type, size, out)) {
                return std::unexpected("record's data is broken");
            }
            // RFC 2181 §8: the top bit makes it 0.
            ttl = std::min(ttl, record_ttl > INT32_MAX ? 0 : record_ttl);
        }
        reader.skip(size);
    }
    out.ttl = ttl == UINT32_MAX ? 0 : ttl;
    if (!out.addresses.empty() || !out.services.empty()) {
        out.alias.clear();
    }
    return out;
}

}  // namespace sluice::upstream
