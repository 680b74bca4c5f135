#include "push_log.hpp"

#include <algorithm>

#include "../../core/push_trouble.hpp"
#include "../../core/text.hpp"

namespace flashduty {

namespace {

void hear(ngx_log_t* log, ngx_uint_t level, u_char* line, std::size_t size) {
    if (level >= NGX_LOG_DEBUG) {
        return;
    }
    Delivery& delivery = *static_cast<Delivery*>(log->wdata);
    const std::string_view trouble =
        trouble_of(delivery.arena, {reinterpret_cast<const char*>(line), size});
    if (!trouble.empty()) {
        delivery.push.trouble = trouble;
    }
}

}  // namespace

void listen_to_log(Delivery& delivery, ngx_log_t& log) noexcept {
    ngx_connection_t& c = *delivery.request->connection;
    log = *c.log;
    log.log_level = std::max<ngx_uint_t>(log.log_level, NGX_LOG_INFO);
    log.writer = hear;
    log.wdata = &delivery;
    log.next = c.log;
    c.log = &log;
    delivery.push.log = &log;
}

void stop_listening(Delivery& delivery) noexcept {
    ngx_log_t* log = delivery.push.log;
    ngx_connection_t& c = *delivery.request->connection;
    if (log != nullptr && c.log == log) {
        log->next->action = log->action;
        c.log = log->next;
    }
    delivery.push.log = nullptr;
}

}  // namespace flashduty
