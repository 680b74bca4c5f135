// Configuration of the module, as the directives have set it.
#pragma once

#include "../../core/bearer.hpp"
#include "../../spool/schedule.hpp"
#include "../../status/status_format.hpp"
#include "../base/ngx.hpp"

extern "C" ngx_module_t ngx_http_flashduty_module;

namespace flashduty {

/// A `flashduty_label`.
struct LabelConf {
    ngx_str_t name;
    ngx_http_complex_value_t value;
};

/// Tokens of a `flashduty_bearer_file`; none: `off`.
struct BearerTokens {
    const TokenDigest* digests = nullptr;
    std::size_t count = 0;
};

/// A `flashduty_spool`.
struct SpoolConf {
    ngx_str_t path;  ///< absolute, and ends in a NUL
    off_t max_size_bytes = off_t{1} << 30;
    time_t max_age_s = 24 * 60 * 60;
    time_t dead_age_s = 30 * 24 * 60 * 60;
    ngx_thread_pool_t* threads;
};

/// A `flashduty_fleet`. All texts end in a NUL.
struct FleetConf {
    ngx_str_t conninfo;
    ngx_str_t password = ngx_null_string;
    ngx_str_t edge = ngx_null_string;
    ngx_str_t schema;
    ngx_str_t version = ngx_null_string;  ///< of the operator's configuration; may be empty
    ngx_msec_t timeout_ms = 500;          ///< for an append
    ngx_msec_t lease_ms = 5'000;
    ngx_msec_t alone_after_ms = 45'000;
    ngx_thread_pool_t* threads = nullptr;
};

struct LocationConf;

/// A `flashduty_push`.
struct PushUri {
    const LocationConf* conf;
    const ngx_http_core_srv_conf_t* server;
};

/// A `flashduty_api`, or a `flashduty_status` that names one.
struct ApiPlace {
    const ngx_http_core_srv_conf_t* server;
    ngx_array_t server_names;  ///< of ngx_http_server_name_t: nginx forgets its own
    ngx_str_t location;
    ngx_str_t file;  ///< where the directive stands
    ngx_uint_t line;
};

struct MainConf {
    bool is_used;      ///< a location has a handler of ours: the filters are needed
    bool has_bearers;  ///< some callers have to show a token
    bool has_status;   ///< some location shows the metrics
    bool has_rate;
    Rate rate;
    ngx_array_t* apis;           ///< of ApiPlace: the API's locations; nullptr: none
    ngx_array_t* api_users;      ///< of ApiPlace: what `api=` of a flashduty_status names
    const SpoolConf* spool;      ///< nullptr: there is none
    const FleetConf* fleet;      ///< nullptr: this edge is on its own
    ngx_array_t* push_uris;      ///< of PushUri; nullptr: no location pushes
    const ngx_array_t* servers;  ///< see list_servers(); set where a location has a handler of ours
    const ngx_array_t* peer_inits;  ///< with a spool: original peer init of each upstream block
    ngx_shm_zone_t* stats_zone;     ///< nullptr: nothing is counted
};

struct LocationConf {
    bool is_preview;
    StatusFormat status = StatusFormat::kNone;  ///< format that the location shows
    ngx_str_t status_api = ngx_null_string;     ///< the location that its page uses; empty: none
    bool is_api;                                ///< it takes requests of operators
    bool may_change;                            ///< it takes changes, too
    ngx_http_complex_value_t* push_uri;         ///< nullptr unless the location pushes
    mutable std::uint64_t target_key;           ///< of a push_uri that never changes; 0: unknown
    ngx_http_complex_value_t* title;
    ngx_http_complex_value_t* description;
    ngx_http_complex_value_t* alert_key;
    ngx_http_complex_value_t* event_status;
    ngx_array_t* labels;               ///< of LabelConf; nullptr when there are none
    const BearerTokens* bearers;       ///< nullptr unless set
    const ngx_str_t* integration_key;  ///< nullptr unless set
    ngx_msec_t spool_after_ms = NGX_CONF_UNSET_MSEC;
    ngx_str_t file;  ///< where the handler's directive stands
    ngx_uint_t line;
};

[[nodiscard]] inline const LocationConf& location_conf(ngx_http_request_t* r) noexcept {
    return *static_cast<LocationConf*>(ngx_http_get_module_loc_conf(r, ngx_http_flashduty_module));
}

[[nodiscard]] inline MainConf& main_conf(ngx_conf_t* cf) noexcept {
    return *static_cast<MainConf*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_flashduty_module));
}

[[nodiscard]] inline const MainConf& main_conf(ngx_http_request_t* r) noexcept {
    return *static_cast<MainConf*>(ngx_http_get_module_main_conf(r, ngx_http_flashduty_module));
}

/// Calls `use` with the server block and the uri, its arguments included, of each `flashduty_push`
/// whose uri holds no variable.
template <class Use>
void for_each_literal_push(const MainConf& conf, Use use) noexcept {
    const auto* pushes =
        conf.push_uris == nullptr ? nullptr : static_cast<PushUri*>(conf.push_uris->elts);
    for (ngx_uint_t i = 0; pushes != nullptr && i < conf.push_uris->nelts; i++) {
        const ngx_http_complex_value_t& uri = *pushes[i].conf->push_uri;
        if (uri.lengths == nullptr) {
            use(pushes[i].server, to_view(uri.value));
        }
    }
}

/// Part of `text` before the integration key of the location of `r`: all of it where the key does
/// not occur.
[[nodiscard]] inline std::string_view before_key(ngx_http_request_t* r,
                                                 std::string_view text) noexcept {
    const ngx_str_t* key = location_conf(r).integration_key;
    return key == nullptr ? text : text.substr(0, text.find(to_view(*key)));
}

/// True when a path leads out of its start: it has a segment `..`.
[[nodiscard]] bool climbs(std::string_view uri) noexcept;

}  // namespace flashduty
