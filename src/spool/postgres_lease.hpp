// Row of a Lease in PostgreSQL.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "lease.hpp"
#include "postgres.hpp"

namespace flashduty {

/// Lease row of one agent. Has a connection of its own: a beat queues behind nothing.
class PostgresLease {
  public:
    /// `edge` is the edge's name. All its connections are named "flashduty/" and that, in ASCII, so
    /// that another one can end what it leaves behind.
    PostgresLease(PgOptions options, std::string edge, std::int64_t edge_id,
                  std::int64_t agent_id) noexcept
        : connection_(options),
          helper_(std::move(options)),
          edge_(std::move(edge)),
          edge_id_(edge_id),
          agent_id_(agent_id) {}

    /// Makes the call of Lease::call(), and returns the answer for Lease::answered(). The tables
    /// must exist. `spent` is for the next leader; `row` gets the row that is written.
    [[nodiscard]] LeaseAnswer run(const LeaseCall& call, const std::string& spent, LeaseRow& row,
                                  PgDeadline deadline) noexcept;

    /// Message of the leader for the next one, by the last look.
    [[nodiscard]] const std::string& spent() const noexcept { return spent_; }

    /// Raised with each connection: call Lease::reconnected() then.
    [[nodiscard]] std::uint64_t generation() const noexcept { return connection_.generation(); }

    /// Reason of the last kUnknown: one line.
    [[nodiscard]] const std::string& error() const noexcept { return connection_.error(); }

  private:
    [[nodiscard]] LeaseAnswer look(LeaseRow& row, PgDeadline deadline) noexcept;
    [[nodiscard]] LeaseAnswer take(const LeaseRow& before, LeaseRow& row,
                                   PgDeadline deadline) noexcept;
    [[nodiscard]] LeaseAnswer beat(const LeaseCall& call, const std::string& spent, LeaseRow& row,
                                   PgDeadline deadline) noexcept;

    void end_blockers(PgDeadline deadline) noexcept;

    PgConnection connection_;
    PgConnection helper_;  ///< for as long as a takeover is held up
    std::string edge_;
    std::string spent_;
    std::int64_t edge_id_;
    std::int64_t agent_id_;
};

}  // namespace flashduty
