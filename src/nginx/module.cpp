#include "access.hpp"
#include "base/pool_arena.hpp"
#include "directives.hpp"
#include "fleet_directives.hpp"
#include "push/push_answer.hpp"
#include "push/push_phases.hpp"
#include "push_uris.hpp"
#include "request/conf.hpp"
#include "request/servers.hpp"
#include "request/stats_zone.hpp"
#include "spool/worker.hpp"
#include "spool_directives.hpp"
#include "variables.hpp"

namespace {

/// Lists the servers and checks the spool; false when it cannot be used as it is configured.
bool install_spool(ngx_conf_t* cf, flashduty::MainConf& conf) {
    conf.servers = flashduty::list_servers(cf);
    return conf.servers != nullptr && (conf.spool == nullptr || flashduty::check_spool(cf));
}

/// Installs only what some location asks for: requests pass through nothing else of ours.
ngx_int_t install(ngx_conf_t* cf) {
    auto& conf = *static_cast<flashduty::MainConf*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_flashduty_module));
    if (!flashduty::keep_server_names(cf) || !flashduty::check_api_users(cf) ||
        !flashduty::check_fleet(cf)) {
        return NGX_ERROR;
    }
    const bool is_used = conf.is_used || conf.spool != nullptr;
    if ((is_used && !install_spool(cf, conf)) ||
        ((is_used || conf.has_status) && !flashduty::add_stats_zone(cf))) {
        return NGX_ERROR;
    }
    if (!is_used) {
        return NGX_OK;
    }
    if (!flashduty::check_push_uris(cf) || !flashduty::install_push_phases(cf)) {
        return NGX_ERROR;
    }
    flashduty::install_push_filters();
    auto* core = static_cast<ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    return conf.has_bearers ? flashduty::install_access(*core) : NGX_OK;
}

ngx_int_t start_process(ngx_cycle_t* cycle) {
    flashduty::start_stats(cycle);
    return flashduty::start_spool(cycle);
}

void end_process(ngx_cycle_t* cycle) {
    flashduty::stop_spool(cycle);
    flashduty::SpareRooms::drop();
}

/// Refuses a reload with `master_process off` and a spool, before any module has taken part in it.
/// nginx would not start its modules again, and would throw the old configuration away some time
/// later, while the spool still uses it. nginx itself would serve no one any more; after a refusal
/// it goes on as before.
void* begin_main_conf(ngx_conf_t* cf) {
    if (!flashduty::is_spool_running()) {
        return flashduty::create_main_conf(cf);
    }
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "nginx with \"master_process off\" and \"flashduty_spool\" cannot be reloaded, "
                  "restart it");
    return nullptr;
}

ngx_http_module_t module_context = {
    flashduty::add_variables,         // preconfiguration
    install,                          // postconfiguration
    begin_main_conf,                  // create main configuration
    nullptr,                          // init main configuration
    nullptr,                          // create server configuration
    nullptr,                          // merge server configuration
    flashduty::create_location_conf,  // create location configuration
    flashduty::merge_location_conf,   // merge location configuration
};

}  // namespace

extern "C" {

ngx_module_t ngx_http_flashduty_module = {
    NGX_MODULE_V1,
    &module_context,
    flashduty::commands,
    NGX_HTTP_MODULE,
    nullptr,        // init master
    nullptr,        // init module
    start_process,  // init process
    nullptr,        // init thread
    nullptr,        // exit thread
    end_process,    // exit process
    nullptr,        // exit master
    NGX_MODULE_V1_PADDING,
};
}
