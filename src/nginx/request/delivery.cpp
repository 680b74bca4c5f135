#include "delivery.hpp"

#include <new>
#include <type_traits>

#include "../../core/alert_variables.hpp"
#include "conf.hpp"

namespace flashduty {

namespace {

/// Marks a delivery in its pool's list of cleanups; does nothing.
void mark(void*) {}

}  // namespace

Delivery* find_delivery(ngx_http_request_t* r) noexcept {
    return static_cast<Delivery*>(ngx_http_get_module_ctx(r->main, ngx_http_flashduty_module));
}

Delivery* find_push(ngx_http_request_t* r) noexcept {
    if (r == r->main) {
        return nullptr;
    }
    Delivery* delivery = find_delivery(r);
    return delivery != nullptr && delivery->push.request == r ? delivery : nullptr;
}

Delivery* recall_delivery(ngx_http_request_t* r) noexcept {
    Delivery* delivery = find_delivery(r);
    if (delivery != nullptr || !r->main->internal) {
        return delivery;
    }
    const ngx_pool_cleanup_t* cleanup = r->pool->cleanup;
    while (cleanup != nullptr && cleanup->handler != mark) {
        cleanup = cleanup->next;
    }
    return cleanup == nullptr ? nullptr : static_cast<Delivery*>(cleanup->data);
}

const BlueKingAlert* alert_of(Delivery& delivery) noexcept {
    if (delivery.alert == nullptr && !delivery.alert_variables.empty()) {
        auto* alert = delivery.arena.make<BlueKingAlert>();
        if (alert != nullptr) {
            *alert = read_alert_variables(delivery.arena, delivery.alert_variables);
            delivery.alert = alert;
        }
    }
    return delivery.alert;
}

Delivery* create_delivery(ngx_http_request_t* r) noexcept {
    static_assert(std::is_trivially_destructible_v<Delivery>);
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(r->pool, sizeof(Delivery));
    if (cleanup == nullptr) {
        return nullptr;
    }
    cleanup->handler = mark;
    auto* delivery = new (cleanup->data) Delivery(r);
    ngx_http_set_ctx(r, delivery, ngx_http_flashduty_module);
    return delivery;
}

}  // namespace flashduty
