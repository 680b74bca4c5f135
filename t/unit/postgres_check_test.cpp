// Databases that a fleet may and may not use, and the script that makes one.
#include "postgres_check.hpp"

#include <cstdlib>
#include <fstream>

#include "postgres_place.hpp"

using flashduty::check_database;
using flashduty::DatabaseCheck;
using flashduty::DatabaseFitness;
using flashduty::PgOptions;

namespace {

PostgresServer& server() { return PostgresServer::instance(); }

DatabaseCheck check(const std::string& more, const std::string& schema = PostgresPlace::kSchema) {
    PgOptions options;
    options.conninfo = server().conninfo() + " " + more;
    options.schema = schema;
    return check_database(options, std::chrono::steady_clock::now() + std::chrono::seconds(60));
}

void assert_fit(const DatabaseCheck& check) {
    assert_text(check.reason, "");
    assert_true(check.fitness == DatabaseFitness::kFit);
}

void assert_unfit(const DatabaseCheck& check, const std::string& reason) {
    if (check.reason.find(reason) == std::string::npos) {
        assert_text(check.reason, reason);
    }
    assert_true(check.fitness == DatabaseFitness::kUnfit);
}

void one_with_everything_is_fit_and_left_as_it_was(void**) {
    PostgresPlace place;
    assert_fit(check(""));
    assert_fit(check(""));
    assert_false(check("").is_synchronous);
    assert_text(place.run(PostgresPlace::kLeft), "0|0|0|0|0|0");
    assert_text(place.run("SELECT count(*) FROM target"), "0");
}

void one_that_is_away_is_not_unfit(void**) {
    for (const char* more : {"host=/nowhere", "dbname=nothing", "user=nobody_of_that_name"}) {
        const DatabaseCheck found = check(more);
        assert_true(found.fitness == DatabaseFitness::kAway);
        assert_true(!found.reason.empty());
    }
}

void one_whose_term_ends_meanwhile_or_that_only_reads_is_tried_again(void**) {
    PostgresPlace place;
    assert_fit(check(""));
    for (const char* state : {"FD002", "40001", "53100", "25006"}) {
        assert_text(place.run("CREATE OR REPLACE FUNCTION passes() RETURNS trigger LANGUAGE plpgsql"
                              " AS 'BEGIN RAISE EXCEPTION ''it passes'' USING ERRCODE = ''" +
                              std::string(state) +
                              "''; END'; CREATE TRIGGER passes BEFORE INSERT ON event"
                              " FOR EACH ROW EXECUTE FUNCTION passes()"),
                    "");
        const DatabaseCheck found = check("");
        assert_true(found.fitness == DatabaseFitness::kAway);
        assert_true(found.reason.find("it passes") != std::string::npos);
        assert_text(place.run("DROP TRIGGER passes ON event"), "");
    }
    assert_fit(check(""));
}

void one_in_another_encoding_is_unfit(void**) {
    (void)server().run("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    assert_unfit(check("dbname=latin"), "ENCODING 'UTF8' TEMPLATE template0");
}

void one_of_a_newer_gateway_is_unfit(void**) {
    PostgresPlace place;
    assert_fit(check(""));
    assert_text(place.run("UPDATE meta SET value = 2 WHERE name = 'oldest_user'"), "");
    assert_unfit(check(""), "is of a newer version of the gateway: upgrade this one");
    assert_text(place.run("UPDATE meta SET value = 1 WHERE name = 'oldest_user'"), "");
}

void one_whose_role_may_not_make_tables_says_what_to_run(void**) {
    PostgresPlace place;
    assert_fit(check(""));
    assert_text(server().run("CREATE ROLE guest LOGIN"), "");
    assert_unfit(check("user=guest", "other"),
                 "permission denied for database postgres; run conf.example/fleet.sql");
    assert_unfit(check("user=guest"), "role \"guest\" may not use schema \"place\"");
    assert_text(server().run("GRANT USAGE ON SCHEMA place TO guest;"
                             "GRANT ALL ON ALL TABLES IN SCHEMA place TO guest"),
                "");
    assert_unfit(check("user=guest"),
                 "role \"guest\" lacks rights in schema \"place\": alert_alert_id_seq");
    assert_text(server().run("DROP OWNED BY guest; DROP ROLE guest"), "");
}

void one_that_does_not_do_what_it_should_is_not_postgresql_enough(void**) {
    PostgresPlace place;
    assert_fit(check(""));
    assert_text(place.run("ALTER TABLE event DISABLE TRIGGER event_goes"), "");
    assert_unfit(check(""), "it is not PostgreSQL enough (PostgreSQL 1");
    assert_text(place.run("ALTER TABLE event ENABLE TRIGGER event_goes"), "");
    assert_fit(check(""));
}

// ---------------------------------------------------------------- the script

constexpr char kBegin[] = "-- Tables: written by the gateway's tests, do not edit.\n";
constexpr char kEnd[] = "-- End of the tables.\n";

/// The script with the tables that the code makes.
std::string script_of_the_code(const std::string& script) {
    const std::size_t begin = script.find(kBegin) + sizeof(kBegin) - 1;
    return script.substr(0, begin) + flashduty::postgres_schema_sql() +
           script.substr(script.find(kEnd));
}

void the_script_makes_the_tables_that_the_code_makes(void**) {
    const std::string script = read_file("conf.example/fleet.sql");
    if (std::getenv("FLEET_SQL_UPDATE") != nullptr) {
        std::ofstream(SOURCE_DIR "/conf.example/fleet.sql") << script_of_the_code(script);
        return;
    }
    // Write it anew: FLEET_SQL_UPDATE=1 build/unit/postgres_check_test
    assert_true(script == script_of_the_code(script));
}

int psql(const std::string& database) {
    const std::string command = postgres_folder() + "/psql -qX -1 '" + server().conninfo() +
                                " dbname=" + database +
                                "' -f " SOURCE_DIR "/conf.example/fleet.sql >/dev/null";
    return std::system(command.c_str());
}

void the_script_gives_the_gateways_role_what_it_needs_and_no_more(void**) {
    assert_text(server().run("CREATE DATABASE scripted ENCODING 'UTF8' TEMPLATE template0"), "");
    assert_int_equal(psql("scripted"), 0);
    assert_fit(check("dbname=scripted user=gateway", "flashduty"));
    // Run again it only gives rights.
    flashduty::PgOptions options;
    options.conninfo = server().conninfo() + " dbname=scripted";
    options.schema = "flashduty";
    flashduty::PgConnection owner(options);
    flashduty::PgRows rows;
    const auto soon = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    assert_true(owner.connect(soon));
    assert_true(owner.run("REVOKE UPDATE ON edge FROM gateway", {}, rows, soon) ==
                flashduty::PgStatus::kOk);
    assert_unfit(check("dbname=scripted user=gateway", "flashduty"),
                 "role \"gateway\" lacks rights in schema \"flashduty\": edge; run");
    assert_int_equal(psql("scripted"), 0);
    assert_fit(check("dbname=scripted user=gateway", "flashduty"));
    options.conninfo += " user=gateway";
    flashduty::PgConnection gateway(options);
    assert_true(gateway.connect(soon));
    for (const char* sql : {"CREATE TABLE flashduty.mine ()", "DROP TABLE event",
                            "ALTER TABLE event ADD COLUMN x integer", "TRUNCATE event"}) {
        assert_true(gateway.run(sql, {}, rows, soon) == flashduty::PgStatus::kRefused);
    }
    // A fleet lives on it.
    flashduty::PostgresStoreOptions store_options = PostgresPlace().options();
    store_options.server = options;
    flashduty::PostgresStore store(store_options);
    append(store, {new_event("a")});
    deliver(store, due_of(store, "a"));
    (void)expire(store, kNow);
    assert_int_equal(size_of(store).waiting, 0);
    std::vector<flashduty::ListedTarget> targets;
    assert_status(store.ledger()->list_targets(targets), kOk);
    assert_int_equal(targets.size(), 1);
}

// ---------------------------------------------------------------- a pooler

/// pgbouncer in transaction mode before the server of the tests; false where there is none.
class Pooler {
  public:
    Pooler() {
        std::ofstream(folder_.path() + "/ini")
            << "[databases]\npostgres = " << server().conninfo()
            << "\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = " << folder_.path()
            << "\nlisten_port = 6432\npool_mode = transaction\nauth_type = any\n"
               "ignore_startup_parameters = extra_float_digits\nlogfile = "
            << folder_.path() << "/log\n";
        std::filesystem::permissions(folder_.path(), std::filesystem::perms::all);
        process_ = ::fork();
        if (process_ == 0) {
            const struct passwd* nobody = ::getpwnam("nobody");
            if (::geteuid() == 0 && (nobody == nullptr || ::setuid(nobody->pw_uid) != 0)) {
                ::_exit(126);
            }
            ::prctl(PR_SET_PDEATHSIG, SIGINT);
            ::execl("/usr/sbin/pgbouncer", "pgbouncer", "-q", (folder_.path() + "/ini").c_str(),
                    nullptr);
            ::_exit(127);
        }
    }
    ~Pooler() {
        ::kill(process_, SIGINT);
        ::waitpid(process_, nullptr, 0);
    }
    Pooler(const Pooler&) = delete;
    Pooler& operator=(const Pooler&) = delete;

    [[nodiscard]] std::string conninfo() const { return "host=" + folder_.path() + " port=6432"; }

  private:
    TempFolder folder_;
    pid_t process_ = 0;
};

void one_behind_a_pooler_in_transaction_mode_is_unfit(void**) {
    if (::access("/usr/sbin/pgbouncer", X_OK) != 0) {
        print_message("# not tried: pgbouncer is not installed\n");
        return;
    }
    PostgresPlace place;
    assert_fit(check(""));
    Pooler pooler;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    DatabaseCheck found = check(pooler.conninfo());
    while (found.fitness == DatabaseFitness::kAway && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        found = check(pooler.conninfo());
    }
    assert_unfit(found, "a pooler in transaction mode");
}

}  // namespace

int main() {
    if (!has_postgres("postgres_check")) {
        return 0;
    }
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(one_with_everything_is_fit_and_left_as_it_was),
        cmocka_unit_test(one_that_is_away_is_not_unfit),
        cmocka_unit_test(one_whose_term_ends_meanwhile_or_that_only_reads_is_tried_again),
        cmocka_unit_test(one_in_another_encoding_is_unfit),
        cmocka_unit_test(one_of_a_newer_gateway_is_unfit),
        cmocka_unit_test(one_whose_role_may_not_make_tables_says_what_to_run),
        cmocka_unit_test(one_that_does_not_do_what_it_should_is_not_postgresql_enough),
        cmocka_unit_test(the_script_makes_the_tables_that_the_code_makes),
        cmocka_unit_test(the_script_gives_the_gateways_role_what_it_needs_and_no_more),
        cmocka_unit_test(one_behind_a_pooler_in_transaction_mode_is_unfit),
    };
    return run("postgres_check", tests);
}
