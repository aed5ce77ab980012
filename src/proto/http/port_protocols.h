// SPDX-License-Identifier: BSD-2-Clause
// PortProtocols: several servers may listen on one address, and what one of them says of the
// protocol spoken there holds for all. This takes them together and finds where they differ in a
// way that nobody can have meant; one of them alone saying it is fine.
// Runs in: any.
#pragma once

#include <cstdint>

namespace sluice::http {

/// Options of "listen" that change what the bytes of its connections mean, as a set of bits.
using ProtocolBits = std::uint8_t;
inline constexpr ProtocolBits kNoProtocols = 0;
inline constexpr ProtocolBits kProxyProtocol = 1;

/// What is known of one address after some of its "listen" directives.
class PortProtocols {
  public:
    /// The next directive, in the order of the configuration; `has_options`: it also sets options
    /// of the socket. False: it contradicts those before, and nginx warns of the same ones.
    [[nodiscard]] bool add(ProtocolBits bits, bool has_options) {
        if (!is_begun_) {
            is_begun_ = true;
            all_ = bits;
            has_options_ = has_options;
            return true;
        }
        const bool is_adding = (bits | all_) != all_;
        const bool is_removing = (bits | all_) != bits;
        const bool differs = is_compared_ && bits != compared_;
        has_options_ = has_options_ || has_options;
        bool is_fine = !(has_options && is_changed_) && !differs;
        if (is_adding) {
            is_fine = !(has_options_ && !has_options) && !is_changed_ && !is_removing;
        } else if (is_removing) {
            is_fine = !has_options && !differs;
        }
        compared_ = is_adding ? all_ : bits;
        is_compared_ = true;
        is_changed_ = is_changed_ || is_adding || is_removing;
        all_ |= bits;
        return is_fine;
    }

    /// What holds for the address.
    [[nodiscard]] ProtocolBits all() const { return all_; }

  private:
    ProtocolBits all_ = kNoProtocols;
    ProtocolBits compared_ = kNoProtocols;  ///< what the next directive should say
    bool is_begun_ = false;
    bool has_options_ = false;
    bool is_compared_ = false;
    bool is_changed_ = false;
};

}  // namespace sluice::http
