// Rescue of a damaged database: the new one goes on with all that can be read.
#pragma once

#include <cstdint>

#include "sqlite.hpp"

namespace flashduty {

struct Salvaged {
    std::int64_t events = 0;
    std::int64_t dead = 0;
    std::int64_t lost = 0;  ///< lost ones of both kinds, as far as can be counted
};

/// Copies waiting events and dead letters under their ids, each for itself: a page that cannot be
/// read loses only its own contents. Runs within a transaction of `to`, which is empty. `from` may
/// have failed before and afterwards.
[[nodiscard]] Salvaged salvage(Connection& from, Connection& to) noexcept;

}  // namespace flashduty
