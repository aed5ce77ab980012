// SPDX-License-Identifier: BSD-2-Clause
// Request: lookup of header fields that the server has no name for.
// Runs in: worker.
#include "proto/http/request.h"

#include "base/ascii.h"

namespace sluice::http {

const Header* Request::find(std::string_view name) const {
    for (const Header& header : headers) {
        if (equals_ignoring_case(header.name, name)) {
            return &header;
        }
    }
    return nullptr;
}

}  // namespace sluice::http
