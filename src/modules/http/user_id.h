// SPDX-License-Identifier: BSD-2-Clause
// UserId: 16 bytes by which a site knows a browser again, kept there in a cookie. Their format is
// nginx's (and before it that of an Apache module), so that existing cookies stay valid and
// existing log tools read them.
// Runs in: worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace sluice::modules {

/// Words as they lie in memory: of service, time, worker and sequence.
using UserId = std::array<std::uint32_t, 4>;

inline constexpr std::size_t kUserIdBytes = sizeof(UserId);
/// Characters of an id in a cookie, padding included; the first of padding may be a mark.
inline constexpr std::size_t kUserIdChars = 24;
inline constexpr std::size_t kUserIdDigits = 2 * kUserIdBytes;

/// Of a cookie's value: nothing where it is not base64 of 16 bytes, too short, or of no id.
/// Whatever stands behind the 22nd character does not matter.
[[nodiscard]] std::optional<UserId> decode_user_id(std::string_view cookie);
/// For a cookie, without the mark.
void encode_user_id(const UserId& id, std::span<char, kUserIdChars> out);
/// As variables and logs show it: each word in hexadecimal.
void print_user_id(const UserId& id, std::span<char, kUserIdDigits> out);

/// "Thu, 31-Dec-37 23:55:55 GMT", as cookies have had it since Netscape; years from 2038 on have
/// four digits.
inline constexpr std::size_t kMostCookieDate = 32;
[[nodiscard]] std::string_view print_cookie_date(UnixSeconds when,
                                                 std::span<char, kMostCookieDate> out);

/// Makes ids that differ from all others: those of this worker by their sequence (16 million a
/// second), those of other workers of the machine by the process id, those of other machines by the
/// service, or, where they share it, most likely by random bits.
class UserIdSource {
  public:
    /// Fails: the kernel gave no random bytes.
    [[nodiscard]] static Result<UserIdSource> make();
    /// For tests: `seed` in place of the random bits.
    UserIdSource(std::uint32_t process, std::uint64_t seed);

    /// `service` in network order.
    [[nodiscard]] UserId next(std::uint32_t service, UnixSeconds now);
    /// The same in the format of version 1: words in the machine's order.
    [[nodiscard]] UserId next_v1(std::uint32_t service, UnixSeconds now);

  private:
    std::uint32_t worker_;
    std::uint32_t sequence_;
};

}  // namespace sluice::modules
