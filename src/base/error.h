// SPDX-License-Identifier: BSD-2-Clause
// Error and Result: how every function below floor 3 says that something did not work. An Error is
// 16 bytes, needs no heap and names the operation that failed together with errno.
// Runs in: any.
#pragma once

#include <cerrno>
#include <expected>
#include <utility>

namespace sluice {

/// A failed operation. `op` is a string literal such as "bind()"; `code` is an errno value, or 0
/// where no system call was involved.
struct Error {
    const char* op = "";
    int code = 0;

    friend bool operator==(const Error&, const Error&) = default;
};

template <class T = void>
using Result = std::expected<T, Error>;

/// Reads errno into an Error; call it in the statement right after the failing call.
[[nodiscard]] inline std::unexpected<Error> fail(const char* op) {
    return std::unexpected(Error{op, errno});
}

[[nodiscard]] inline std::unexpected<Error> fail(const char* op, int code) {
    return std::unexpected(Error{op, code});
}

namespace detail {
template <class R>
decltype(auto) take(R& result) {
    if constexpr (!std::is_void_v<typename R::value_type>) {
        return std::move(*result);
    }
}
}  // namespace detail

}  // namespace sluice

/// Gives the value of a Result, or returns its error from the calling function.
#define TRY(expression)                                                        \
    __extension__({                                                            \
        auto sluice_try_result = (expression);                                 \
        if (!sluice_try_result) {                                              \
            return std::unexpected(std::move(sluice_try_result).error());      \
        }                                                                      \
        ::sluice::detail::take(sluice_try_result);                             \
    })
