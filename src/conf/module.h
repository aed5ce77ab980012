// SPDX-License-Identifier: BSD-2-Clause
// Module: a feature's part in the configuration: its rows and the settings struct they fill.
// Runs in: any.
#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <string_view>

#include "conf/row.h"

namespace sluice::conf {

namespace detail {
template <class T>
inline constexpr char kTypeTag{};
}  // namespace detail

/// How to make and destroy one settings struct, and the rows that fill it.
struct ConfKind {
    std::string_view name;
    std::size_t size = 0;
    std::size_t align = 0;
    void (*construct)(void* at) = nullptr;
    void (*destroy)(void* at) = nullptr;
    const void* tag = nullptr;  ///< tells types apart
    std::span<const Row> rows;
};

template <class T>
[[nodiscard]] consteval ConfKind kind(std::string_view name, std::span<const Row> rows) {
    return {.name = name,
            .size = sizeof(T),
            .align = alignof(T),
            .construct = [](void* at) { ::new (at) T(); },
            .destroy = [](void* at) { static_cast<T*>(at)->~T(); },
            .tag = &detail::kTypeTag<T>,
            .rows = rows};
}

/// One constexpr object per feature; the registry lists them.
struct Module {
    std::string_view name;
    const ConfKind* kind = nullptr;
};

}  // namespace sluice::conf
