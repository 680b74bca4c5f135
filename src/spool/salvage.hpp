// What can be read of a damaged database goes on in a new one.
#pragma once

#include <cstdint>

#include "sqlite.hpp"

namespace flashduty {

struct Salvaged {
    std::int64_t events = 0;
    std::int64_t dead = 0;
    std::int64_t lost = 0;  ///< of both, as far as can be counted
};

/// Copies events that wait and dead letters under their ids, each for itself: one page that cannot
/// be read takes only what lies on it. Within a transaction of `to`, which is empty. `from` may
/// have failed before and afterwards.
[[nodiscard]] Salvaged salvage(Connection& from, Connection& to) noexcept;

}  // namespace flashduty
