// Test whether a database can be a fleet's, before anything is trusted to it.
#pragma once

#include <cstdint>
#include <string>

#include "postgres.hpp"

namespace flashduty {

enum class DatabaseFitness : std::uint8_t {
    kFit,
    kUnfit,  ///< work alone, say the reason at `crit`, and try again once in a while
    kAway,   ///< it cannot be told: the database is not reached, or did not answer in time
};

struct DatabaseCheck {
    DatabaseFitness fitness = DatabaseFitness::kAway;
    /// A line: what is wrong and what to do.
    std::string reason;
    /// False: it acknowledges what one machine alone has. No reason not to use it, but to be shown.
    bool is_synchronous = true;
};

/// Makes the fleet's tables if they are not there and the role may. Uses two connections of its
/// own, which end with it; changes nothing else. Waits: only for threads.
[[nodiscard]] DatabaseCheck check_database(const PgOptions& options, PgDeadline deadline) noexcept;

}  // namespace flashduty
