/* A SQLite that says it is older than it is; preloaded into nginx. */

const char *sqlite3_libversion(void);
int sqlite3_libversion_number(void);

const char *sqlite3_libversion(void) { return "3.23.1"; }

int sqlite3_libversion_number(void) { return 3023001; }
