// SQLite's store against the model.
#include "store_model.hpp"
#include "sqlite_place.hpp"

int main() {
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(the_store_does_what_the_model_does<SqlitePlace>),
    };
    return run("store_model", tests);
}
