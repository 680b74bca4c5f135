// Ledger of a fleet's store.
#include "event_ledger_tests.hpp"
#include "postgres_place.hpp"

int main() {
    return has_postgres("postgres_ledger")
               ? run("postgres_ledger", EventLedgerTests<PostgresPlace>::all())
               : 0;
}
