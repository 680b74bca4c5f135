#include "kept_clock.hpp"

#include <algorithm>
#include <cstdlib>

namespace flashduty {

namespace {

/// Interval of writing the clock down; also done after the wall clock was set.
constexpr UnixMs kNoteMs = 60'000;
constexpr UnixMs kStepMs = 1'000;

constexpr char kClock[] = "SELECT boot_id, start_ms, time_ms, wall_ms FROM clock";
constexpr char kIsUsed[] = "SELECT waiting + dead FROM counter";
constexpr char kNewest[] =
    "SELECT max(coalesce((SELECT max(accepted_ms) FROM event), 0),"
    " coalesce((SELECT max(dead_ms) FROM dead), 0))";
constexpr char kForget[] = "DELETE FROM clock";
constexpr char kKeep[] =
    "INSERT INTO clock (boot_id, start_ms, time_ms, wall_ms, spare_ms) VALUES (?, ?, ?, ?, ?)";
constexpr char kNote[] = "UPDATE clock SET time_ms = ?, wall_ms = ?";

struct Row {
    bool is_there = false;
    std::string boot_id;
    UnixMs start_ms = 0;
    UnixMs time_ms = 0;
    UnixMs wall_ms = 0;
};

Row read_row(Connection& connection) noexcept {
    Query row = connection.query(kClock);
    if (!row.next()) {
        return {};
    }
    return {true, std::string(row.text(0)), row.number(1), row.number(2), row.number(3)};
}

/// True when the row's boot counts on. A container may have a clock of its own since that start.
bool counts_on(const Row& row, const MachineTime& machine) noexcept {
    return row.is_there && row.boot_id == machine.boot_id &&
           row.start_ms + machine.boot_ms + kStepMs >= row.time_ms;
}

}  // namespace

void KeptClock::open(Connection& connection) noexcept {
    const MachineTime machine = clock_.machine();
    Row row = read_row(connection);
    if (!counts_on(row, machine)) {
        connection.run("BEGIN IMMEDIATE");
        row = read_row(connection);  // another process may have been faster
        if (!counts_on(row, machine)) {
            begin(connection, machine);
            row = read_row(connection);
        }
        connection.run("COMMIT");
    }
    if (!connection.failed()) {
        is_known_ = true;
        boot_id_ = row.boot_id;
        start_ms_ = row.start_ms;
        shift_ms_ = start_ms_ - clock_.base_ms();
    }
}

void KeptClock::begin(Connection& connection, const MachineTime& machine) noexcept {
    const Row before = read_row(connection);
    const UnixMs newest_ms = connection.number(kNewest);
    const bool is_used = connection.number(kIsUsed) > 0;
    UnixMs now_ms = machine.wall_ms;
    if (is_used && before.is_there) {
        const UnixMs passed_ms = std::max<UnixMs>(machine.wall_ms - before.wall_ms, 0);
        now_ms = std::max(before.time_ms + passed_ms, newest_ms);
    } else if (is_used) {
        now_ms = std::max(now_ms, newest_ms);
    } else if (is_known_ && boot_id_ == machine.boot_id) {
        now_ms = start_ms_ + machine.boot_ms;
    }
    connection.run(kForget);
    connection.run(kKeep, machine.boot_id, now_ms - machine.boot_ms, now_ms, machine.wall_ms,
                   is_used ? now_ms + kSpareMs : 0);
}

UnixMs KeptClock::to_wall(UnixMs kept_ms) const noexcept {
    return clock_.to_wall(from_kept(kept_ms));
}

bool KeptClock::is_note_due(Connection& connection, UnixMs now_ms) const noexcept {
    const Row row = read_row(connection);
    const UnixMs step_ms = to_wall(now_ms) - now_ms - (row.wall_ms - row.time_ms);
    return (now_ms - row.time_ms >= kNoteMs || std::abs(step_ms) >= kStepMs) &&
           connection.number(kIsUsed) > 0;
}

void KeptClock::note(Connection& connection, UnixMs now_ms) const noexcept {
    connection.run(kNote, now_ms, to_wall(now_ms));
}

}  // namespace flashduty
