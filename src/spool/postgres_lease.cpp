#include "postgres_lease.hpp"

#include <algorithm>
#include <chrono>

namespace flashduty {

namespace {

/// Time for which a takeover may be held up before it is looked who does so.
constexpr std::chrono::milliseconds kPatience{500};

}  // namespace

/// A leader whose machine has vanished in the middle of a settlement holds its locks: the server
/// knows nothing of that.
void PostgresLease::end_blockers(PgDeadline deadline) noexcept {
    PgRows rows;
    if (helper_.connect(deadline)) {
        (void)helper_.run("SELECT end_blockers($1::integer)",
                          PgValues().add(connection_.server_process()), rows, deadline);
    }
    helper_.close();
}

LeaseAnswer PostgresLease::look(LeaseRow& row, PgDeadline deadline) noexcept {
    constexpr char kLook[] =
        "SELECT term, beat, edge_id, agent_id, (SELECT spent FROM beat) FROM look_at_term()";
    PgRows rows;
    if (connection_.run(kLook, {}, rows, deadline) != PgStatus::kOk || rows.count() != 1) {
        return LeaseAnswer::kUnknown;
    }
    row = {rows.number(0, 0), rows.number(0, 1), rows.number(0, 2), rows.number(0, 3)};
    spent_ = rows.text(0, 4);
    return LeaseAnswer::kDone;
}

LeaseAnswer PostgresLease::take(const LeaseRow& before, LeaseRow& row,
                                PgDeadline deadline) noexcept {
    constexpr char kTake[] =
        "SELECT * FROM take_term($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5)";
    PgValues values;
    values.add(before.term).add(before.beat).add(edge_id_).add(agent_id_).add(edge_);
    PgRows rows;
    if (connection_.begin(kTake, values, deadline) != PgStatus::kOk) {
        return LeaseAnswer::kUnknown;
    }
    while (!connection_.is_answered(
        std::min(deadline, std::chrono::steady_clock::now() + kPatience))) {
        if (std::chrono::steady_clock::now() >= deadline) {
            break;
        }
        end_blockers(deadline);
    }
    if (connection_.finish(rows, deadline) != PgStatus::kOk) {
        return LeaseAnswer::kUnknown;
    }
    if (rows.count() == 0) {
        return LeaseAnswer::kRefused;
    }
    row = {rows.number(0, 0), 0, edge_id_, agent_id_};
    return LeaseAnswer::kDone;
}

LeaseAnswer PostgresLease::beat(const LeaseCall& call, const std::string& spent, LeaseRow& row,
                                PgDeadline deadline) noexcept {
    constexpr char kBeat[] =
        "SELECT * FROM beat_again($1::bigint, $2::bigint, $3::bigint, $4::boolean, $5)";
    const bool lets_go = call.kind == LeaseCall::Kind::kLetGo;
    PgValues values;
    values.add(call.row.term)
        .add(call.row.beat)
        .add(agent_id_)
        .add(std::string_view(lets_go ? "t" : "f"))
        .add(spent);
    PgRows rows;
    if (connection_.run(kBeat, values, rows, deadline) != PgStatus::kOk) {
        return LeaseAnswer::kUnknown;
    }
    if (rows.count() == 0) {
        return LeaseAnswer::kRefused;
    }
    row = {call.row.term, rows.number(0, 0), edge_id_, agent_id_};
    return LeaseAnswer::kDone;
}

LeaseAnswer PostgresLease::run(const LeaseCall& call, const std::string& spent, LeaseRow& row,
                               PgDeadline deadline) noexcept {
    if (!connection_.is_connected() && !connection_.connect(deadline)) {
        return LeaseAnswer::kUnknown;
    }
    switch (call.kind) {
        case LeaseCall::Kind::kLook:
            return look(row, deadline);
        case LeaseCall::Kind::kTake:
            return take(call.row, row, deadline);
        case LeaseCall::Kind::kBeat:
        case LeaseCall::Kind::kLetGo:
            return beat(call, spent, row, deadline);
        case LeaseCall::Kind::kNone:
            break;
    }
    return LeaseAnswer::kUnknown;
}

}  // namespace flashduty
