// Cost of asking for and settling events in a fleet's store, by how many wait: in batches of 64
// keys, and one by one of a key with very many events. Starts a PostgreSQL of its own, with fsync,
// or uses the one of the conninfo that it is given, whose schema "bench" it empties.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "../unit/postgres_support.hpp"
#include "postgres_store.hpp"

using flashduty::DueEvent;
using flashduty::Fate;
using flashduty::Held;
using flashduty::PostgresStore;
using flashduty::PostgresStoreOptions;
using flashduty::Search;
using flashduty::Settlement;
using flashduty::StoreStatus;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kBatch = 64;
constexpr int kRounds = 150;
constexpr int kSingleRounds = 200;
constexpr std::int64_t kFew = 1'000;
constexpr int kFewRounds = 6;  ///< of the 500 keys
constexpr int kRefills = 12;

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::exit(1);
}

/// A store with its schema, and statements past it.
class Bench {
  public:
    explicit Bench(const std::string& conninfo) : store_(options(conninfo)), shell_(server_) {
        flashduty::StoreSize size;
        if (store_.size(size) != StoreStatus::kOk ||
            !shell_.connect(Clock::now() + std::chrono::seconds(30))) {
            fail(std::string(store_.error()) + shell_.error());
        }
    }

    void run(const std::string& sql) {
        flashduty::PgRows rows;
        if (shell_.script(sql.c_str(), rows, Clock::now() + std::chrono::minutes(10)) !=
            flashduty::PgStatus::kOk) {
            fail(shell_.error() + " in " + sql);
        }
    }

    /// Two events of each key, and one key that has `deep` of them.
    void fill(std::int64_t events, std::int64_t deep) {
        const std::string keys = std::to_string(events / 2), many = std::to_string(deep);
        // Past the look-up of each event's alert, which is there.
        run("SET session_replication_role = replica;"
            " TRUNCATE target, writer, writer_sum, counter, alert, event, dead, attempt, "
            "superseded,"
            " last_delivered, repair RESTART IDENTITY;"
            " INSERT INTO target (server, location) VALUES ('*:80 gateway', '/flashduty'),"
            " ('*:80 gateway', '/deep');"
            " INSERT INTO alert (target_id, alert_key, warning, first_id, since_ms)"
            " SELECT 1, 'key ' || g, 2, 2 * g, now_ms() - 500000 + g / 10"
            " FROM generate_series(1, " +
            keys +
            ") g;"
            " INSERT INTO alert (target_id, alert_key, warning, first_id, since_ms)"
            " VALUES (2, 'deep', " +
            many + ", 4000000, now_ms() - 500000);");
        const std::string columns =
            "INSERT INTO event (event_id, alert_id, term, severity, status, title, arguments,"
            " accepted_ms, arrived_ms, bytes, event, variables, body) SELECT ";
        const std::string rest =
            ", 1, 1, 'Warning', 'CPU is high', '', now_ms() - 500000, now_ms() - 500000, 4096,"
            " repeat('{\"title_rule\":\"CPU is high\"}', 12), '{\"type\":\"x\"}',"
            " repeat('x', 400)::bytea ";
        run(columns + "2 * g + n, g" + rest + "FROM generate_series(1, " + keys +
            ") g, generate_series(0, 1) n");
        run(columns + "4000000 + g, (SELECT alert_id FROM alert WHERE alert_key = 'deep')" + rest +
            "FROM generate_series(0, " + many + " - 1) g");
        run("INSERT INTO counter (target_id, events, bytes) SELECT target_id, count(*), sum(bytes)"
            " FROM event JOIN alert USING (alert_id) GROUP BY 1");
        run("VACUUM ANALYZE alert");
        run("VACUUM ANALYZE event");
        // Filled-in events are not written out while there is measured.
        run("CHECKPOINT");
    }

    /// Microseconds for each event that is found and settled.
    double measure(std::int64_t target_id, std::int64_t most, int rounds) {
        (void)settle_some(target_id, most, rounds / 5);
        const auto began = Clock::now();
        const std::int64_t events = settle_some(target_id, most, rounds);
        const std::chrono::duration<double, std::micro> took = Clock::now() - began;
        return took.count() / static_cast<double>(events);
    }

  private:
    PostgresStoreOptions options(const std::string& conninfo) {
        server_.conninfo = conninfo;
        server_.schema = "bench";
        PostgresStoreOptions options;
        options.server = server_;
        options.timeout_ms = options.work_timeout_ms = 60'000;
        return options;
    }

    std::int64_t settle_some(std::int64_t target_id, std::int64_t most, int rounds) {
        std::int64_t settled = 0;
        Search search;
        search.target_id = target_id;
        search.most = static_cast<std::size_t>(most);
        for (int i = 0; i < rounds; i++) {
            std::vector<DueEvent> due;
            Held held;
            std::vector<Settlement> settlements;
            if (store_.find(search, store_.now_ms(), due, held) != StoreStatus::kOk) {
                fail(std::string(store_.error()));
            }
            for (const DueEvent& event : due) {
                settlements.push_back({event.event_id, event.alert_id, Fate::kDelivered,
                                       store_.now_ms(), 0, "", 200});
            }
            if (due.empty() || store_.settle(settlements) != StoreStatus::kOk) {
                fail("nothing is due, or not settled: " + std::string(store_.error()));
            }
            settled += static_cast<std::int64_t>(settlements.size());
        }
        return settled;
    }

    flashduty::PgOptions server_;
    PostgresStore store_;
    flashduty::PgConnection shell_;
};

}  // namespace

int main(int argc, char** argv) {
    ::setenv("TEST_POSTGRES_OPTIONS", "fsync=on shared_buffers=256MB max_wal_size=4GB", 0);
    const std::string conninfo = argc > 1 ? argv[1] : PostgresServer::instance().conninfo();
    Bench bench(conninfo);
    double first_keys = 0, first_deep = 0;
    std::printf("%10s %10s %22s %22s\n", "waiting", "deep key", "64 keys a batch",
                "one of deep key");
    const auto print = [&](std::int64_t events, std::int64_t deep, double keys, double of_deep) {
        first_keys = first_keys == 0 ? keys : first_keys;
        first_deep = first_deep == 0 ? of_deep : first_deep;
        std::printf("%10" PRId64 " %10" PRId64 " %8.0f us %6.2f x   %8.0f us %6.2f x   %6.0f/s\n",
                    events, deep, keys, keys / first_keys, of_deep, of_deep / first_deep,
                    1e6 / keys);
        std::fflush(stdout);
    };
    // A few hundred leave at a time, and are put there again.
    double keys = 0, of_deep = 0;
    for (int i = 0; i < kRefills; i++) {
        bench.fill(kFew, kFew);
        keys += bench.measure(1, kBatch, kFewRounds) / kRefills;
        of_deep += bench.measure(2, 1, kSingleRounds) / kRefills;
    }
    print(kFew, kFew, keys, of_deep);
    bench.fill(1'000'000, 50'000);
    keys = bench.measure(1, kBatch, kRounds);
    print(1'000'000, 50'000, keys, bench.measure(2, 1, kSingleRounds));
    // While a snapshot is held no dead row goes.
    flashduty::PgOptions holder_options;
    holder_options.conninfo = conninfo;
    flashduty::PgConnection holder(holder_options);
    flashduty::PgRows rows;
    const auto soon = Clock::now() + std::chrono::minutes(5);
    if (!holder.connect(soon) ||
        holder.script("SET idle_in_transaction_session_timeout = 0;"
                      " BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class",
                      rows, soon) != flashduty::PgStatus::kOk) {
        fail(holder.error());
    }
    (void)bench.measure(1, kBatch, 4 * kRounds);
    const double held = bench.measure(1, kBatch, kRounds);
    std::printf("with a snapshot held over %d events: %.0f us, %.0f/s\n",
                static_cast<int>(kBatch) * kRounds * 6, held, 1e6 / held);
    return 0;
}
