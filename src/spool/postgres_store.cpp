#include "postgres_store.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "duration.hpp"
#include "postgres_schema.hpp"
#include "schema.hpp"

namespace flashduty {

namespace {

using Clock = std::chrono::steady_clock;

/// Wait after which an alert ranks one higher.
constexpr UnixMs kPromotionMs = UnixMs{10} * 60 * 1000;
/// Most events tended in one transaction.
constexpr std::int64_t kStep = 200;
/// Most rows of a kind that are forgotten in one transaction.
constexpr std::int64_t kForgetStep = 2000;
/// Batches that use one writer's row: it would grow while an old snapshot is held.
constexpr std::int64_t kBatchesOfWriter = 1000;
/// Interval of looks for rows that can be forgotten.
constexpr UnixMs kForgetMs = 10'000;
/// Difference below which two clocks count as one.
constexpr std::int64_t kSameClockMs = 1000;
/// Wait of a refused event for which there is no room among the dead letters, before it is tried
/// again.
constexpr UnixMs kUntilRoomMs = 60'000;

constexpr char kAppend[] =
    "SELECT event_id, target_id, has_elder, is_superseded, is_synchronous"
    " FROM append($1, $2::bigint, $3::bigint, $4::boolean, $5::text[], $6::text[], $7::text[],"
    " $8::smallint[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::text[],"
    " $14::text[], $15::bytea[], $16::boolean[])";
constexpr char kLastBatch[] = "SELECT * FROM last_batch($1)";
constexpr char kReportAlone[] =
    "SELECT event_id, alert_key, reason FROM report_alone($1, $2::text[], $3::text[], $4::text[],"
    " $5::smallint[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::bigint[],"
    " $11::text[], $12::text[], $13::boolean[], $14::boolean[])";
constexpr char kTargets[] =
    "WITH RECURSIVE t AS ("
    " (SELECT target_id FROM alert WHERE first_id > 0 ORDER BY target_id LIMIT 1) UNION ALL"
    " SELECT (SELECT a.target_id FROM alert a WHERE a.first_id > 0 AND a.target_id > t.target_id"
    " ORDER BY a.target_id LIMIT 1) FROM t WHERE t.target_id IS NOT NULL)"
    " SELECT target_id FROM t WHERE target_id IS NOT NULL";

// Events of the alerts that were found, in their order. $1 target, $2 most, $3 alerts to leave out,
// $4 term.
#define FLASHDUTY_EVENTS_OF(alerts)                                                            \
    "SELECT e.event_id, a.alert_id, t.server, t.location, e.arguments, a.alert_key, e.status," \
    " e.title, e.event, e.variables, e.accepted_ms, e.attempts,"                               \
    " CASE a.due_ms WHEN 0 THEN 0 ELSE a.tried_ms END, a.due_ms, e.term"                       \
    " FROM (SELECT *, row_number() OVER () AS place FROM (" alerts                             \
    " LIMIT $2::bigint) f) a JOIN event e ON e.event_id = a.first_id"                          \
    " JOIN target t ON t.target_id = $1::bigint"                                               \
    " WHERE $4::bigint = 0 OR EXISTS (SELECT FROM term WHERE term = $4::bigint)"               \
    " ORDER BY a.place"

// An event older than a restored database's last known time waits for an operator.
#define FLASHDUTY_MAY_LEAVE \
    " AND since_ms >= (SELECT value FROM meta WHERE name = 'held_before_ms')"

// First alerts of an index, in its order.
#define FLASHDUTY_ALERTS(line, which, order)                                                   \
    " (SELECT " line                                                                           \
    " AS line, alert_id, alert_key, first_id, since_ms, due_ms, tried_ms"                      \
    " FROM alert WHERE target_id = $1::bigint AND first_id > 0 AND " which FLASHDUTY_MAY_LEAVE \
    " AND alert_id <> ALL ($3::bigint[]) ORDER BY " order " LIMIT $2::bigint)"

// $5: alerts that have waited since then rank one higher.
#define FLASHDUTY_RANKS(order)                              \
    FLASHDUTY_ALERTS("0", "due_ms = 0 AND rank = 0", order) \
    " UNION ALL" FLASHDUTY_ALERTS("0", "due_ms = 0 AND rank = 1 AND since_ms <= $5::bigint",    \
                                  order) " UNION ALL"                                           \
    FLASHDUTY_ALERTS("1", "due_ms = 0 AND rank = 1 AND since_ms > $5::bigint", order)           \
    " UNION ALL" FLASHDUTY_ALERTS("1", "due_ms = 0 AND rank = 2 AND since_ms <= $5::bigint",    \
                                  order) " UNION ALL"                                           \
    FLASHDUTY_ALERTS("2", "due_ms = 0 AND rank = 2 AND since_ms > $5::bigint", order)

constexpr char kDue[] = FLASHDUTY_EVENTS_OF("SELECT * FROM (" FLASHDUTY_RANKS(
    "since_ms, first_id") ") r ORDER BY line, since_ms, first_id");
constexpr char kWorst[] = FLASHDUTY_EVENTS_OF("SELECT * FROM (" FLASHDUTY_RANKS(
    "since_ms DESC, first_id DESC") ") r ORDER BY line, since_ms DESC, first_id DESC");
constexpr char kNewest[] = FLASHDUTY_EVENTS_OF("SELECT * FROM (" FLASHDUTY_RANKS(
    "since_ms DESC, first_id DESC") ") r ORDER BY since_ms DESC, first_id DESC");
// $5: tried after that.
constexpr char kTried[] = FLASHDUTY_EVENTS_OF(
    "SELECT * FROM (" FLASHDUTY_ALERTS("0", "due_ms > 0 AND tried_ms > $5::bigint",
                                       "tried_ms, first_id") ") r ORDER BY tried_ms, first_id");
// $5 now, $6 and $7 the range in which nothing is really held.
constexpr char kHeld[] = FLASHDUTY_EVENTS_OF(
    "SELECT * FROM ("
    FLASHDUTY_ALERTS("0", "due_ms >= 1::bigint << 60 AND due_ms < 1::bigint << 61", "due_ms DESC")
    " UNION ALL" FLASHDUTY_ALERTS("1", "due_ms > 0 AND due_ms <= $5::bigint", "due_ms")
    " UNION ALL" FLASHDUTY_ALERTS("2", "due_ms BETWEEN $6::bigint AND $7::bigint", "due_ms")
    ") r ORDER BY line, CASE line WHEN 0 THEN -due_ms ELSE due_ms END");
// $5: upper limit, as in due_ms.
constexpr char kRefused[] = FLASHDUTY_EVENTS_OF("SELECT * FROM (" FLASHDUTY_ALERTS(
    "0", "due_ms BETWEEN 1::bigint << 61 AND $5::bigint", "due_ms") ") r ORDER BY due_ms");
// $5 alerts.
constexpr char kKeys[] = FLASHDUTY_EVENTS_OF(
    "SELECT a.alert_id, a.alert_key, a.first_id, a.due_ms, a.tried_ms"
    " FROM unnest($5::bigint[]) WITH ORDINALITY AS k (alert_id, n) JOIN alert a USING (alert_id)"
    " WHERE a.first_id > 0 AND a.alert_id <> ALL ($3::bigint[])" FLASHDUTY_MAY_LEAVE
    " ORDER BY k.n");
// $5 alerts, $6 the event behind which.
constexpr char kNext[] = FLASHDUTY_EVENTS_OF(
    "SELECT a.alert_id, a.alert_key, n.event_id AS first_id, a.due_ms, a.tried_ms"
    " FROM unnest($5::bigint[]) WITH ORDINALITY AS k (alert_id, n) JOIN alert a USING (alert_id)"
    " CROSS JOIN LATERAL (SELECT event_id FROM ("
    " (SELECT event_id, 0 AS line FROM event b WHERE b.alert_id = a.alert_id"
    " AND b.event_id > $6::bigint AND b.attempts = 0 ORDER BY b.alert_id, b.event_id LIMIT 1)"
    " UNION ALL (SELECT event_id, 1 FROM event b WHERE b.alert_id = a.alert_id"
    " AND b.event_id > $6::bigint ORDER BY b.alert_id, b.event_id LIMIT 1)) e"
    " ORDER BY line LIMIT 1) n"
    " WHERE a.alert_id <> ALL ($3::bigint[])" FLASHDUTY_MAY_LEAVE " ORDER BY k.n");
// $1 target, $2 start and $3 end of the range.
constexpr char kLookAtHeld[] =
    "SELECT coalesce((SELECT due_ms FROM alert WHERE target_id = $1::bigint AND first_id > 0"
    " AND due_ms BETWEEN $2::bigint AND $3::bigint ORDER BY due_ms LIMIT 1), 0),"
    " EXISTS (SELECT FROM alert WHERE target_id = $1::bigint AND first_id > 0"
    " AND due_ms >= 1::bigint << 61)";

constexpr char kSettle[] =
    "SELECT kind, event_id, alert_key, reason FROM settle($1::bigint, $2::bigint, $3::bigint, "
    "$4::bigint[], $5::smallint[],"
    " $6::bigint[], $7::bigint[], $8::text[], $9::integer[])";
constexpr char kSupersede[] =
    "SELECT supersede_older($1::bigint, $2::text[], $3::text[], $4::text[], $5::bigint[])";
constexpr char kTend[] =
    "SELECT kind, event_id, target_id, alert_key, reason FROM tend($1::bigint, $2::bigint,"
    " $3::bigint[], $4::bigint, $5::bigint, $6::bigint, $7, $8, $9, $10::integer)";
constexpr char kForget[] =
    "SELECT has_more, orphans FROM forget($1::bigint, $2::bigint, $3::bigint, $4::integer)";
constexpr char kSize[] =
    "SELECT s.events, s.bytes + s.dead_bytes, s.dead,"
    " coalesce((SELECT accepted_ms FROM event ORDER BY accepted_ms LIMIT 1), 0) FROM sums() s";
constexpr char kMeet[] =
    "SELECT now_ms(), current_setting('synchronous_standby_names') <> '', guard_ids($1::bigint)";

std::string random_name(const std::string& begin) noexcept {
    std::random_device random;
    std::string name = begin + "/";
    for (int i = 0; i < 4; i++) {
        name += std::to_string(random());
    }
    return name;
}

/// Meanings of SQLSTATEs for a store; the longest match counts.
struct Meaning {
    std::string_view state;
    StoreStatus status;
};
constexpr Meaning kMeanings[] = {
    {"FD001", StoreStatus::kFull},     {"53100", StoreStatus::kFull},
    {"25006", StoreStatus::kReadOnly}, {"42501", StoreStatus::kReadOnly},
    {"40", StoreStatus::kBusy},        {"55P03", StoreStatus::kBusy},
    {"XX001", StoreStatus::kCorrupt},  {"XX002", StoreStatus::kCorrupt},
};

/// Classes of SQLSTATEs that are about an event's content: no try will be any better.
bool is_unfit(std::string_view state) noexcept {
    const std::string_view kind = state.substr(0, 2);
    return kind == "22" || kind == "23" || kind == "54";
}

bool has(const std::vector<bool>& values, bool value) noexcept {
    return std::find(values.begin(), values.end(), value) != values.end();
}

StoreStatus meaning_of(std::string_view state) noexcept {
    for (const Meaning& meaning : kMeanings) {
        if (state.substr(0, meaning.state.size()) == meaning.state) {
            return meaning.status;
        }
    }
    return StoreStatus::kFailed;
}

/// Column of all events.
template <class Get>
void add_column(PgValues& values, const std::vector<NewEvent>& events, Get get) noexcept {
    values.begin();
    for (const NewEvent& event : events) {
        values.element(get(event));
    }
    values.end();
}

}  // namespace

std::int64_t append_timeout_ms(std::int64_t timeout_ms, std::int64_t spool_after_ms,
                               std::int64_t age_ms) noexcept {
    // For the commit of the local spool.
    constexpr std::int64_t kForLocalMs = 300;
    // No answer comes sooner when anything is going on.
    constexpr std::int64_t kLeastMs = 50;
    const std::int64_t left_ms = std::min(timeout_ms, spool_after_ms - kForLocalMs - age_ms);
    return left_ms < kLeastMs ? 0 : left_ms;
}

bool has_own_id(const NewEvent& event) noexcept {
    // As core/alert_variables writes it: an id that JSON would escape is none of BlueKing's.
    const std::size_t at = event.variables.find(R"("event_id":")" + event.alert_key + '"');
    return !event.alert_key.empty() && at != std::string::npos &&
           at < event.variables.find(R"("dimensions":{)");
}

PostgresStore::PostgresStore(PostgresStoreOptions options) noexcept
    : options_(std::move(options)), connection_(options_.server) {}

// -------------------------------------------------------------------- running

StoreStatus PostgresStore::judge(PgStatus status) noexcept {
    if (status == PgStatus::kOk) {
        return StoreStatus::kOk;
    }
    error_ = "PostgreSQL: " + connection_.error();
    switch (status) {
        case PgStatus::kRefused:
            return meaning_of(connection_.sql_state());
        case PgStatus::kAway:
            return StoreStatus::kAway;
        default:
            return StoreStatus::kUnknown;
    }
}

/// First look at a database: its clock, its standbys, its numbers.
StoreStatus PostgresStore::meet(PgDeadline deadline) noexcept {
    PgRows rows;
    const UnixMs before_ms = options_.clock.now_ms();
    const StoreStatus status =
        judge(connection_.run(kMeet, PgValues().add(last_id_), rows, deadline));
    if (status == StoreStatus::kOk) {
        const std::int64_t ahead_ms = rows.number(0, 0) - (before_ms + options_.clock.now_ms()) / 2;
        offset_ms_ =
            options_.clock_offset_ms.value_or(std::abs(ahead_ms) < kSameClockMs ? 0 : ahead_ms);
        is_synchronous_ = rows.flag(0, 1);
    }
    return status;
}

StoreStatus PostgresStore::connect(PgDeadline deadline) noexcept {
    if (!connection_.connect(deadline)) {
        error_ = "PostgreSQL: " + connection_.error();
        return StoreStatus::kAway;
    }
    StoreStatus status = StoreStatus::kAway;
    switch (bring_up_to_date(connection_, options_.server.schema, deadline)) {
        case PostgresSchema::kKnown:
            status = meet(deadline);
            break;
        case PostgresSchema::kNewer:
            error_ = "PostgreSQL: schema \"" + options_.server.schema +
                     "\" is of a newer version of the gateway, which this one has to follow";
            status = StoreStatus::kNewer;
            break;
        case PostgresSchema::kMissing:
            error_ = "PostgreSQL: schema \"" + options_.server.schema +
                     "\" lacks tables, and they may not be made: " + connection_.error();
            status = StoreStatus::kReadOnly;
            break;
        case PostgresSchema::kForbidden:
            error_ = "PostgreSQL: schema \"" + options_.server.schema +
                     "\" may not be used: " + connection_.error();
            status = StoreStatus::kReadOnly;
            break;
        case PostgresSchema::kUnknown:
            error_ = "PostgreSQL: " + connection_.error();
            break;
    }
    if (status != StoreStatus::kOk) {
        connection_.close();
        return status == StoreStatus::kUnknown ? StoreStatus::kAway : status;
    }
    return status;
}

StoreStatus PostgresStore::prepare() noexcept {
    return connection_.is_connected()
               ? StoreStatus::kOk
               : connect(Clock::now() + std::chrono::milliseconds(options_.connect_timeout_ms));
}

StoreStatus PostgresStore::run(const char* sql, const PgValues& values, PgRows& rows,
                               std::int64_t timeout_ms) noexcept {
    const StoreStatus prepared = prepare();
    if (prepared != StoreStatus::kOk) {
        return prepared;
    }
    const PgDeadline deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
    StoreStatus status = judge(connection_.run(sql, values, rows, deadline));
    if (status == StoreStatus::kBusy) {
        // This one of two that waited in a circle gave way: it tries again.
        status = judge(connection_.run(sql, values, rows, deadline));
    }
    return status;
}

// -------------------------------------------------------------------- appending

BatchId PostgresStore::next_batch() noexcept {
    if (batch_.writer.empty() || batch_.batch >= kBatchesOfWriter) {
        batch_ = {random_name(options_.writer), 0};
    }
    return {batch_.writer, batch_.batch + 1};
}

StoreStatus PostgresStore::append(const std::vector<NewEvent>& events,
                                  std::vector<Appended>& appended) noexcept {
    const BatchId id = next_batch();
    const StoreStatus status = append_again(id, events, appended);
    batch_.batch = id.batch;
    if (status == StoreStatus::kUnknown) {
        // A new name: a batch that was under way under the old one may still arrive.
        batch_.writer.clear();
    }
    return status;
}

StoreStatus PostgresStore::append_again(const BatchId& id, const std::vector<NewEvent>& events,
                                        std::vector<Appended>& appended) noexcept {
    std::vector<DeadLetter> none;
    return write_batch(id, events, false, options_.timeout_ms, appended, none);
}

std::string PostgresStore::drain_writer(const std::string& edge,
                                        const std::string& spool_id) noexcept {
    return edge + "/" + spool_id;
}

StoreStatus PostgresStore::drain(const BatchId& id, const std::vector<NewEvent>& events,
                                 std::vector<Appended>& appended,
                                 std::vector<DeadLetter>& late) noexcept {
    return write_batch(id, events, true, options_.work_timeout_ms, appended, late);
}

StoreStatus PostgresStore::last_batch(const std::string& writer, std::int64_t& batch) noexcept {
    PgRows rows;
    const StoreStatus status =
        run(kLastBatch, PgValues().add(writer), rows, options_.work_timeout_ms);
    if (status == StoreStatus::kOk) {
        batch = rows.count() == 0 ? 0 : rows.number(0, 0);
    }
    return status;
}

PgValues PostgresStore::batch_values(const BatchId& id, const Events& events,
                                     bool is_late) const noexcept {
    PgValues values;
    values.add(id.writer).add(id.batch).add(static_cast<std::int64_t>(options_.max_size_bytes));
    values.add(std::string_view(is_late ? "t" : "f"));
    const auto text = [&](std::string NewEvent::*member) {
        add_column(values, events,
                   [member](const NewEvent& event) { return std::string_view(event.*member); });
    };
    text(&NewEvent::server);
    text(&NewEvent::location);
    text(&NewEvent::alert_key);
    add_column(values, events,
               [](const NewEvent& event) { return severity_of(event.event_status); });
    text(&NewEvent::event_status);
    text(&NewEvent::title);
    text(&NewEvent::arguments);
    add_column(values, events,
               [this](const NewEvent& event) { return to_server(event.accepted_ms); });
    text(&NewEvent::event);
    text(&NewEvent::variables);
    values.begin();
    for (const NewEvent& event : events) {
        values.element_bytes(event.body);
    }
    values.end();
    add_column(values, events, [](const NewEvent& event) {
        return std::string_view(has_own_id(event) ? "t" : "f");
    });
    return values;
}

StoreStatus PostgresStore::write(const BatchId& id, const Events& events, bool is_late,
                                 std::int64_t timeout_ms, PgRows& rows) noexcept {
    if (!connection_.is_connected()) {
        // Connects first: times are of PostgreSQL's clock, which is only known with a connection.
        const StoreStatus status =
            options_.connects_to_append || is_late
                ? prepare()
                : refuse(StoreStatus::kAway, "PostgreSQL: there is no connection");
        if (status != StoreStatus::kOk) {
            return status;
        }
    }
    return run(kAppend, batch_values(id, events, is_late), rows, timeout_ms);
}

/// Appends, but rolls back.
StoreStatus PostgresStore::try_in_vain(const Events& events, bool& is_fit) noexcept {
    PgRows rows;
    StoreStatus status = run("BEGIN ISOLATION LEVEL READ COMMITTED", {}, rows, options_.timeout_ms);
    if (status != StoreStatus::kOk) {
        return status;
    }
    const BatchId id = {random_name(options_.writer), 1};
    const PgStatus tried =
        connection_.run(kAppend, batch_values(id, events, false), rows,
                        Clock::now() + std::chrono::milliseconds(options_.timeout_ms));
    is_fit = tried == PgStatus::kOk;
    if (tried == PgStatus::kRefused && is_unfit(connection_.sql_state())) {
        unfit_reason_ = connection_.error();
    } else if (tried != PgStatus::kOk) {
        status = judge(tried);
    }
    if (connection_.is_connected()) {
        const StoreStatus ended = run("ROLLBACK", {}, rows, options_.timeout_ms);
        status = status == StoreStatus::kOk ? ended : status;
    }
    // Nothing has been done.
    return status == StoreStatus::kUnknown ? StoreStatus::kAway : status;
}

/// Halves a part of a batch until each event that the database cannot hold stands alone.
StoreStatus PostgresStore::find_unfit(const Events& events, std::size_t first, std::size_t end,
                                      std::vector<bool>& are_unfit) noexcept {
    const auto begin = events.begin();
    bool is_fit = false;
    const StoreStatus status = try_in_vain(
        {begin + static_cast<std::ptrdiff_t>(first), begin + static_cast<std::ptrdiff_t>(end)},
        is_fit);
    if (status != StoreStatus::kOk || is_fit) {
        return status;
    }
    if (end - first == 1) {
        are_unfit[first] = true;
        return status;
    }
    const std::size_t middle = first + (end - first) / 2;
    const StoreStatus half = find_unfit(events, first, middle, are_unfit);
    return half == StoreStatus::kOk ? find_unfit(events, middle, end, are_unfit) : half;
}

/// Of a batch that the database cannot hold, the events that it can make up one.
StoreStatus PostgresStore::write_batch(const BatchId& id, const Events& events, bool is_late,
                                       std::int64_t timeout_ms, std::vector<Appended>& appended,
                                       std::vector<DeadLetter>& late) noexcept {
    appended.clear();
    late.clear();
    PgRows rows;
    StoreStatus status = write(id, events, is_late, timeout_ms, rows);
    std::vector<bool> are_unfit(events.size(), false);
    if (status == StoreStatus::kFailed && is_unfit(connection_.sql_state())) {
        status = find_unfit(events, 0, events.size(), are_unfit);
        Events fit;
        for (std::size_t i = 0; i < events.size(); i++) {
            if (!are_unfit[i]) {
                fit.push_back(events[i]);
            }
        }
        if (status == StoreStatus::kOk) {
            error_ = "PostgreSQL: " + unfit_reason_;
            status = write(id, fit, is_late, timeout_ms, rows);
        }
    }
    if (status != StoreStatus::kOk || (rows.count() == 0 && !has(are_unfit, true))) {
        return status;
    }
    int row = 0;
    for (std::size_t i = 0; i < events.size(); i++) {
        if (are_unfit[i] || row == rows.count()) {
            appended.emplace_back();
            continue;
        }
        appended.push_back({rows.number(row, 0), rows.number(row, 1), rows.flag(row, 2)});
        last_id_ = std::max(last_id_, appended.back().event_id);
        is_synchronous_ = rows.flag(row, 4);
        if (rows.flag(row, 3)) {
            late.push_back({appended.back().event_id, events[i].alert_key,
                            "it came late: a newer event of its key was delivered"});
        }
        row++;
    }
    return status;
}

StoreStatus PostgresStore::report_alone(const std::string& edge,
                                        const std::vector<PushedAlone>& pushed,
                                        std::vector<DeadLetter>& dead) noexcept {
    dead.clear();
    // Times are of PostgreSQL's clock.
    StoreStatus status = prepare();
    if (status != StoreStatus::kOk) {
        return status;
    }
    PgValues values;
    values.add(edge);
    const auto column = [&](auto get) {
        values.begin();
        for (const PushedAlone& one : pushed) {
            values.element(get(one));
        }
        values.end();
    };
    const auto text = [&](std::string NewEvent::*member) {
        column([member](const PushedAlone& one) { return std::string_view(one.event.*member); });
    };
    text(&NewEvent::server);
    text(&NewEvent::location);
    text(&NewEvent::alert_key);
    column([](const PushedAlone& one) { return severity_of(one.event.event_status); });
    text(&NewEvent::event_status);
    text(&NewEvent::title);
    text(&NewEvent::arguments);
    column([this](const PushedAlone& one) { return to_server(one.event.accepted_ms); });
    column([this](const PushedAlone& one) { return to_server(one.pushed_ms); });
    text(&NewEvent::event);
    text(&NewEvent::variables);
    column(
        [](const PushedAlone& one) { return std::string_view(has_own_id(one.event) ? "t" : "f"); });
    column([](const PushedAlone& one) { return std::string_view(one.is_certain ? "t" : "f"); });
    PgRows rows;
    status = run(kReportAlone, values, rows, options_.work_timeout_ms);
    for (int i = 0; status == StoreStatus::kOk && i < rows.count(); i++) {
        dead.push_back(
            {rows.number(i, 0), std::string(rows.text(i, 1)), std::string(rows.text(i, 2))});
    }
    return status;
}

// -------------------------------------------------------------------- finding

StoreStatus PostgresStore::targets(std::vector<std::int64_t>& target_ids) noexcept {
    PgRows rows;
    const StoreStatus status = run(kTargets, {}, rows, options_.work_timeout_ms);
    if (status == StoreStatus::kOk) {
        target_ids.clear();
        for (int i = 0; i < rows.count(); i++) {
            target_ids.push_back(rows.number(i, 0));
        }
    }
    return status;
}

StoreStatus PostgresStore::fetch(const char* sql, const PgValues& values, std::int64_t target_id,
                                 std::vector<DueEvent>& due) noexcept {
    PgRows rows;
    const StoreStatus status = run(sql, values, rows, options_.work_timeout_ms);
    for (int i = 0; status == StoreStatus::kOk && i < rows.count(); i++) {
        DueEvent event;
        event.event_id = rows.number(i, 0);
        last_id_ = std::max(last_id_, event.event_id);
        event.alert_id = rows.number(i, 1);
        event.target_id = target_id;
        event.server = rows.text(i, 2);
        event.location = rows.text(i, 3);
        event.arguments = rows.text(i, 4);
        event.alert_key = rows.text(i, 5);
        event.event_status = rows.text(i, 6);
        event.title = rows.text(i, 7);
        event.event = rows.text(i, 8);
        event.variables = rows.text(i, 9);
        event.accepted_ms = from_server(rows.number(i, 10));
        event.attempts = static_cast<std::uint32_t>(rows.number(i, 11));
        event.tried_ms = rows.number(i, 12) == 0 ? 0 : from_server(rows.number(i, 12));
        event.is_refused = rows.number(i, 13) >= kUntilYes && event.attempts > 0;
        event.term = rows.number(i, 14);
        due.push_back(std::move(event));
    }
    return status;
}

/// Values that all searches begin with.
PgValues PostgresStore::values_of(const Search& search) const noexcept {
    PgValues values;
    values.add(search.target_id).add(static_cast<std::int64_t>(search.most)).add(search.except);
    values.add(term_);
    return values;
}

StoreStatus PostgresStore::find_untried(const Search& search, const char* sql, UnixMs now_ms,
                                        std::vector<DueEvent>& due) noexcept {
    PgValues values = values_of(search);
    values.add(to_server(now_ms) - kPromotionMs);
    return fetch(sql, values, search.target_id, due);
}

StoreStatus PostgresStore::find_tried(const Search& search, std::vector<DueEvent>& due) noexcept {
    const std::size_t before = due.size();
    const auto after = [&](UnixMs tried_ms) {
        PgValues values = values_of(search);
        values.add(tried_ms == 0 ? tried_ms : to_server(tried_ms));
        return fetch(kTried, values, search.target_id, due);
    };
    const StoreStatus status = after(search.tried_after_ms);
    const bool is_over =
        status != StoreStatus::kOk || due.size() > before || search.tried_after_ms == 0;
    return is_over ? status : after(0);
}

StoreStatus PostgresStore::find_held(const Search& search, UnixMs now_ms,
                                     std::vector<DueEvent>& due, Held& held) noexcept {
    const UnixMs server_ms = to_server(now_ms);
    PgValues values = values_of(search);
    values.add(server_ms).add(server_ms + kLongestHoldMs + 1).add(kUntilBack - 1);
    StoreStatus status = fetch(kHeld, values, search.target_id, due);
    if (status != StoreStatus::kOk) {
        return status;
    }
    PgRows rows;
    values = PgValues().add(search.target_id).add(server_ms + 1).add(kUntilBack - 1);
    status = run(kLookAtHeld, values, rows, options_.work_timeout_ms);
    if (status == StoreStatus::kOk) {
        const UnixMs next_ms = rows.number(0, 0);
        held.next_ms =
            next_ms == 0 ? 0 : from_server(std::min(next_ms, server_ms + kLongestHoldMs));
        held.has_refused = rows.flag(0, 1);
    }
    return status;
}

StoreStatus PostgresStore::find(const Search& search, UnixMs now_ms, std::vector<DueEvent>& due,
                                Held& held) noexcept {
    const std::size_t before = due.size();
    const auto or_else = [&](StoreStatus status, auto find_other) {
        const bool is_in_vain =
            search.or_else && status == StoreStatus::kOk && due.size() == before;
        return is_in_vain ? find_other() : status;
    };
    const auto tried = [&] { return find_tried(search, due); };
    const auto newest = [&] { return find_untried(search, kNewest, now_ms, due); };
    PgValues values = values_of(search);
    StoreStatus status = StoreStatus::kOk;
    switch (search.kind) {
        case Search::Kind::kDue:
            return find_untried(search, kDue, now_ms, due);
        case Search::Kind::kWorst:
            return or_else(find_untried(search, kWorst, now_ms, due), tried);
        case Search::Kind::kNewest:
            return or_else(newest(), tried);
        case Search::Kind::kTried:
            return or_else(tried(), newest);
        case Search::Kind::kHeld:
            status = find_held(search, now_ms, due, held);
            break;
        case Search::Kind::kRefused:
            values.add(kUntilYes + to_server(search.until_ms));
            return fetch(kRefused, values, search.target_id, due);
        case Search::Kind::kKeys:
            return fetch(kKeys, values.add(search.keys), search.target_id, due);
        case Search::Kind::kNext:
            values.add(search.keys).add(search.after_event_id);
            return fetch(kNext, values, search.target_id, due);
    }
    if (status != StoreStatus::kOk) {
        due.resize(before);
    }
    return status;
}

// -------------------------------------------------------------------- settling

StoreStatus PostgresStore::settle(const std::vector<Settlement>& settlements) noexcept {
    PgValues values;
    values.add(term_).add(dead_bytes()).add(kUntilRoomMs);
    const auto column = [&](auto get) {
        values.begin();
        for (const Settlement& settlement : settlements) {
            values.element(get(settlement));
        }
        values.end();
    };
    column([](const Settlement& one) { return one.event_id; });
    column([](const Settlement& one) {
        return static_cast<std::int64_t>(std::min(one.fate, Fate::kRefused));
    });
    column([this](const Settlement& one) { return to_server(one.settled_ms); });
    column([this](const Settlement& one) {
        return one.due_ms == 0 ? one.due_ms : to_server(one.due_ms);
    });
    column([](const Settlement& one) { return std::string_view(one.reason); });
    column([](const Settlement& one) { return static_cast<std::int64_t>(one.http_status); });
    PgRows rows;
    const StoreStatus status = run(kSettle, values, rows, options_.work_timeout_ms);
    postponed_.clear();
    for (int i = 0; status == StoreStatus::kOk && i < rows.count(); i++) {
        if (rows.text(i, 0) == "p") {
            postponed_.push_back(rows.number(i, 1));
        } else {
            late_.push_back(
                {rows.number(i, 1), std::string(rows.text(i, 2)), std::string(rows.text(i, 3))});
        }
    }
    return status;
}

StoreStatus PostgresStore::supersede(const std::vector<DeliveredKey>& keys) noexcept {
    PgValues values;
    values.add(term_);
    const auto column = [&](auto get) {
        values.begin();
        for (const DeliveredKey& key : keys) {
            values.element(get(key));
        }
        values.end();
    };
    column([](const DeliveredKey& key) { return std::string_view(key.server); });
    column([](const DeliveredKey& key) { return std::string_view(key.location); });
    column([](const DeliveredKey& key) { return std::string_view(key.alert_key); });
    column([this](const DeliveredKey& key) { return to_server(key.accepted_ms); });
    PgRows rows;
    return run(kSupersede, values, rows, options_.work_timeout_ms);
}

// -------------------------------------------------------------------- tending

StoreStatus PostgresStore::forget(UnixMs now_ms, bool& has_more) noexcept {
    if (now_ms >= forgot_ms_ && now_ms < forgot_ms_ + kForgetMs) {
        return StoreStatus::kOk;
    }
    const UnixMs server_ms = to_server(now_ms);
    PgValues values;
    values.add(term_);
    values.add(server_ms - options_.max_age_ms - options_.dead_age_ms);
    values.add(server_ms - options_.remember_ms).add(kForgetStep);
    PgRows rows;
    const StoreStatus status = run(kForget, values, rows, options_.work_timeout_ms);
    if (status == StoreStatus::kOk) {
        if (rows.number(0, 1) != 0) {
            notice_ = "PostgreSQL: " + std::to_string(rows.number(0, 1)) +
                      " of the oldest events are of no key and never leave: somebody has changed"
                      " the tables by hand";
        }
        has_more = has_more || rows.flag(0, 0);
        forgot_ms_ = rows.flag(0, 0) ? 0 : now_ms;
    }
    return status;
}

StoreStatus PostgresStore::expire(UnixMs now_ms, const std::vector<std::int64_t>& busy,
                                  Tended& tended) noexcept {
    tended = {};
    PgValues values;
    values.add(term_).add(to_server(now_ms)).add(busy).add(options_.max_age_ms);
    values.add(options_.dead_age_ms).add(dead_bytes());
    values.add("not delivered within " + duration(options_.max_age_ms));
    values.add("dead for " + duration(options_.dead_age_ms));
    values.add(std::string_view("dead letters take more than half of max_size")).add(kStep);
    PgRows rows;
    const StoreStatus status = run(kTend, values, rows, options_.work_timeout_ms);
    for (int i = 0; status == StoreStatus::kOk && i < rows.count(); i++) {
        const std::string_view kind = rows.text(i, 0);
        const std::int64_t target_id = rows.number(i, 2);
        DeadLetter letter = {rows.number(i, 1), std::string(rows.text(i, 3)),
                             std::string(rows.text(i, 4))};
        if (kind == "d") {
            tended.dead.push_back(std::move(letter));
        } else if (kind == "x") {
            tended.deleted.push_back(std::move(letter));
        } else if (kind == "m") {
            tended.has_more = true;
        } else {
            (kind == "s" ? tended.repaired : tended.requeued)++;
            std::vector<std::int64_t>& targets = tended.requeued_targets;
            if (std::find(targets.begin(), targets.end(), target_id) == targets.end()) {
                targets.push_back(target_id);
            }
        }
    }
    return status == StoreStatus::kOk ? forget(now_ms, tended.has_more) : status;
}

StoreStatus PostgresStore::size(StoreSize& size) noexcept {
    PgRows rows;
    const StoreStatus status = run(kSize, {}, rows, options_.work_timeout_ms);
    if (status == StoreStatus::kOk) {
        const UnixMs oldest_ms = rows.number(0, 3);
        size = {};
        size.waiting = static_cast<std::uint64_t>(rows.number(0, 0));
        size.used_bytes = static_cast<std::uint64_t>(rows.number(0, 1));
        size.dead = static_cast<std::uint64_t>(rows.number(0, 2));
        size.oldest_ms = oldest_ms == 0 ? 0 : from_server(oldest_ms);
    }
    return status;
}

}  // namespace flashduty
