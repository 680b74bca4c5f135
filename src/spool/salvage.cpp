#include "salvage.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "clock.hpp"

namespace flashduty {

namespace {

using Ids = std::set<std::int64_t>;

// Different ways to the ids: each reads other pages, and may reach events that another cannot.
constexpr const char* kEventIds[] = {
    "SELECT event_id FROM event NOT INDEXED ORDER BY event_id",
    "SELECT event_id FROM event NOT INDEXED ORDER BY event_id DESC",
    "SELECT event_id FROM event INDEXED BY event_age ORDER BY accepted_ms",
    "SELECT event_id FROM event INDEXED BY event_age ORDER BY accepted_ms DESC",
    "SELECT event_id FROM event INDEXED BY event_order ORDER BY alert_id",
    "SELECT event_id FROM event INDEXED BY event_order ORDER BY alert_id DESC",
    "SELECT first_id FROM alert NOT INDEXED",
};
constexpr const char* kDeadIds[] = {
    "SELECT event_id FROM dead NOT INDEXED ORDER BY event_id",
    "SELECT event_id FROM dead NOT INDEXED ORDER BY event_id DESC",
    "SELECT event_id FROM dead INDEXED BY dead_age ORDER BY dead_ms",
    "SELECT event_id FROM dead INDEXED BY dead_age ORDER BY dead_ms DESC",
};

constexpr char kTarget1[] =
    "SELECT server, location, 0 FROM target NOT INDEXED WHERE target_id = ?";
constexpr char kTarget[] =
    "SELECT server, location, paused_ms FROM target NOT INDEXED WHERE target_id = ?";
constexpr char kTargetByIndex[] =
    "SELECT server, location, 0 FROM target INDEXED BY sqlite_autoindex_target_1"
    " WHERE +target_id = ?";
constexpr char kAlert[] =
    "SELECT target_id, alert_key, due_ms, tried_ms FROM alert NOT INDEXED WHERE alert_id = ?";
constexpr char kAlertByIndex[] =
    "SELECT target_id, alert_key, 0, 0 FROM alert INDEXED BY sqlite_autoindex_alert_1"
    " WHERE +alert_id = ?";
constexpr char kBody[] = "SELECT body FROM body WHERE event_id = ?";

// Events of the first version of the tables, and of later ones.
constexpr char kEvent1[] =
    "SELECT alert_id, severity, status, title, arguments, accepted_ms, attempts, tried_ms,"
    " last_error, event, variables, 0, '' FROM event WHERE event_id = ?";
constexpr char kEvent[] =
    "SELECT alert_id, severity, status, title, arguments, accepted_ms, attempts, tried_ms,"
    " last_error, event, variables, arrived_ms, refusal FROM event WHERE event_id = ?";
constexpr char kDead1[] =
    "SELECT target_id, alert_key, severity, status, title, arguments, reason, dead_ms, accepted_ms,"
    " attempts, last_error, bytes, again, event, variables, body, 0 FROM dead WHERE event_id = ?";
constexpr char kDead[] =
    "SELECT target_id, alert_key, severity, status, title, arguments, reason, dead_ms, accepted_ms,"
    " attempts, last_error, bytes, again, event, variables, body, arrived_ms FROM dead"
    " WHERE event_id = ?";

constexpr char kAddTarget[] =
    "INSERT OR IGNORE INTO target (target_id, server, location, paused_ms) VALUES (?, ?, ?, ?)";
constexpr char kAddAlert[] =
    "INSERT OR IGNORE INTO alert (alert_id, target_id, alert_key, rank, since_ms, first_id, due_ms,"
    " tried_ms) VALUES (?, ?, ?, 0, 0, 0, ?, ?)";
constexpr char kAddEvent[] =
    "INSERT INTO event (event_id, alert_id, severity, status, title, arguments, accepted_ms,"
    " attempts, tried_ms, last_error, event, variables, arrived_ms, refusal)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kAddBody[] = "INSERT INTO body (event_id, body) VALUES (?, ?)";
constexpr char kAddDead[] =
    "INSERT INTO dead (event_id, target_id, alert_key, severity, status, title, arguments, reason,"
    " dead_ms, accepted_ms, attempts, last_error, bytes, again, event, variables, body, arrived_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kSuperseded[] = "SELECT target_id, alert_key, before_id FROM superseded";
constexpr char kAddSuperseded[] = "INSERT OR REPLACE INTO superseded VALUES (?, ?, ?)";
constexpr char kClock[] = "SELECT boot_id, start_ms, time_ms, wall_ms, spare_ms FROM clock";
constexpr char kAddClock[] = "INSERT INTO clock VALUES (?, ?, ?, ?, ?)";

class Salvage {
  public:
    Salvage(Connection& from, Connection& to) noexcept : from_(from), to_(to) {}

    Salvaged run() noexcept {
        copy_clock();
        has_2_ = number("SELECT count(*) FROM meta WHERE name = 'schema'") > 0;
        Salvaged salvaged;
        std::int64_t failed = 0;
        for (const std::int64_t id : ids(kEventIds, std::size(kEventIds))) {
            count(copy_event(id), salvaged.events, failed);
        }
        for (const std::int64_t id : ids(kDeadIds, std::size(kDeadIds))) {
            count(copy_dead(id), salvaged.dead, failed);
        }
        copy_superseded();
        const std::int64_t all = number("SELECT waiting + dead FROM counter");
        salvaged.lost = std::max(failed, all - salvaged.events - salvaged.dead);
        return salvaged;
    }

  private:
    enum class Row { kCopied, kLost, kAbsent };

    static void count(Row row, std::int64_t& copied, std::int64_t& lost) noexcept {
        copied += row == Row::kCopied ? 1 : 0;
        lost += row == Row::kLost ? 1 : 0;
    }

    std::int64_t number(const char* sql) noexcept {
        from_.forgive();
        return from_.number(sql);
    }

    Ids ids(const char* const* ways, std::size_t count) noexcept {
        Ids ids;
        for (std::size_t i = 0; i < count; i++) {
            from_.forgive();
            Query rows = from_.query(ways[i]);
            while (rows.next()) {
                ids.insert(rows.number(0));
            }
        }
        return ids;
    }

    /// False when the target could not be read.
    bool copy_target(std::int64_t id) noexcept {
        if (targets_.count(id) != 0) {
            return true;
        }
        for (const char* sql : {has_2_ ? kTarget : kTarget1, kTargetByIndex}) {
            from_.forgive();
            Query row = from_.query(sql, id);
            if (row.next()) {
                to_.run(kAddTarget, id, row.text(0), row.text(1), row.number(2));
                targets_.insert(id);
                return true;
            }
        }
        return false;
    }

    bool copy_alert(std::int64_t id) noexcept {
        if (alerts_.count(id) != 0) {
            return true;
        }
        for (const char* sql : {kAlert, kAlertByIndex}) {
            from_.forgive();
            Query row = from_.query(sql, id);
            if (row.next()) {
                const std::int64_t target_id = row.number(0), due_ms = row.number(2),
                                   tried_ms = row.number(3);
                const std::string alert_key(row.text(1));
                if (!copy_target(target_id)) {
                    return false;
                }
                to_.run(kAddAlert, id, target_id, alert_key, due_ms, tried_ms);
                alerts_.insert(id);
                return true;
            }
        }
        return false;
    }

    Row copy_event(std::int64_t id) noexcept {
        from_.forgive();
        Query row = has_2_ ? from_.query(kEvent, id) : from_.query(kEvent1, id);
        if (!row.next()) {
            return from_.failed() ? Row::kLost : Row::kAbsent;
        }
        if (!copy_alert(row.number(0))) {
            return Row::kLost;
        }
        to_.run(kAddEvent, id, row.number(0), row.number(1), row.text(2), row.text(3), row.text(4),
                row.number(5), row.number(6), row.number(7), row.text(8), row.text(9), row.text(10),
                row.number(11), row.text(12));
        from_.forgive();
        Query body = from_.query(kBody, id);
        to_.run(kAddBody, id, Blob{body.next() ? body.text(0) : std::string_view{}});
        return to_.failed() ? Row::kLost : Row::kCopied;
    }

    Row copy_dead(std::int64_t id) noexcept {
        from_.forgive();
        Query row = has_2_ ? from_.query(kDead, id) : from_.query(kDead1, id);
        if (!row.next()) {
            return from_.failed() ? Row::kLost : Row::kAbsent;
        }
        if (!copy_target(row.number(0))) {
            return Row::kLost;
        }
        to_.run(kAddDead, id, row.number(0), row.text(1), row.number(2), row.text(3), row.text(4),
                row.text(5), row.text(6), row.number(7), row.number(8), row.number(9), row.text(10),
                row.number(11), row.number(12), row.text(13), row.text(14), Blob{row.text(15)},
                row.number(16));
        return to_.failed() ? Row::kLost : Row::kCopied;
    }

    void copy_superseded() noexcept {
        from_.forgive();
        Query rows = from_.query(kSuperseded);
        while (rows.next()) {
            to_.run(kAddSuperseded, rows.number(0), rows.text(1), rows.number(2));
        }
    }

    /// Copies the clock that the copied times belong to.
    void copy_clock() noexcept {
        from_.forgive();
        Query row = from_.query(kClock);
        if (row.next()) {
            to_.run("DELETE FROM clock");
            to_.run(kAddClock, row.text(0), row.number(1), row.number(2), row.number(3),
                    row.number(4));
        }
    }

    Connection& from_;
    Connection& to_;
    bool has_2_ = false;
    Ids targets_, alerts_;
};

}  // namespace

Salvaged salvage(Connection& from, Connection& to) noexcept { return Salvage(from, to).run(); }

}  // namespace flashduty
