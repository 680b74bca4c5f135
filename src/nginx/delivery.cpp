#include "delivery.hpp"

#include <new>
#include <type_traits>

#include "conf.hpp"

namespace flashduty {

Delivery* find_delivery(ngx_http_request_t* r) noexcept {
    return static_cast<Delivery*>(ngx_http_get_module_ctx(r->main, ngx_http_flashduty_module));
}

Delivery* create_delivery(ngx_http_request_t* r) noexcept {
    static_assert(std::is_trivially_destructible_v<Delivery>);
    void* memory = ngx_palloc(r->pool, sizeof(Delivery));
    if (memory == nullptr) {
        return nullptr;
    }
    auto* delivery = new (memory) Delivery(r);
    ngx_http_set_ctx(r, delivery, ngx_http_flashduty_module);
    return delivery;
}

}  // namespace flashduty
