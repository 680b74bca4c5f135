#include "spool_directives.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "../core/text.hpp"
#include "../spool/sqlite.hpp"
#include "base/conf_tools.hpp"
#include "request/conf.hpp"
#include "spool/line.hpp"
#include "spool/worker.hpp"

namespace flashduty {

namespace {

/// Removes `name` from the start of `text`; false when `text` does not begin with it.
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
        constexpr off_t kLeast = 1024 * 1024;
        if (spool.max_size_bytes != NGX_ERROR && spool.max_size_bytes < kLeast) {
            return refuse(cf, "\"%V\" is too small for a spool: at least 1m", &parameter);
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

/// User and groups of the workers.
struct Workers {
    uid_t uid = 0;
    std::string user;
    std::vector<gid_t> groups;

    [[nodiscard]] bool have(gid_t gid) const noexcept {
        return std::find(groups.begin(), groups.end(), gid) != groups.end();
    }
};

std::vector<gid_t> groups_of(const char* user, gid_t gid) noexcept {
    int count = 64;
    std::vector<gid_t> groups(static_cast<std::size_t>(count));
    while (getgrouplist(user, gid, groups.data(), &count) == -1 && count > 0) {
        groups.resize(static_cast<std::size_t>(count));
    }
    groups.resize(static_cast<std::size_t>(std::max(count, 0)));
    return groups;
}

/// Workers of an nginx that was not started as root: it cannot give them another user.
Workers workers_like_this_process() noexcept {
    Workers workers;
    workers.uid = geteuid();
    const passwd* user = getpwuid(workers.uid);
    workers.user = user == nullptr ? std::to_string(workers.uid) : user->pw_name;
    const int count = getgroups(0, nullptr);
    workers.groups.resize(static_cast<std::size_t>(std::max(count, 0)));
    if (count > 0 && getgroups(count, workers.groups.data()) < 0) {
        workers.groups.clear();
    }
    workers.groups.push_back(getegid());
    return workers;
}

/// Workers of the configuration. If `user` stands behind `http`, which nginx allows and nobody
/// does, its default is taken.
Workers workers_of(ngx_conf_t* cf) noexcept {
    if (geteuid() != 0) {
        return workers_like_this_process();
    }
    const auto* core =
        reinterpret_cast<ngx_core_conf_t*>(ngx_get_conf(cf->cycle->conf_ctx, ngx_core_module));
    Workers workers;
    if (core->user != static_cast<ngx_uid_t>(NGX_CONF_UNSET_UINT)) {
        workers.uid = core->user;
        workers.user = core->username;
        workers.groups = groups_of(core->username, core->group);
        return workers;
    }
    const passwd* user = getpwnam(NGX_USER);
    const group* their = getgrnam(NGX_GROUP);
    workers.uid = user == nullptr ? 0 : user->pw_uid;
    workers.user = NGX_USER;
    workers.groups = groups_of(NGX_USER, their == nullptr ? 0 : their->gr_gid);
    return workers;
}

/// Suffixes of the files of a spool; "" is the database itself.
constexpr const char* kFileSuffixes[] = {"",      "-wal",  "-shm",      ".guard",
                                         ".lock", ".sock", ".unsynced", ".corrupt"};

bool check_files(ngx_conf_t* cf, const SpoolConf& spool, const Workers& workers) noexcept {
    for (const char* suffix : kFileSuffixes) {
        const std::string file = std::string(to_view(spool.path)) + suffix;
        struct stat found;
        if (lstat(file.c_str(), &found) != 0) {
            continue;
        }
        if (S_ISLNK(found.st_mode)) {
            ngx_log_error(
                NGX_LOG_EMERG, cf->log, 0,
                "\"%s\" of \"flashduty_spool\" is a symbolic link, which is not followed: "
                "name what it leads to",
                file.c_str());
            return false;
        }
        if (found.st_uid != workers.uid) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"%s\" of \"flashduty_spool\" does not belong to the user of the "
                          "workers, %s: chown %s %V*",
                          file.c_str(), workers.user.c_str(), workers.user.c_str(), &spool.path);
            return false;
        }
    }
    return true;
}

/// Reason why the workers cannot use a folder, or why others can write it; nullptr when it is fit.
const char* fault_of(const struct stat& folder, const Workers& workers) noexcept {
    const auto may = [&folder](mode_t bits) { return (folder.st_mode & bits) == bits; };
    if (!S_ISDIR(folder.st_mode)) {
        return "is no folder of";
    }
    if ((folder.st_mode & S_IWOTH) != 0) {
        return "can be written by others than";
    }
    if (folder.st_uid == workers.uid) {
        return may(S_IWUSR | S_IXUSR) ? nullptr : "cannot be written by";
    }
    return workers.have(folder.st_gid) && may(S_IWGRP | S_IXGRP) ? nullptr : "does not belong to";
}

void warn_of_memory(ngx_conf_t* cf, const ngx_str_t& folder, const char* name) noexcept {
    constexpr unsigned long kTmpfs = 0x01021994, kRamfs = 0x858458F6;
    struct statfs system;
    if (statfs(name, &system) == 0 && (static_cast<unsigned long>(system.f_type) == kTmpfs ||
                                       static_cast<unsigned long>(system.f_type) == kRamfs)) {
        ngx_log_error(
            NGX_LOG_WARN, cf->log, 0,
            "the folder \"%V\" of \"flashduty_spool\" lies in memory: what waits there is "
            "lost with the machine's next start",
            &folder);
    }
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
    name_instance();
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
    const auto* path_of_folder = reinterpret_cast<const char*>(name);
    struct stat found;
    const Workers workers = workers_of(cf);
    const char* user = workers.user.c_str();
    if (stat(path_of_folder, &found) != 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      "the folder \"%V\" of \"flashduty_spool\" cannot be found: make it, and give "
                      "it to %s with mode 700",
                      &folder, user);
        return false;
    }
    const char* fault = fault_of(found, workers);
    if (fault != nullptr) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the folder \"%V\" of \"flashduty_spool\" %s the user of the workers, %s: "
                      "chown %s, chmod 700",
                      &folder, fault, user, user);
        return false;
    }
    if (!check_files(cf, spool, workers)) {
        return false;
    }
    warn_of_memory(cf, folder, path_of_folder);
    return true;
}

}  // namespace flashduty
