// The row of a Lease in PostgreSQL.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "lease.hpp"
#include "postgres.hpp"

namespace flashduty {

/// Of one agent. Has a connection of its own: a beat queues behind nothing.
class PostgresLease {
  public:
    /// `edge` is what the edge is called, for who looks at the table.
    PostgresLease(PgOptions options, std::string edge, std::int64_t edge_id,
                  std::int64_t agent_id) noexcept
        : connection_(std::move(options)),
          edge_(std::move(edge)),
          edge_id_(edge_id),
          agent_id_(agent_id) {}

    /// Does what Lease::call() asks for, and gives what Lease::answered() is to be told. The tables
    /// have to be there. `spent` is for the next leader; `row` gets what is written now.
    [[nodiscard]] LeaseAnswer run(const LeaseCall& call, const std::string& spent, LeaseRow& row,
                                  PgDeadline deadline) noexcept;

    /// Raised with each connection: Lease::reconnected() is to be told.
    [[nodiscard]] std::uint64_t generation() const noexcept { return connection_.generation(); }

    /// Why the last call was kUnknown: one line.
    [[nodiscard]] const std::string& error() const noexcept { return connection_.error(); }

  private:
    [[nodiscard]] LeaseAnswer look(LeaseRow& row, PgDeadline deadline) noexcept;
    [[nodiscard]] LeaseAnswer take(const LeaseRow& before, LeaseRow& row,
                                   PgDeadline deadline) noexcept;
    [[nodiscard]] LeaseAnswer beat(const LeaseCall& call, const std::string& spent, LeaseRow& row,
                                   PgDeadline deadline) noexcept;

    PgConnection connection_;
    std::string edge_;
    std::int64_t edge_id_;
    std::int64_t agent_id_;
};

}  // namespace flashduty
