// SPDX-License-Identifier: BSD-2-Clause
// Hashes of passwords.
// Runs in: any thread.
#include "modules/http/password_file.h"

#include <crypt.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/base64.h"
#include "base/md5.h"
#include "base/sha1.h"

namespace sluice::modules {

namespace {

constexpr std::string_view kApr1 = "$apr1$";
constexpr std::size_t kMostSalt = 8;

template <std::size_t N>
std::string_view chars_of(const std::array<unsigned char, N>& bytes) {
    return {static_cast<const char*>(static_cast<const void*>(bytes.data())), N};
}

/// Takes as long wherever the first difference is.
bool is_equal(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) {
        return false;
    }
    unsigned difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^
                                            static_cast<unsigned char>(b[i]));
    }
    return difference == 0;
}

// ---- apr1: Apache's MD5 scheme, 1,000 rounds ----

Md5Digest apr1_digest(std::string_view password, std::string_view salt) {
    Md5 inner;
    for (const std::string_view part : {password, salt, password}) {
        inner.add(part);
    }
    const Md5Digest first = inner.digest();
    Md5 outer;
    for (const std::string_view part : {password, kApr1, salt}) {
        outer.add(part);
    }
    for (std::size_t left = password.size(); left > 0; left -= std::min<std::size_t>(left, 16)) {
        outer.add(chars_of(first).substr(0, left));
    }
    for (std::size_t bits = password.size(); bits > 0; bits >>= 1U) {
        outer.add((bits & 1U) != 0 ? std::string_view("\0", 1) : password.substr(0, 1));
    }
    Md5Digest digest = outer.digest();
    for (unsigned round = 0; round < 1000; ++round) {
        Md5 next;
        const bool is_odd = round % 2 != 0;
        next.add(is_odd ? password : chars_of(digest));
        next.add(round % 3 != 0 ? salt : std::string_view{});
        next.add(round % 7 != 0 ? password : std::string_view{});
        next.add(is_odd ? chars_of(digest) : password);
        digest = next.digest();
    }
    return digest;
}

std::string apr1(std::string_view password, std::string_view salt) {
    constexpr std::string_view kDigits =
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // The order of bytes that the scheme writes; 16: none.
    constexpr std::array<std::array<std::size_t, 3>, 6> kOrder{
        {{0, 6, 12}, {1, 7, 13}, {2, 8, 14}, {3, 9, 15}, {4, 10, 5}, {16, 16, 11}}};
    const Md5Digest digest = apr1_digest(password, salt);
    std::string out = std::string(kApr1) + std::string(salt) + "$";
    for (const auto& three : kOrder) {
        std::uint32_t bits = 0;
        for (const std::size_t at : three) {
            bits = bits << 8U | (at < digest.size() ? digest[at] : 0U);
        }
        for (std::size_t i = 0; i < (three[0] < digest.size() ? 4U : 2U); ++i) {
            out += kDigits[bits & 63U];
            bits >>= 6U;
        }
    }
    return out;
}

bool fits_apr1(std::string_view password, std::string_view hash) {
    const std::string_view rest = hash.substr(kApr1.size());
    const std::string_view salt = rest.substr(0, std::min(rest.find('$'), kMostSalt));
    return is_equal(apr1(password, salt), hash);
}

// ---- {SHA}, {SSHA} ----

/// `encoded`: the digest, and for {SSHA} the salt behind it.
bool fits_sha(std::string_view password, std::string_view encoded, bool has_salt) {
    std::array<char, 512> room{};
    if (base64_bound(encoded.size()) > room.size()) {
        return false;
    }
    const std::string_view bytes(room.data(), decode_base64(encoded, room).value_or(0));
    constexpr std::size_t kSize = std::tuple_size_v<Sha1Digest>;
    if (bytes.size() < kSize || (!has_salt && bytes.size() != kSize)) {
        return false;
    }
    return is_equal(chars_of(sha1(password, bytes.substr(kSize))), bytes.substr(0, kSize));
}

// ---- crypt(3) ----

bool fits_crypt(const std::string& password, const std::string& hash) {
    const auto data = std::make_unique<crypt_data>();  // 32 KiB; zeroed
    const char* const made = crypt_r(password.c_str(), hash.c_str(), data.get());
    // A failure gives null or a text that begins with a star, which no hash does.
    return made != nullptr && made[0] != '*' && is_equal(made, hash);
}

}  // namespace

std::optional<std::string_view> find_hash(std::string_view file, std::string_view user) {
    while (!file.empty()) {
        const std::size_t end = std::min(file.find('\n'), file.size());
        std::string_view line = file.substr(0, end);
        file.remove_prefix(std::min(end + 1, file.size()));
        if (!line.starts_with('#') && line.size() > user.size() && line[user.size()] == ':' &&
            line.starts_with(user)) {
            line.remove_prefix(user.size() + 1);
            return line.substr(0, line.find_first_of(":\r"));
        }
    }
    return std::nullopt;
}

bool fits_hash(const std::string& password, std::string_view hash) {
    const auto cut = [&hash](std::string_view scheme) {
        const bool is_it = hash.starts_with(scheme);
        hash.remove_prefix(is_it ? scheme.size() : 0);
        return is_it;
    };
    if (hash.starts_with(kApr1)) {
        return fits_apr1(password, hash);
    }
    if (cut("{PLAIN}")) {
        return is_equal(password, hash);
    }
    if (cut("{SSHA}")) {
        return fits_sha(password, hash, true);
    }
    return cut("{SHA}") ? fits_sha(password, hash, false)
                        : fits_crypt(password, std::string(hash));
}

}  // namespace sluice::modules
