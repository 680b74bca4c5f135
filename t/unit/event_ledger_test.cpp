// Ledger of the SQLite store.
#include "event_ledger_tests.hpp"
#include "sqlite_place.hpp"

int main() { return run("event_ledger", EventLedgerTests<SqlitePlace>::all()); }
