// Connection strings as PostgreSQL reads them.
#include "conninfo.hpp"

#include "support.hpp"

using flashduty::Conninfo;

namespace {

struct ValueRow {
    const char* says;
    const char* text;
    const char* keyword;
    const char* value;
};

const std::vector<ValueRow> kValues = {
    {"a pair", "host=db1", "host", "db1"},
    {"one of several", "host=db1 dbname=a user=b", "dbname", "a"},
    {"the last of two", "host=db1 host=db2", "host", "db2"},
    {"spaces around the sign", " host = db1 ", "host", "db1"},
    {"quotes", "dbname='my db' host=db1", "dbname", "my db"},
    {"escapes in quotes", R"(dbname='it\'s' host=db1)", "dbname", "it's"},
    {"escapes without", R"(dbname=my\ db)", "dbname", "my db"},
    {"an empty value takes the next word", "dbname= host=db1", "dbname", "host=db1"},
    {"quotes without anything", "password='' host=db1", "host", "db1"},
    {"a uri's host", "postgresql://db1/name", "host", "db1"},
    {"its hosts", "postgres://db1:1,db2:2/name", "host", "db1,db2"},
    {"its ports", "postgres://db1:1,db2:2/name", "port", "1,2"},
    {"its user", "postgresql://gateway@db1/name", "user", "gateway"},
    {"its password", "postgresql://gateway:pa%40ss@db1/name", "password", "pa@ss"},
    {"its database", "postgresql://gateway@db1/name?sslmode=disable", "dbname", "name"},
    {"its parameters", "postgresql://db1?a=b&sslmode=verify%2dfull", "sslmode", "verify-full"},
    {"an address", "postgresql://[::1]:5432/name", "host", "::1"},
    {"its port", "postgresql://[::1]:5432/name", "port", "5432"},
    {"an escaped socket", "postgresql://%2Fvar%2Frun/name", "host", "/var/run"},
};

void check_value(void** state) {
    const auto& row = row_of<ValueRow>(state);
    Conninfo conninfo;
    assert_true(conninfo.read(row.text));
    assert_text(conninfo.value(row.keyword), row.value);
}

struct TextRow {
    const char* says;
    const char* text;
};

const std::vector<TextRow> kBad = {
    {"no pair", "db1"},
    {"no sign", "host db1"},
    {"no keyword", "=db1"},
    {"a quote without an end", "host='db1"},
    {"a uri's parameter without a value", "postgresql://db1/name?sslmode"},
};

void check_bad(void** state) {
    Conninfo conninfo;
    assert_false(conninfo.read(row_of<TextRow>(state).text));
    assert_true(!conninfo.reason().empty());
}

const std::vector<TextRow> kLocal = {
    {"nothing", "dbname=a"},
    {"a socket's folder", "host=/run/postgresql"},
    {"an abstract socket", "host=@flashduty"},
    {"localhost", "host=localhost"},
    {"loopback addresses", "host=127.0.0.1,::1 hostaddr=127.0.0.2"},
};

void check_local(void** state) {
    Conninfo conninfo;
    assert_true(conninfo.read(row_of<TextRow>(state).text) && conninfo.is_local());
}

const std::vector<TextRow> kRemote = {
    {"a name", "host=db1"},
    {"an address", "hostaddr=10.0.0.1"},
    {"one of two", "host=localhost,db1"},
    {"behind a socket", "host=/run hostaddr=10.0.0.1"},
};

void check_remote(void** state) {
    Conninfo conninfo;
    assert_true(conninfo.read(row_of<TextRow>(state).text) && !conninfo.is_local());
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests;
    add_rows(tests, kValues, check_value);
    add_rows(tests, kBad, check_bad);
    add_rows(tests, kLocal, check_local);
    add_rows(tests, kRemote, check_remote);
    return run("conninfo", tests);
}
