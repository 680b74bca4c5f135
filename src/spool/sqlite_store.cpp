#include "sqlite_store.hpp"

#include <algorithm>
#include <utility>

#include "dead_letters.hpp"
#include "due_alerts.hpp"
#include "event_changes.hpp"
#include "event_lists.hpp"
#include "local_events.hpp"
#include "schema.hpp"

namespace flashduty {

namespace {

constexpr char kTarget[] = "SELECT target_id FROM target WHERE server = ? AND location = ?";
constexpr char kNewTarget[] = "INSERT INTO target (server, location) VALUES (?, ?)";
constexpr char kNextTarget[] = "SELECT min(target_id) FROM alert WHERE target_id > ?";
constexpr char kTargetIs[] = "SELECT server, location FROM target WHERE target_id = ?";

constexpr char kNewEvent[] =
    "INSERT INTO event (alert_id, severity, status, title, arguments, accepted_ms, arrived_ms,"
    " event, variables) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kNewBody[] = "INSERT INTO body (event_id, body) VALUES (?, ?)";
constexpr char kEvent[] =
    "SELECT alert_key, status, title, arguments, accepted_ms, attempts, event, variables"
    " FROM event JOIN alert USING (alert_id) WHERE event_id = ?";

constexpr char kNotTaken[] =
    "UPDATE event SET attempts = attempts + 1, tried_ms = ?2, last_error = ?3,"
    " refusal = CASE WHEN ?4 THEN ?3 ELSE refusal END WHERE event_id = ?1";
/// Wait of an event that could not become a dead letter, before it is tried again.
constexpr UnixMs kUntilRoomMs = 60'000;
/// Number of tries of an event that are kept.
constexpr std::int64_t kMostAttempts = 10;
constexpr char kAttempt[] =
    "INSERT INTO attempt (event_id, tried_ms, http_status, reason)"
    " SELECT event_id, ?2, ?3, ?4 FROM event WHERE event_id = ?1";
constexpr char kForgetAttempts[] =
    "DELETE FROM attempt WHERE attempt_id <= (SELECT attempt_id FROM attempt WHERE event_id = ?1"
    " ORDER BY attempt_id DESC LIMIT 1 OFFSET ?2) AND event_id = ?1";
constexpr char kHold[] =
    "UPDATE alert SET due_ms = ?2, tried_ms = ?3"
    " WHERE alert_id = (SELECT alert_id FROM event WHERE event_id = ?1)";
constexpr char kTrial[] = "UPDATE counter SET resync_ms = ?";
constexpr char kCounters[] = "SELECT waiting, dead FROM counter";
constexpr char kOldest[] = "SELECT min(accepted_ms) FROM event";

/// Size from which a WAL is reported.
constexpr std::uint64_t kLongWalBytes = 64 * 1024 * 1024;
/// Interval of checks whether a reader keeps the WAL.
constexpr UnixMs kWalLookMs = 60'000;

std::int64_t target_of(Connection& connection, const NewEvent& event) noexcept {
    const std::int64_t known = connection.number(kTarget, event.server, event.location);
    if (known != 0) {
        return known;
    }
    connection.run(kNewTarget, event.server, event.location);
    return connection.last_id();
}

Appended add(Connection& connection, const KeptClock& clock, const NewEvent& event) noexcept {
    Appended appended;
    bool is_new = false;
    appended.target_id = target_of(connection, event);
    const std::int64_t alert_id = alert_of(connection, appended.target_id, event.alert_key, is_new);
    appended.has_elder = !is_new;
    const UnixMs accepted_ms = clock.to_kept(event.accepted_ms);
    connection.run(kNewEvent, alert_id, severity_of(event.event_status), event.event_status,
                   event.title, event.arguments, accepted_ms, clock.to_wall(accepted_ms),
                   event.event, event.variables);
    appended.event_id = connection.last_id();
    connection.run(kNewBody, appended.event_id, Blob{event.body});
    return appended;
}

/// Adds the events of `alerts`, all of which are of one target.
void fetch(Connection& connection, const KeptClock& clock, std::int64_t target_id,
           const std::vector<DueAlert>& alerts, std::vector<DueEvent>& due) noexcept {
    DueEvent event;
    event.target_id = target_id;
    {
        Query target = connection.query(kTargetIs, target_id);
        if (target.next()) {
            event.server = target.text(0);
            event.location = target.text(1);
        }
    }
    for (const DueAlert& alert : alerts) {
        Query row = connection.query(kEvent, alert.event_id);
        if (!row.next()) {
            continue;
        }
        event.event_id = alert.event_id;
        event.alert_id = alert.alert_id;
        event.tried_ms = alert.tried_ms == 0 ? 0 : clock.from_kept(alert.tried_ms);
        event.alert_key = row.text(0);
        event.event_status = row.text(1);
        event.title = row.text(2);
        event.arguments = row.text(3);
        event.accepted_ms = clock.from_kept(row.number(4));
        event.attempts = static_cast<std::uint32_t>(row.number(5));
        event.is_refused = alert.due_ms >= kUntilYes && event.attempts > 0;
        event.event = row.text(6);
        event.variables = row.text(7);
        due.push_back(event);
    }
}

/// Notes a try that ended without a yes.
void note_attempt(Connection& connection, const KeptClock& clock,
                  const Settlement& settlement) noexcept {
    const UnixMs tried_ms = clock.to_kept(settlement.settled_ms);
    const bool is_refused = settlement.fate == Fate::kRefused || settlement.due_ms >= kUntilYes;
    connection.run(kNotTaken, settlement.event_id, tried_ms, settlement.reason,
                   std::int64_t{is_refused});
    connection.run(kAttempt, settlement.event_id, clock.to_wall(tried_ms),
                   std::int64_t{settlement.http_status}, settlement.reason);
    connection.run(kForgetAttempts, settlement.event_id, kMostAttempts);
}

/// False when it should have become a dead letter, and waits for room.
bool settle_one(Connection& connection, const KeptClock& clock, const Limits& limits,
                bool is_of_fleet, const Settlement& settlement) noexcept {
    const UnixMs settled_ms = clock.to_kept(settlement.settled_ms);
    switch (settlement.fate) {
        case Fate::kDelivered:
            if (is_of_fleet) {
                keep_delivered(connection, settlement.event_id, settled_ms);
            }
            take_delivered(connection, settlement.event_id, settled_ms);
            return true;
        case Fate::kWaits:
            note_attempt(connection, clock, settlement);
            connection.run(kHold, settlement.event_id,
                           settlement.due_ms == 0 ? 0 : clock.to_kept(settlement.due_ms),
                           settled_ms);
            return true;
        case Fate::kRefused:
        case Fate::kCount:
            break;
    }
    note_attempt(connection, clock, settlement);
    if (has_no_room_for_dead(connection, limits, settled_ms)) {
        connection.run(kHold, settlement.event_id, settled_ms + kUntilRoomMs, settled_ms);
        return false;
    }
    bury(connection, settlement.event_id, settled_ms, settlement.reason);
    return true;
}

UnixMs kept_or_none(const KeptClock& clock, UnixMs ms) noexcept {
    return ms == 0 ? 0 : clock.to_kept(ms);
}

}  // namespace

SqliteStore::SqliteStore(SqliteStoreOptions options, bool may_set_aside) noexcept
    : options_(std::move(options)),
      database_({options_.path, options_.busy_ms, options_.queue_ms, may_set_aside, options_.vfs,
                 options_.max_size_bytes, options_.clock}) {}

StoreStatus SqliteStore::append(const std::vector<NewEvent>& events,
                                std::vector<Appended>& appended) noexcept {
    return append_after([](Connection&) { return true; }, events, BatchId{}, appended);
}

/// Appends if `before` says so, in the same transaction.
template <class Before>
StoreStatus SqliteStore::append_after(Before before, const std::vector<NewEvent>& events,
                                      const BatchId& id, std::vector<Appended>& appended) noexcept {
    // Less the time that the oldest event has queued already, but at least enough for all others to
    // come once.
    UnixMs accepted_ms = options_.clock.now_ms();
    for (const NewEvent& event : events) {
        accepted_ms = std::min(accepted_ms, event.accepted_ms);
    }
    const std::int64_t queue_ms =
        std::max(accepted_ms + options_.queue_ms - options_.clock.now_ms(), options_.queue_ms / 2);
    std::uint64_t bytes = 0;
    for (const NewEvent& event : events) {
        bytes += event.event.size() + event.variables.size() + event.body.size();
    }
    // A trial keeps nobody waiting.
    const std::int64_t trial_ms = options_.queue_ms / 20;
    return database_.write(
        [&](Connection& connection) {
            appended.clear();
            if (database_.used_bytes() >= options_.max_size_bytes) {
                return refuse_full();
            }
            if (!database_.has_room_for(bytes)) {
                return database_.refuse(StoreStatus::kFull, "has no room left on its disk");
            }
            if (events.empty()) {
                connection.run(kTrial, database_.clock().now_ms());
            }
            if (!before(connection)) {
                return StoreStatus::kOk;
            }
            for (const NewEvent& event : events) {
                appended.push_back(add(connection, database_.clock(), event));
            }
            for (std::size_t i = 0; !id.writer.empty() && i < appended.size(); i++) {
                name_event(connection, appended[i].event_id, id);
            }
            return StoreStatus::kOk;
        },
        events.empty() ? trial_ms : queue_ms);
}

StoreStatus SqliteStore::refuse_full() noexcept {
    std::string reason =
        "holds " + std::to_string(options_.max_size_bytes) + " bytes, its max_size";
    const std::uint64_t wal_bytes = database_.wal_bytes();
    if (wal_bytes >= options_.max_size_bytes / 2) {
        reason += ": " + std::to_string(wal_bytes) +
                  " of them in its \"-wal\", which a reader keeps from being copied back";
    }
    return database_.refuse(StoreStatus::kFull, reason);
}

StoreStatus SqliteStore::targets(std::vector<std::int64_t>& target_ids) noexcept {
    return database_.read([&](Connection& connection) {
        target_ids.clear();
        for (std::int64_t id = connection.number(kNextTarget, std::int64_t{0}); id != 0;
             id = connection.number(kNextTarget, id)) {
            target_ids.push_back(id);
        }
        return StoreStatus::kOk;
    });
}

StoreStatus SqliteStore::find(const Search& search, UnixMs now_ms, std::vector<DueEvent>& due,
                              Held& held) noexcept {
    const std::size_t before = due.size();
    const StoreStatus status = database_.read([&](Connection& connection) {
        due.resize(before);
        const KeptClock& clock = database_.clock();
        Search kept = search;
        kept.tried_after_ms = kept_or_none(clock, search.tried_after_ms);
        kept.until_ms = clock.to_kept(search.until_ms);
        const UnixMs kept_ms = clock.to_kept(now_ms);
        fetch(connection, clock, search.target_id, find_alerts(connection, kept, kept_ms), due);
        if (search.kind == Search::Kind::kHeld) {
            held = look_at_held(connection, search.target_id, kept_ms);
            held.next_ms = held.next_ms == 0 ? 0 : clock.from_kept(held.next_ms);
        }
        return StoreStatus::kOk;
    });
    if (status != StoreStatus::kOk) {
        due.resize(before);
    }
    return status;
}

Limits SqliteStore::limits() const noexcept {
    return {options_.max_age_ms, options_.dead_age_ms,
            static_cast<std::int64_t>(options_.max_size_bytes / 2)};
}

StoreStatus SqliteStore::settle(const std::vector<Settlement>& settlements) noexcept {
    postponed_.clear();
    std::size_t most = settlements.size(), count = 0;
    for (std::size_t from = 0; from < settlements.size(); from += count) {
        count = std::min(most, settlements.size() - from);
        StoreStatus status = settle_some(&settlements[from], count);
        // On a full disk the WAL may have room for fewer.
        while (status == StoreStatus::kFull && count > 1) {
            most = count = (count + 1) / 2;
            status = settle_some(&settlements[from], count);
        }
        if (status != StoreStatus::kOk) {
            return status;
        }
    }
    return StoreStatus::kOk;
}

StoreStatus SqliteStore::settle_some(const Settlement* settlements, std::size_t count) noexcept {
    const std::size_t before = postponed_.size();
    return database_.write([&](Connection& connection) {
        postponed_.resize(before);
        for (const Settlement* settlement = settlements; settlement != settlements + count;
             settlement++) {
            if (!settle_one(connection, database_.clock(), limits(), options_.is_of_fleet,
                            *settlement)) {
                postponed_.push_back(settlement->event_id);
            }
        }
        return StoreStatus::kOk;
    });
}

StoreStatus SqliteStore::supersede(const std::vector<DeliveredKey>& keys) noexcept {
    return database_.write([&](Connection& connection) {
        for (const DeliveredKey& key : keys) {
            const std::int64_t target_id = connection.number(kTarget, key.server, key.location);
            supersede_older(connection, target_id, key.alert_key,
                            database_.clock().to_kept(key.accepted_ms));
        }
        return StoreStatus::kOk;
    });
}

StoreStatus SqliteStore::expire(UnixMs now_ms, const std::vector<std::int64_t>& busy,
                                Tended& tended) noexcept {
    tended = {};
    std::uint64_t held_bytes = 0;
    if (now_ms >= next_wal_look_ms_ && database_.wal_bytes() >= kLongWalBytes) {
        const StoreStatus emptied = database_.empty_wal(held_bytes);
        if (emptied != StoreStatus::kOk) {
            return emptied;
        }
        next_wal_look_ms_ = now_ms + kWalLookMs;
        tended.held_wal_bytes = held_bytes >= kLongWalBytes ? held_bytes : 0;
    }
    const Limits limits = this->limits();
    Chores chores;
    UnixMs kept_ms = 0;
    const StoreStatus status = database_.read([&](Connection& connection) {
        kept_ms = database_.clock().to_kept(now_ms);
        chores = look_for_chores(connection, database_.clock(), limits, kept_ms, busy);
        return StoreStatus::kOk;
    });
    if (status != StoreStatus::kOk) {
        return status;
    }
    chores.of_1_from_ms = std::exchange(looked_ms_, kept_ms);
    if (chores.are_none()) {
        return status;
    }
    Tended done;
    const StoreStatus written = database_.write([&](Connection& connection) {
        done = {};
        tend(connection, database_.clock(), chores, kept_ms, done);
        return StoreStatus::kOk;
    });
    if (written == StoreStatus::kOk) {
        done.held_wal_bytes = tended.held_wal_bytes;
        tended = std::move(done);
    }
    return written;
}

StoreStatus SqliteStore::size(StoreSize& size) noexcept {
    return database_.read([&](Connection& connection) {
        size = {};
        size.used_bytes = database_.used_bytes();
        const UnixMs oldest_ms = connection.number(kOldest);
        size.oldest_ms = oldest_ms == 0 ? 0 : database_.clock().from_kept(oldest_ms);
        Query counters = connection.query(kCounters);
        if (counters.next()) {
            size.waiting = static_cast<std::uint64_t>(counters.number(0));
            size.dead = static_cast<std::uint64_t>(counters.number(1));
        }
        return StoreStatus::kOk;
    });
}

// ---------------------------------------------------------------- of a fleet's edge

StoreStatus SqliteStore::look(LocalState& state) noexcept {
    return database_.read([&](Connection& connection) {
        state = look_at_local(connection);
        return StoreStatus::kOk;
    });
}

StoreStatus SqliteStore::append_local(const std::vector<NewEvent>& events, const BatchId& id,
                                      bool only_if_local, std::vector<Appended>& appended,
                                      bool& is_written) noexcept {
    return append_after(
        [&](Connection& connection) {
            is_written = !only_if_local || is_local(connection);
            if (is_written) {
                set_local(connection, true);
            }
            return is_written;
        },
        events, id, appended);
}

StoreStatus SqliteStore::first_batch(const BatchId& name, LocalBatch& batch) noexcept {
    return database_.write([&](Connection& connection) {
        batch = take_first_batch(connection, database_.clock(), name);
        return StoreStatus::kOk;
    });
}

StoreStatus SqliteStore::moved(const LocalBatch& batch, const std::vector<std::int64_t>& unfit,
                               bool& is_local) noexcept {
    return database_.write([&](Connection& connection) {
        is_local = remove_moved(connection, batch.event_ids, unfit);
        return StoreStatus::kOk;
    });
}

StoreStatus SqliteStore::begin_alone() noexcept {
    return database_.write([&](Connection& connection) {
        connection.run("UPDATE fleet SET owes_report = 1");
        return StoreStatus::kOk;
    });
}

StoreStatus SqliteStore::pushed_alone(bool with_waiting, std::size_t most,
                                      std::vector<AloneEvent>& events) noexcept {
    return database_.read([&](Connection& connection) {
        events = read_alone(connection, database_.clock(), with_waiting, most);
        return StoreStatus::kOk;
    });
}

StoreStatus SqliteStore::reported(const std::vector<AloneEvent>& events,
                                  bool& owes_report) noexcept {
    return database_.write([&](Connection& connection) {
        owes_report = remove_reported(connection, events);
        return StoreStatus::kOk;
    });
}

// ---------------------------------------------------------------- for those who run it

StoreStatus SqliteStore::list_targets(std::vector<ListedTarget>& targets) noexcept {
    return database_.read([&](Connection& connection) {
        targets.clear();
        flashduty::list_targets(connection, database_.clock(), targets);
        return StoreStatus::kOk;
    });
}

StoreStatus SqliteStore::list(Pile pile, const EventFilter& filter, std::int64_t after,
                              std::size_t limit, EventPage& page) noexcept {
    return database_.read([&](Connection& connection) {
        page = list_events(connection, database_.clock(), pile, filter, after, limit);
        return StoreStatus::kOk;
    });
}

StoreStatus SqliteStore::show(Pile pile, std::int64_t event_id, WholeEvent& event,
                              bool& is_found) noexcept {
    return database_.read([&](Connection& connection) {
        event = {};
        is_found = show_event(connection, database_.clock(), pile, event_id, event);
        return StoreStatus::kOk;
    });
}

StoreStatus SqliteStore::read_whole(Pile pile, std::int64_t after, std::size_t most_bytes,
                                    WholePage& page) noexcept {
    return database_.read([&](Connection& connection) {
        page = flashduty::read_whole(connection, database_.clock(), pile, after, most_bytes);
        return StoreStatus::kOk;
    });
}

StoreStatus SqliteStore::facts(StoreFacts& facts) noexcept {
    facts.kind = std::string("SQLite ") + sqlite3_libversion();
    const StoreStatus status = database_.read([&](Connection& connection) {
        facts.schema = schema_of(connection);
        return StoreStatus::kOk;
    });
    return status == StoreStatus::kOk ? size(facts.size) : status;
}

StoreStatus SqliteStore::change(const EventChange& change, UnixMs now_ms,
                                const std::vector<std::int64_t>& busy,
                                EventsChanged& changed) noexcept {
    const bool is_move = change.kind == EventChange::Kind::kMove;
    std::vector<std::int64_t> ids = {change.event_id};
    std::int64_t next = 0;
    if (change.event_id == 0 && !is_move) {
        // Reads first, since that holds up nobody who writes.
        const Pile pile = change.kind == EventChange::Kind::kDiscard ? Pile::kWaiting : Pile::kDead;
        EventPage page;
        const StoreStatus status = list(pile, change.filter, change.after, kMaxChanged, page);
        ids.clear();
        for (const ListedEvent& event : page.events) {
            ids.push_back(event.event_id);
        }
        next = page.next;
        if (status != StoreStatus::kOk || ids.empty()) {
            changed = {};
            changed.next = next;
            return status;
        }
    }
    return database_.write([&](Connection& connection) {
        changed = {};
        if (is_move) {
            move_events(connection, change, busy, changed);
            return StoreStatus::kOk;
        }
        const UnixMs kept_ms = database_.clock().to_kept(now_ms);
        if (change.kind == EventChange::Kind::kDiscard &&
            has_no_room_for_dead(connection, limits(), kept_ms)) {
            return database_.refuse(StoreStatus::kFull,
                                    "has no room for more dead letters: delete some");
        }
        const std::size_t looked_at =
            change_events(connection, change.kind, ids, kept_ms, busy, changed);
        changed.next = looked_at < ids.size() ? ids[looked_at - 1] : next;
        return StoreStatus::kOk;
    });
}

StoreStatus SqliteStore::pause(std::int64_t target_id, UnixMs until_ms, bool& is_found) noexcept {
    return database_.write([&](Connection& connection) {
        connection.run("UPDATE target SET paused_ms = ?2 WHERE target_id = ?1", target_id,
                       until_ms == 0 ? 0 : database_.clock().to_kept(until_ms));
        is_found = connection.changes() > 0;
        return StoreStatus::kOk;
    });
}

StoreStatus SqliteStore::paused(UnixMs now_ms, std::vector<Paused>& paused) noexcept {
    return database_.read([&](Connection& connection) {
        paused.clear();
        const KeptClock& clock = database_.clock();
        Query rows = connection.query("SELECT target_id, paused_ms FROM target WHERE paused_ms > ?",
                                      clock.to_kept(now_ms));
        while (rows.next()) {
            paused.push_back({rows.number(0), clock.from_kept(rows.number(1))});
        }
        return StoreStatus::kOk;
    });
}

}  // namespace flashduty
