#include "spool_directives.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <limits>

#include "../core/text.hpp"
#include "../spool/sqlite.hpp"
#include "base/conf_tools.hpp"
#include "request/conf.hpp"
#include "spool/line.hpp"

namespace flashduty {

namespace {

/// True when `text` begins with `name`, which is taken away.
bool take_prefix(ngx_str_t& text, std::string_view name) noexcept {
    if (to_view(text).substr(0, name.size()) != name) {
        return false;
    }
    text.data += name.size();
    text.len -= name.size();
    return true;
}

char* set_parameter(ngx_conf_t* cf, const ngx_str_t& parameter, SpoolConf& spool) noexcept {
    ngx_str_t value = parameter;
    const auto take_time = [&](time_t& time_s) {
        time_s = ngx_parse_time(&value, 1);
        return time_s > 0;
    };
    bool is_sound = false;
    if (take_prefix(value, "max_size=")) {
        spool.max_size_bytes = ngx_parse_offset(&value);
        constexpr off_t kLeast = 64 * 1024;
        if (spool.max_size_bytes != NGX_ERROR && spool.max_size_bytes < kLeast) {
            return refuse(cf, "\"%V\" is too small for a spool: at least 64k", &parameter);
        }
        is_sound = spool.max_size_bytes != NGX_ERROR;
    } else if (take_prefix(value, "max_age=")) {
        is_sound = take_time(spool.max_age_s);
    } else if (take_prefix(value, "dead_age=")) {
        is_sound = take_time(spool.dead_age_s);
    } else if (take_prefix(value, "threads=")) {
#if (NGX_THREADS)
        is_sound = value.len != 0;
        spool.threads = is_sound ? ngx_thread_pool_add(cf, &value) : nullptr;
#endif
    }
    return is_sound ? kConfOk
                    : refuse(cf,
                             "invalid parameter \"%V\" of \"flashduty_spool\": it takes "
                             "max_size=size, max_age=time, dead_age=time and threads=pool",
                             &parameter);
}

struct Owner {
    uid_t uid;
    const char* name;  ///< nullptr when it is not known
};

/// Whose the workers will be. `user` may stand behind `http` in the configuration, which nginx
/// allows and nobody does: then its default is taken.
Owner worker_user(ngx_conf_t* cf) noexcept {
    if (geteuid() != 0) {
        return {geteuid(), nullptr};
    }
    const auto* core =
        reinterpret_cast<ngx_core_conf_t*>(ngx_get_conf(cf->cycle->conf_ctx, ngx_core_module));
    if (core->user != static_cast<ngx_uid_t>(NGX_CONF_UNSET_UINT)) {
        return {core->user, core->username};
    }
    const passwd* user = getpwnam(NGX_USER);
    return {user == nullptr ? 0 : user->pw_uid, NGX_USER};
}

}  // namespace

char* set_spool(ngx_conf_t* cf, ngx_command_t*, void* data) noexcept {
    MainConf& conf = *static_cast<MainConf*>(data);
    if (conf.spool != nullptr) {
        return refuse(cf, "\"flashduty_spool\" is given twice");
    }
#if !(NGX_THREADS)
    return refuse(cf,
                  "\"flashduty_spool\" needs an nginx that is built --with-threads: writing to the "
                  "disk must not hold up a worker");
#else
    if (!has_recent_sqlite()) {
        return refuse(cf, "\"flashduty_spool\" needs SQLite 3.24 or newer, not %s",
                      sqlite3_libversion());
    }
    auto* spool = create<SpoolConf>(cf);
    if (spool == nullptr) {
        return kConfError;
    }
    spool->path = argument(cf, 1);
    if (spool->path.len == 0 || to_view(spool->path).back() == '/') {
        return refuse(cf,
                      "\"flashduty_spool\" takes the path of a file, such as "
                      "/var/lib/nginx/flashduty/spool.db, not \"%V\"",
                      &spool->path);
    }
    if (ngx_conf_full_name(cf->cycle, &spool->path, 0) != NGX_OK) {
        return kConfError;
    }
    if (spool->path.len + kSocketSuffix.size() >= sizeof(sockaddr_un::sun_path)) {
        return refuse(cf, "the path \"%V\" of \"flashduty_spool\" is too long: at most %uz bytes",
                      &spool->path, sizeof(sockaddr_un::sun_path) - kSocketSuffix.size() - 1);
    }
    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        char* result = set_parameter(cf, argument(cf, i), *spool);
        if (result != kConfOk) {
            return result;
        }
    }
    if (spool->threads == nullptr) {
        spool->threads = ngx_thread_pool_add(cf, nullptr);
    }
    conf.spool = spool;
    return spool->threads == nullptr ? kConfError : kConfOk;
#endif
}

char* set_rate(ngx_conf_t* cf, ngx_command_t*, void* data) noexcept {
    MainConf& conf = *static_cast<MainConf*>(data);
    if (conf.has_rate) {
        return refuse(cf, "\"flashduty_rate\" is given twice");
    }
    conf.has_rate = true;
    conf.rate = {0, 0};
    if (cf->args->nelts == 2 && to_view(argument(cf, 1)) == "off") {
        return kConfOk;
    }
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        const ngx_str_t& text = argument(cf, i);
        const std::string_view view = to_view(text);
        constexpr std::size_t kUnitSize = 3;  // r/s
        const std::string_view unit =
            view.size() > kUnitSize ? view.substr(view.size() - kUnitSize) : std::string_view{};
        std::uint32_t* rate = unit == "r/s"   ? &conf.rate.per_second
                              : unit == "r/m" ? &conf.rate.per_minute
                                              : nullptr;
        constexpr ngx_int_t kMost = 1000000;
        const ngx_int_t number =
            rate == nullptr ? NGX_ERROR : ngx_atoi(text.data, text.len - kUnitSize);
        if (number <= 0 || number > kMost || *rate != 0) {
            return refuse(cf,
                          "invalid rate \"%V\": \"flashduty_rate\" takes Nr/s and Nr/m, each once, "
                          "such as 100r/s 1000r/m, or off",
                          &text);
        }
        *rate = static_cast<std::uint32_t>(number);
    }
    return kConfOk;
}

bool check_spool(ngx_conf_t* cf) noexcept {
    const SpoolConf& spool = *main_conf(cf).spool;
    const std::string_view path = to_view(spool.path);
    ngx_str_t folder = {path.rfind('/') == 0 ? 1 : path.rfind('/'), spool.path.data};
    auto* name = static_cast<u_char*>(ngx_pnalloc(cf->pool, folder.len + 1));
    if (name == nullptr) {
        return false;
    }
    *ngx_cpymem(name, folder.data, folder.len) = '\0';
    struct stat found;
    const Owner owner = worker_user(cf);
    const char* user = owner.name == nullptr ? "the user that runs nginx" : owner.name;
    if (stat(reinterpret_cast<const char*>(name), &found) != 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      "the folder \"%V\" of \"flashduty_spool\" cannot be found: make it, and give "
                      "it to %s with mode 700",
                      &folder, user);
        return false;
    }
    if (!S_ISDIR(found.st_mode) || found.st_uid != owner.uid) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the folder \"%V\" of \"flashduty_spool\" does not belong to the user of the "
                      "workers: chown %s, chmod 700",
                      &folder, user);
        return false;
    }
    return true;
}

}  // namespace flashduty
