#include "push_uris.hpp"

#include <algorithm>

#include "directives.hpp"
#include "request/push_places.hpp"

namespace flashduty {

namespace {

const LocationConf& conf_of(const Location& location) noexcept {
    return *static_cast<LocationConf*>(
        core_conf_of(location).loc_conf[ngx_http_flashduty_module.ctx_index]);
}

bool check(ngx_conf_t* cf, const PushUri& push) noexcept {
    const std::string_view path = literal_path(push);
    if (path.empty()) {
        return true;
    }
    const Location* location = find_location(*push.server, path);
    ngx_str_t uri = to_ngx(path);
    if (location == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "no location of the server block matches \"%V\", which \"flashduty_push\" "
                      "names in %V:%ui",
                      &uri, &push.conf->file, push.conf->line);
        return false;
    }
    if (handler_of(conf_of(*location)) != nullptr) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"flashduty_push\" names \"%V\" in %V:%ui, a location with a directive of "
                      "the same module: it takes no pushes, name one with \"proxy_pass\"",
                      &uri, &push.conf->file, push.conf->line);
        return false;
    }
    if (is_catch_all(*location)) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "only \"location /\" matches \"%V\", which \"flashduty_push\" names in "
                      "%V:%ui",
                      &uri, &push.conf->file, push.conf->line);
    }
    return true;
}

}  // namespace

bool check_push_uris(ngx_conf_t* cf) noexcept {
    const ngx_array_t* pushes = main_conf(cf).push_uris;
    if (pushes == nullptr) {
        return true;
    }
    const auto* first = static_cast<PushUri*>(pushes->elts);
    return std::all_of(first, first + pushes->nelts,
                       [cf](const PushUri& push) { return check(cf, push); });
}

}  // namespace flashduty
