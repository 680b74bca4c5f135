#include "fleet_directives.hpp"

#include <algorithm>
#include <string>

#include "../core/bearer.hpp"
#include "../core/text.hpp"
#include "../spool/conninfo.hpp"
#include "../spool/libpq.hpp"
#include "base/conf_tools.hpp"
#include "base/secret_file.hpp"
#include "request/conf.hpp"

namespace flashduty {

namespace {

/// Most bytes of a name: PostgreSQL cuts longer ones.
constexpr std::size_t kMaxNameBytes = 48;

/// Least time between two beats of a leader that the others would notice, and a limit that is no
/// typing error.
constexpr ngx_msec_t kLeastLeaseMs = 3'000;
constexpr ngx_msec_t kMostLeaseMs = 60'000;
constexpr ngx_msec_t kLeastTimeoutMs = 50;
constexpr ngx_msec_t kMostTimeoutMs = 10'000;
constexpr ngx_msec_t kLeastAloneMs = 1'000;
constexpr ngx_msec_t kMostAloneMs = 60 * 60 * 1000;

constexpr char kParameters[] =
    "edge=name, password_file=path, schema=name, timeout=time, lease=time, alone_after=time, "
    "version=text and threads=pool";

/// Copies `text` with a NUL behind it; no data when out of memory.
ngx_str_t keep(ngx_conf_t* cf, std::string_view text) noexcept {
    ngx_str_t kept = {text.size(), static_cast<u_char*>(ngx_pnalloc(cf->pool, text.size() + 1))};
    if (kept.data != nullptr) {
        *ngx_cpymem(kept.data, text.data(), text.size()) = '\0';
    }
    return kept;
}

bool is_name(std::string_view text) noexcept {
    return !text.empty() && text.size() <= kMaxNameBytes &&
           std::all_of(text.begin(), text.end(), [](char c) {
               const char lower = to_lower(c);
               return is_digit(c) || (lower >= 'a' && lower <= 'z') || c == '.' || c == '_' ||
                      c == '-';
           });
}

bool is_schema(std::string_view text) noexcept {
    return is_name(text) && !is_digit(text[0]) && std::all_of(text.begin(), text.end(), [](char c) {
               return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z');
           });
}

bool is_version(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 64 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

/// Parameter that is a text.
struct TextParameter {
    std::string_view name;
    ngx_str_t FleetConf::*member;
    bool (*is_sound)(std::string_view text) noexcept;
    const char* takes;
};

constexpr TextParameter kTexts[] = {
    {"edge=", &FleetConf::edge, is_name, "1 to 48 letters, digits and ._-"},
    {"schema=", &FleetConf::schema, is_schema, "1 to 48 small letters, digits and _"},
    {"version=", &FleetConf::version, is_version, "1 to 64 visible ASCII characters"},
};

/// Parameter that is a time.
struct TimeParameter {
    std::string_view name;
    ngx_msec_t FleetConf::*member;
    ngx_msec_t least_ms;
    ngx_msec_t most_ms;
    const char* takes;
};

constexpr TimeParameter kTimes[] = {
    {"timeout=", &FleetConf::timeout_ms, kLeastTimeoutMs, kMostTimeoutMs, "50ms to 10s"},
    {"lease=", &FleetConf::lease_ms, kLeastLeaseMs, kMostLeaseMs, "3s to 60s"},
    {"alone_after=", &FleetConf::alone_after_ms, kLeastAloneMs, kMostAloneMs, "1s to 1h"},
};

char* refuse_value(ngx_conf_t* cf, const ngx_str_t& parameter, const char* takes) noexcept {
    return refuse(cf, "invalid parameter \"%V\" of \"flashduty_fleet\": it takes %s", &parameter,
                  takes);
}

char* read_password(ngx_conf_t* cf, ngx_str_t path, FleetConf& fleet) noexcept {
    ngx_str_t text = ngx_null_string;
    if (!read_secret_file(cf, path, text)) {
        return kConfError;
    }
    std::string_view rest = to_view(text), password;
    const bool is_sound = take_secret_line(rest, password) == SecretLine::kSecret;
    fleet.password = is_sound ? keep(cf, password) : fleet.password;
    wipe(text);
    if (!is_sound) {
        return refuse(cf,
                      "the first line of \"%V\" is no password: one word of visible ASCII "
                      "characters",
                      &path);
    }
    return fleet.password.data == nullptr ? kConfError : kConfOk;
}

char* set_parameter(ngx_conf_t* cf, const ngx_str_t& parameter, FleetConf& fleet) noexcept {
    const std::string_view text = to_view(parameter);
    const auto rest_behind = [text](std::string_view name) { return text.substr(name.size()); };
    for (const TextParameter& row : kTexts) {
        if (text.substr(0, row.name.size()) == row.name) {
            if (!row.is_sound(rest_behind(row.name))) {
                return refuse_value(cf, parameter, row.takes);
            }
            fleet.*row.member = keep(cf, rest_behind(row.name));
            return (fleet.*row.member).data == nullptr ? kConfError : kConfOk;
        }
    }
    for (const TimeParameter& row : kTimes) {
        if (text.substr(0, row.name.size()) == row.name) {
            ngx_str_t value = to_ngx(rest_behind(row.name));
            const ngx_int_t time_ms = value.len == 0 ? NGX_ERROR : ngx_parse_time(&value, 0);
            if (time_ms == NGX_ERROR || static_cast<ngx_msec_t>(time_ms) < row.least_ms ||
                static_cast<ngx_msec_t>(time_ms) > row.most_ms) {
                return refuse_value(cf, parameter, row.takes);
            }
            fleet.*row.member = static_cast<ngx_msec_t>(time_ms);
            return kConfOk;
        }
    }
    constexpr std::string_view kPasswordFile = "password_file=", kThreads = "threads=";
    if (text.substr(0, kPasswordFile.size()) == kPasswordFile &&
        text.size() > kPasswordFile.size()) {
        return read_password(cf, to_ngx(rest_behind(kPasswordFile)), fleet);
    }
#if (NGX_THREADS)
    if (text.substr(0, kThreads.size()) == kThreads && text.size() > kThreads.size()) {
        ngx_str_t name = to_ngx(rest_behind(kThreads));
        fleet.threads = ngx_thread_pool_add(cf, &name);
        return fleet.threads == nullptr ? kConfError : kConfOk;
    }
#endif
    return refuse_value(cf, parameter, kParameters);
}

// ---------------------------------------------------------------- the connection string

/// Keywords with a secret, or with the name of a file that the workers would have to read.
struct Refused {
    std::string_view keyword;
    const char* why;
};

constexpr Refused kRefused[] = {
    {"password",
     "a password must not stand here, where \"nginx -T\" shows it: put it into a file "
     "and name that with password_file="},
    {"passfile",
     "the workers must not be able to read passwords: name the file with "
     "password_file="},
    {"sslpassword",
     "a password must not stand here: use a password instead of a client key, with "
     "password_file="},
    {"replication", "a fleet does not replicate"},
};

/// Modes of TLS in libpq, from the weakest.
constexpr std::string_view kModes[] = {"disable", "allow",     "prefer",
                                       "require", "verify-ca", "verify-full"};

bool verifies(std::string_view mode) noexcept { return mode.substr(0, 7) == "verify-"; }

bool uses_tls(const Conninfo& conninfo) noexcept {
    return !conninfo.is_local() && conninfo.value("sslmode") != "disable";
}

char* check_tls(ngx_conf_t* cf, const Conninfo& conninfo) noexcept {
    const std::string_view mode = conninfo.value("sslmode");
    const std::string_view authority = conninfo.value("sslrootcert");
    if (!mode.empty() &&
        std::find(std::begin(kModes), std::end(kModes), mode) == std::end(kModes)) {
        const ngx_str_t shown = to_ngx(mode);
        return refuse(cf,
                      "unknown sslmode \"%V\" in \"flashduty_fleet\": it takes disable, allow, "
                      "prefer, require, verify-ca or verify-full",
                      &shown);
    }
    if (verifies(mode) && authority.empty()) {
        return refuse(cf,
                      "sslmode=verify-full in \"flashduty_fleet\" needs sslrootcert=, the whole "
                      "path of the authority's certificate");
    }
    if (!authority.empty() && authority != "system" && authority[0] != '/') {
        const ngx_str_t shown = to_ngx(authority);
        return refuse(cf, "sslrootcert \"%V\" in \"flashduty_fleet\" is no whole path", &shown);
    }
    if (!conninfo.is_local() && mode != "verify-full") {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"flashduty_fleet\" connects to another machine without "
                           "sslmode=verify-full: who stands between can read and change alerts");
    }
    if (conninfo.has("sslkey")) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"sslkey\" in \"flashduty_fleet\" names a file that the user of the "
                           "workers has to read: a password with password_file= stays with root");
    }
    return kConfOk;
}

char* check_conninfo(ngx_conf_t* cf, const ngx_str_t& text) noexcept {
    Conninfo conninfo;
    if (text.len == 0) {
        return refuse(cf,
                      "\"flashduty_fleet\" takes where PostgreSQL is, such as \"host=db1,db2 "
                      "dbname=flashduty user=gateway sslmode=verify-full "
                      "sslrootcert=/etc/nginx/db-ca.pem\"");
    }
    if (!conninfo.read(to_view(text))) {
        return refuse(cf, "\"flashduty_fleet\": %s", conninfo.reason().c_str());
    }
    for (const Refused& row : kRefused) {
        if (conninfo.has(row.keyword)) {
            return refuse(cf, "\"flashduty_fleet\": %s", row.why);
        }
    }
    return check_tls(cf, conninfo);
}

/// Checks what only the library can tell. Runs in `nginx -t`: the master of a running nginx must
/// not load it.
bool check_library(ngx_conf_t* cf, const FleetConf& fleet) noexcept {
    std::string error;
    const Libpq* pq = load_libpq(error);
    if (pq == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "\"flashduty_fleet\": %s", error.c_str());
        return false;
    }
    char* reason = nullptr;
    PqOption* options =
        pq->PQconninfoParse(reinterpret_cast<const char*>(fleet.conninfo.data), &reason);
    if (options == nullptr) {
        // It shows no more than a keyword.
        const std::string why = reason == nullptr ? "out of memory" : reason;
        pq->PQfreemem(reason);
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "\"flashduty_fleet\": %s",
                      why.substr(0, why.find('\n')).c_str());
        return false;
    }
    pq->PQconninfoFree(options);
    Conninfo conninfo;
    if (conninfo.read(to_view(fleet.conninfo)) && uses_tls(conninfo) && has_foreign_openssl()) {
        ngx_log_error(
            NGX_LOG_EMERG, cf->log, 0,
            "\"flashduty_fleet\": libpq would use the OpenSSL inside this nginx, which is "
            "not its own: take an nginx that is linked with the system's, or a socket or "
            "sslmode=disable on a network that nobody else can reach");
        return false;
    }
    return true;
}

}  // namespace

char* set_fleet(ngx_conf_t* cf, ngx_command_t*, void* data) noexcept {
    MainConf& conf = *static_cast<MainConf*>(data);
    if (conf.fleet != nullptr) {
        return refuse(cf, "\"flashduty_fleet\" is given twice");
    }
#if !(NGX_THREADS)
    return refuse(cf, "\"flashduty_fleet\" needs an nginx that is built --with-threads");
#else
    auto* fleet = create<FleetConf>(cf);
    if (fleet == nullptr) {
        return kConfError;
    }
    char* result = check_conninfo(cf, argument(cf, 1));
    if (result != kConfOk) {
        return result;
    }
    fleet->conninfo = keep(cf, to_view(argument(cf, 1)));
    ngx_str_set(&fleet->schema, "flashduty");
    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        result = set_parameter(cf, argument(cf, i), *fleet);
        if (result != kConfOk) {
            return result;
        }
    }
    if (fleet->edge.len == 0) {
        const ngx_str_t& host = cf->cycle->hostname;
        if (!is_name(to_view(host))) {
            return refuse(cf,
                          "\"flashduty_fleet\" needs edge=name: this machine's name, \"%V\", is "
                          "none for an edge",
                          &host);
        }
        fleet->edge = keep(cf, to_view(host));
    }
    if (fleet->threads == nullptr) {
        fleet->threads = ngx_thread_pool_add(cf, nullptr);
    }
    conf.fleet = fleet;
    const bool has_memory = fleet->conninfo.data != nullptr && fleet->edge.data != nullptr;
    return has_memory && fleet->threads != nullptr ? kConfOk : kConfError;
#endif
}

bool check_fleet(ngx_conf_t* cf) noexcept {
    const MainConf& conf = main_conf(cf);
    if (conf.fleet == nullptr) {
        return true;
    }
    if (conf.spool == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"flashduty_fleet\" needs \"flashduty_spool\", which takes the alerts "
                      "while PostgreSQL is away");
        return false;
    }
    return ngx_test_config == 0 || check_library(cf, *conf.fleet);
}

}  // namespace flashduty
