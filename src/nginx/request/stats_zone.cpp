#include "stats_zone.hpp"

#include "../base/conf_tools.hpp"
#include "conf.hpp"

namespace flashduty {

namespace {

/// Pages for nginx's own records about the zone's pages.
constexpr std::size_t kSlabPages = 16;

Stats own_stats;
Stats* shared_stats = nullptr;

/// Called with each configuration. `before` is the zone's data of the previous one, whose memory
/// nginx keeps.
ngx_int_t init_zone(ngx_shm_zone_t* zone, void* before) {
    if (before == nullptr) {
        auto* slab = reinterpret_cast<ngx_slab_pool_t*>(zone->shm.addr);
        before = ngx_slab_calloc(slab, sizeof(Stats));
        if (before == nullptr) {
            return NGX_ERROR;
        }
    }
    adopt(*static_cast<Stats*>(before), status_now_ms());
    zone->data = before;
    return NGX_OK;
}

}  // namespace

bool add_stats_zone(ngx_conf_t* cf) noexcept {
    ngx_str_t name = ngx_string("flashduty_stats");
    const std::size_t size = ngx_align(sizeof(Stats), ngx_pagesize) + kSlabPages * ngx_pagesize;
    ngx_shm_zone_t* zone = ngx_shared_memory_add(cf, &name, size, &ngx_http_flashduty_module);
    if (zone == nullptr) {
        return false;
    }
    zone->init = init_zone;
    main_conf(cf).stats_zone = zone;
    return true;
}

void start_stats(ngx_cycle_t* cycle) noexcept {
    const auto* conf = static_cast<MainConf*>(
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_flashduty_module));
    const bool is_shared = conf != nullptr && conf->stats_zone != nullptr;
    shared_stats = is_shared ? static_cast<Stats*>(conf->stats_zone->data) : nullptr;
}

Stats& stats() noexcept { return shared_stats == nullptr ? own_stats : *shared_stats; }

StatusMs status_now_ms() noexcept {
    const ngx_time_t& now = *ngx_timeofday();
    return static_cast<StatusMs>(now.sec) * kSecondMs + now.msec;
}

}  // namespace flashduty
