#include "variables.hpp"

#include <cstdint>

#include "../core/text.hpp"
#include "request/conf.hpp"
#include "request/delivery.hpp"

namespace flashduty {

namespace {

constexpr std::string_view kDimensionPrefix = "blueking_dimension_";

void set(ngx_http_request_t* r, ngx_http_variable_value_t* v, std::string_view text) noexcept {
    PoolArena arena(r->pool);
    const std::string_view safe = without_controls(arena, text);
    v->data = to_ngx(safe).data;
    v->len = static_cast<unsigned>(safe.size());
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
}

// ---------------------------------------------------------------- from the alert

template <std::string_view BlueKingAlert::*Text>
std::string_view of_alert(Delivery& delivery) noexcept {
    const BlueKingAlert* alert = alert_of(delivery);
    return alert == nullptr ? std::string_view{} : alert->*Text;
}

// ---------------------------------------------------------------- from the event

template <std::string_view FlashdutyEvent::*Text>
std::string_view of_event(Delivery& delivery) noexcept {
    return delivery.event.*Text;
}

template <std::string_view GatewayAnswer::*Text>
std::string_view of_answer(Delivery& delivery) noexcept {
    return delivery.answer.*Text;
}

std::string_view push_status(Delivery& delivery) noexcept {
    const unsigned status = delivery.push.end.http_status;
    return status == 0 ? std::string_view{} : decimal(delivery.arena, status);
}

/// Seconds with milliseconds, as nginx's own times have them.
std::string_view push_time(Delivery& delivery) noexcept {
    if (delivery.push.end.http_status == 0) {
        return {};
    }
    u_char text[NGX_TIME_T_LEN + 4];
    const u_char* end =
        ngx_sprintf(text, "%T.%03M", static_cast<time_t>(delivery.push.time_ms / 1000),
                    delivery.push.time_ms % 1000);
    return delivery.arena.copy(
        {reinterpret_cast<const char*>(text), static_cast<std::size_t>(end - text)});
}

struct Variable {
    std::string_view name;
    std::string_view (*get)(Delivery& delivery) noexcept;
};

constexpr Variable kVariables[] = {
    {"blueking_type", of_alert<&BlueKingAlert::type>},
    {"blueking_biz_id", of_alert<&BlueKingAlert::bk_biz_id>},
    {"blueking_biz_name", of_alert<&BlueKingAlert::bk_biz_name>},
    {"blueking_event_id", of_alert<&BlueKingAlert::event_id>},
    {"blueking_level", of_alert<&BlueKingAlert::level>},
    {"blueking_level_name", of_alert<&BlueKingAlert::level_name>},
    {"blueking_strategy_id", of_alert<&BlueKingAlert::strategy_id>},
    {"blueking_strategy_name", of_alert<&BlueKingAlert::strategy_name>},
    {"blueking_strategy_labels", of_alert<&BlueKingAlert::strategy_labels>},
    {"blueking_scenario", of_alert<&BlueKingAlert::scenario>},
    {"blueking_resource", of_alert<&BlueKingAlert::resource>},
    {"blueking_current_value", of_alert<&BlueKingAlert::current_value>},
    {"flashduty_title", of_event<&FlashdutyEvent::title_rule>},
    {"flashduty_event_status", of_event<&FlashdutyEvent::event_status>},
    {"flashduty_alert_key", of_event<&FlashdutyEvent::alert_key>},
    {"flashduty_outcome", of_answer<&GatewayAnswer::outcome>},
    {"flashduty_push_status", push_status},
    {"flashduty_push_time", push_time},
    {"flashduty_request_id", of_answer<&GatewayAnswer::request_id>},
    {"flashduty_error_code", of_answer<&GatewayAnswer::code>},
};

ngx_int_t get_variable(ngx_http_request_t* r, ngx_http_variable_value_t* v, uintptr_t data) {
    const auto& variable = *reinterpret_cast<const Variable*>(data);
    Delivery* delivery = recall_delivery(r);
    set(r, v, delivery == nullptr ? std::string_view{} : variable.get(*delivery));
    return NGX_OK;
}

ngx_int_t get_dimension(ngx_http_request_t* r, ngx_http_variable_value_t* v, uintptr_t data) {
    const std::string_view name =
        to_view(*reinterpret_cast<const ngx_str_t*>(data)).substr(kDimensionPrefix.size());
    Delivery* delivery = recall_delivery(r);
    const BlueKingAlert* alert = delivery == nullptr ? nullptr : alert_of(*delivery);
    set(r, v, alert == nullptr ? std::string_view{} : dimension_text(*alert, name));
    return NGX_OK;
}

ngx_int_t get_integration_key(ngx_http_request_t* r, ngx_http_variable_value_t* v, uintptr_t) {
    const ngx_str_t* key = location_conf(r).integration_key;
    set(r, v, key == nullptr ? std::string_view{} : to_view(*key));
    return NGX_OK;
}

ngx_int_t add(ngx_conf_t* cf, std::string_view name, ngx_http_get_variable_pt handler,
              uintptr_t data, ngx_uint_t flags) noexcept {
    ngx_str_t text = to_ngx(name);
    ngx_http_variable_t* variable =
        ngx_http_add_variable(cf, &text, NGX_HTTP_VAR_NOCACHEABLE | flags);
    if (variable == nullptr) {
        return NGX_ERROR;
    }
    variable->get_handler = handler;
    variable->data = data;
    return NGX_OK;
}

}  // namespace

ngx_int_t add_variables(ngx_conf_t* cf) {
    for (const Variable& variable : kVariables) {
        if (add(cf, variable.name, get_variable, reinterpret_cast<uintptr_t>(&variable), 0) !=
            NGX_OK) {
            return NGX_ERROR;
        }
    }
    if (add(cf, "flashduty_integration_key", get_integration_key, 0, 0) != NGX_OK) {
        return NGX_ERROR;
    }
    return add(cf, kDimensionPrefix, get_dimension, 0, NGX_HTTP_VAR_PREFIX);
}

}  // namespace flashduty
