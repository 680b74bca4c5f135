// Tables with a row for each value of an enum, which ends with kCount: a value without a row, or a
// row in the wrong place, does not compile.
#pragma once

#include <cstddef>

namespace flashduty {

template <class Enum>
[[nodiscard]] constexpr std::size_t index_of(Enum value) noexcept {
    return static_cast<std::size_t>(value);
}

template <class Enum>
inline constexpr std::size_t kCountOf = index_of(Enum::kCount);

/// True when a table has one row for each value, in the order of the enum; `key` is the member with
/// the row's value.
template <class Enum, class Row, std::size_t N>
[[nodiscard]] constexpr bool has_each_in_order(const Row (&rows)[N], Enum Row::*key) noexcept {
    if (N != kCountOf<Enum>) {
        return false;
    }
    for (std::size_t i = 0; i < N; i++) {
        if (index_of(rows[i].*key) != i) {
            return false;
        }
    }
    return true;
}

}  // namespace flashduty
