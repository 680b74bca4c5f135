#include "libpq.hpp"

#include <dlfcn.h>

namespace flashduty {

namespace {

/// Oldest library that still got fixes from PostgreSQL when the first fleet ran.
constexpr int kLeastVersion = 130000;

struct Loaded {
    Libpq functions{};
    std::string error;
};

template <class Function>
void find(void* library, const char* name, Function& function, std::string& error) noexcept {
    // POSIX gives a function's address as one of data.
    function = reinterpret_cast<Function>(::dlsym(library, name));
    if (function == nullptr && error.empty()) {
        error = std::string("libpq.so.5 has no ") + name;
    }
}

void find_all(void* library, Libpq& pq, std::string& error) noexcept {
#define FLASHDUTY_FIND(name) find(library, #name, pq.name, error)
    FLASHDUTY_FIND(PQlibVersion);
    FLASHDUTY_FIND(PQinitOpenSSL);
    FLASHDUTY_FIND(PQconninfoParse);
    FLASHDUTY_FIND(PQconninfoFree);
    FLASHDUTY_FIND(PQfreemem);
    FLASHDUTY_FIND(PQconnectStartParams);
    FLASHDUTY_FIND(PQconnectPoll);
    FLASHDUTY_FIND(PQstatus);
    FLASHDUTY_FIND(PQfinish);
    FLASHDUTY_FIND(PQsocket);
    FLASHDUTY_FIND(PQerrorMessage);
    FLASHDUTY_FIND(PQhost);
    FLASHDUTY_FIND(PQserverVersion);
    FLASHDUTY_FIND(PQbackendPID);
    FLASHDUTY_FIND(PQsetnonblocking);
    FLASHDUTY_FIND(PQsetNoticeReceiver);
    FLASHDUTY_FIND(PQsendQueryParams);
    FLASHDUTY_FIND(PQsendQuery);
    FLASHDUTY_FIND(PQflush);
    FLASHDUTY_FIND(PQconsumeInput);
    FLASHDUTY_FIND(PQisBusy);
    FLASHDUTY_FIND(PQgetResult);
    FLASHDUTY_FIND(PQnotifies);
    FLASHDUTY_FIND(PQresultStatus);
    FLASHDUTY_FIND(PQresultErrorField);
    FLASHDUTY_FIND(PQclear);
    FLASHDUTY_FIND(PQntuples);
    FLASHDUTY_FIND(PQnfields);
    FLASHDUTY_FIND(PQgetvalue);
    FLASHDUTY_FIND(PQgetlength);
    FLASHDUTY_FIND(PQgetisnull);
#undef FLASHDUTY_FIND
}

Loaded* load() noexcept {
    auto* loaded = new Loaded;
    void* library = ::dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        const char* reason = ::dlerror();
        loaded->error = std::string("libpq.so.5 cannot be loaded: ") +
                        (reason == nullptr ? "no reason given" : reason) +
                        ", install Debian's libpq5 or PostgreSQL's libpq";
        return loaded;
    }
    find_all(library, loaded->functions, loaded->error);
    if (loaded->error.empty() && loaded->functions.PQlibVersion() < kLeastVersion) {
        loaded->error = "libpq.so.5 is older than that of PostgreSQL 13";
    }
    if (loaded->error.empty()) {
        // No OpenSSL set-up by libpq: nginx has done it already.
        loaded->functions.PQinitOpenSSL(0, 0);
    }
    return loaded;
}

}  // namespace

const Libpq* load_libpq(std::string& error) noexcept {
    static const Loaded* const loaded = load();
    if (!loaded->error.empty()) {
        error = loaded->error;
        return nullptr;
    }
    return &loaded->functions;
}

bool has_foreign_openssl() noexcept {
    constexpr char kFunction[] = "SSL_CTX_new";
    void* library = ::dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        return false;
    }
    // A library's calls go to what all libraries see, and only then to its own dependencies.
    const void* called = ::dlsym(RTLD_DEFAULT, kFunction);
    const void* own = ::dlsym(library, kFunction);
    return called != nullptr && own != nullptr && called != own;
}

}  // namespace flashduty
