// PostgreSQL's client library, as far as this folder uses it, loaded when first asked for: without
// a fleet none is needed, neither to build nor to run.
#pragma once

#include <cstddef>
#include <string>

namespace flashduty {

/// libpq's PGconn and PGresult.
struct PqConnection;
struct PqResult;

/// Results of libpq's functions, by their values there: they are part of its ABI.
enum class PqStatus : int { kOk = 0, kBad = 1 };
enum class PqPolling : int { kFailed = 0, kReading = 1, kWriting = 2, kOk = 3 };
enum class PqOutcome : int { kCommandOk = 1, kTuplesOk = 2 };
inline constexpr int kPqSqlState = 'C';
inline constexpr int kPqPrimaryMessage = 'M';
inline constexpr int kPqSeverity = 'V';

/// Option of a connection, as PQconninfoParse() gives them: an array that ends with a nullptr for
/// the keyword.
struct PqOption {
    char* keyword;
    char* envvar;
    char* compiled;
    char* value;
    char* label;
    char* dispchar;
    int dispsize;
};

/// PGnotify: a message that was sent by NOTIFY.
struct PqNotification {
    char* channel;
    int sender;
    char* payload;
};

/// libpq's functions by their names there.
struct Libpq {
    int (*PQlibVersion)();
    void (*PQinitOpenSSL)(int do_ssl, int do_crypto);
    PqOption* (*PQconninfoParse)(const char* conninfo, char** error);
    void (*PQconninfoFree)(PqOption* options);
    void (*PQfreemem)(void* memory);

    PqConnection* (*PQconnectStartParams)(const char* const* keywords, const char* const* values,
                                          int expand_dbname);
    PqPolling (*PQconnectPoll)(PqConnection* connection);
    PqStatus (*PQstatus)(const PqConnection* connection);
    void (*PQfinish)(PqConnection* connection);
    int (*PQsocket)(const PqConnection* connection);
    char* (*PQerrorMessage)(const PqConnection* connection);
    char* (*PQhost)(const PqConnection* connection);
    int (*PQserverVersion)(const PqConnection* connection);
    int (*PQbackendPID)(const PqConnection* connection);
    int (*PQsetnonblocking)(PqConnection* connection, int is_nonblocking);
    void (*(*PQsetNoticeReceiver)(PqConnection* connection,
                                  void (*receive)(void* self, const PqResult* notice),
                                  void* self))(void*, const PqResult*);

    int (*PQsendQueryParams)(PqConnection* connection, const char* command, int count,
                             const unsigned* types, const char* const* values, const int* lengths,
                             const int* formats, int result_format);
    int (*PQsendQuery)(PqConnection* connection, const char* command);
    int (*PQflush)(PqConnection* connection);
    int (*PQconsumeInput)(PqConnection* connection);
    int (*PQisBusy)(PqConnection* connection);
    PqResult* (*PQgetResult)(PqConnection* connection);
    PqNotification* (*PQnotifies)(PqConnection* connection);

    PqOutcome (*PQresultStatus)(const PqResult* result);
    char* (*PQresultErrorField)(const PqResult* result, int field);
    void (*PQclear)(PqResult* result);
    int (*PQntuples)(const PqResult* result);
    int (*PQnfields)(const PqResult* result);
    char* (*PQgetvalue)(const PqResult* result, int row, int column);
    int (*PQgetlength)(const PqResult* result, int row, int column);
    int (*PQgetisnull)(const PqResult* result, int row, int column);
};

/// Loads the library at its first call, and never unloads it. nullptr when that fails; `error` then
/// gets a sentence. Not to be called in a process that forks workers: they would share its state.
[[nodiscard]] const Libpq* load_libpq(std::string& error) noexcept;

/// True when that library calls another OpenSSL than it was made for: an nginx with an OpenSSL
/// inside shows its own to all libraries. No TLS may be used then. Loads the library.
[[nodiscard]] bool has_foreign_openssl() noexcept;

}  // namespace flashduty
