// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: what auth_basic reads. A user, a password, then a file, a line each. A hash that is
// found lies in the file, behind its user; a password fits its own plain text and nothing that is
// longer. Also credentials: those that are read encode to what was sent.
// Runs in: tests.
#include "modules/http/password_file.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/bug.h"
#include "lines.h"
#include "modules/http/basic_credentials.h"

namespace {

using namespace sluice;  // NOLINT: a program of one file

/// The system's own hashes may be asked for hours of work, and are not ours to test.
bool is_ours(std::string_view hash) {
    return hash.starts_with('{') || hash.starts_with("$apr1$");
}

void check_credentials(std::string_view field) {
    Arena arena;
    http::Request request;
    http::Header header{
        .name = "Authorization", .value = field, .field = http::Field::Authorization};
    request.known[static_cast<std::size_t>(http::Field::Authorization)] = &header;
    const auto found = modules::basic_credentials(request, arena);
    BUG_UNLESS(!found || !found->user.empty(), "a user without a name");
    BUG_UNLESS(!found || found->user.find(':') == std::string_view::npos, "a colon in a name");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(static_cast<const char*>(static_cast<const void*>(data)), size);
    const std::string_view user = fuzz::take_line(rest);
    const std::string password(fuzz::take_line(rest));
    check_credentials(password);
    check_credentials("Basic " + password);
    const auto hash = modules::find_hash(rest, user);
    if (hash) {
        BUG_UNLESS(
            hash->data() >= rest.data() && hash->data() + hash->size() <= rest.data() + rest.size(),
            "a hash from elsewhere");
        BUG_UNLESS(hash->find_first_of(":\r\n") == hash->npos, "more than a hash");
        BUG_UNLESS(rest.find(std::string(user) + ":" + std::string(*hash)) != rest.npos,
                   "another user's hash");
        if (is_ours(*hash)) {
            static_cast<void>(modules::fits_hash(password, *hash));
        }
    }
    BUG_UNLESS(modules::fits_hash(password, "{PLAIN}" + password), "a password does not fit");
    BUG_UNLESS(!modules::fits_hash(password + "x", "{PLAIN}" + password), "a longer one fits");
    return 0;
}
