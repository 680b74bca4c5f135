// Context of a request: one alert on its way through the gateway.
#pragma once

#include "../../core/blueking_alert.hpp"
#include "../../core/flashduty_event.hpp"
#include "../../core/gateway_answer.hpp"
#include "../../core/push_doubt.hpp"
#include "../../core/verdict.hpp"
#include "../base/ngx.hpp"
#include "../base/pool_arena.hpp"

namespace flashduty {

struct Delivery;

/// Callback for an event that Flashduty has taken.
struct DeliveredHook {
    void (*call)(void* owner, Delivery& delivery) noexcept = nullptr;
    void* owner = nullptr;
};

/// Push of an event: its target, its callbacks and its result. Found by its request, because an
/// error_page clears module contexts.
struct PushState {
    ngx_str_t uri = ngx_null_string;  ///< without its arguments
    ngx_str_t args = ngx_null_string;
    void (*on_judged)(Delivery& delivery) = nullptr;  ///< called once, when the push has ended
    ngx_http_event_handler_pt on_over = nullptr;      ///< handler of the main request that ends it
    /// Asked directly before bytes leave; nullptr: they may.
    bool (*may_leave)(Delivery& delivery) = nullptr;
    ngx_output_chain_filter_pt send = nullptr;  ///< nginx's own, see check_before_sending()
    void* send_data = nullptr;
    DeliveredHook on_delivered;             ///< see push_live()
    void* owner = nullptr;                  ///< for on_judged and on_over
    bool is_from_spool = false;             ///< an event that is not sent waits
    ngx_http_request_t* request = nullptr;  ///< the subrequest
    AnswerReader* answer_reader = nullptr;
    PushEnd end;
    bool is_timed_out = false;
    bool is_redirected = false;             ///< the response is not the answer to the push
    bool has_no_location = false;           ///< no location matches its uri
    bool has_no_key = false;                ///< not sent: the integration key came out empty
    ngx_http_handler_pt handler = nullptr;  ///< the location's own, see hold_push()
    bool is_judged = false;                 ///< the push has ended, or never was
    ngx_msec_t started_ms = 0;
    ngx_msec_t time_ms = 0;
    void (*finalize_upstream)(ngx_http_request_t* r, ngx_int_t rc) = nullptr;  ///< proxy's own
    ngx_log_t* log = nullptr;  ///< see listen_to_log()
    std::string_view trouble;  ///< last failure that nginx has logged: a sentence, or empty
    Verdict verdict = Verdict::kTransient;
    bool has_alert_key = false;          ///< Flashduty has named the alert that the event is of
    PushDoubt doubt = PushDoubt::kNone;  ///< after a delivery
    std::string_view reason;             ///< one sentence, unless delivered
    std::string_view retry_after;        ///< text of Flashduty's Retry-After; empty: none
};

/// Lives in the request's pool and is never destroyed.
struct Delivery {
    explicit Delivery(ngx_http_request_t* r) noexcept : request(r), arena(r->pool) {}

    ngx_http_request_t* request;  ///< the caller's
    PoolArena arena;

    const BlueKingAlert* alert = nullptr;  ///< nullptr until the body has been read
    std::string_view alert_variables;      ///< for an event from the spool, see alert_of()
    FlashdutyEvent event;
    std::string_view event_json;
    ngx_msec_t arrived_ms = 0;  ///< when the whole body had arrived

    PushState push;

    // Answer to the caller.
    bool is_settled = false;       ///< the answer is decided
    bool has_caller_left = false;  ///< only known with HTTP/2
    GatewayAnswer answer;
    ngx_uint_t answer_status = 0;
    std::string_view retry_after;  ///< in seconds or a date; empty: not sent
};

/// Delivery of `r`, a request or a subrequest; nullptr when it is none of ours.
[[nodiscard]] Delivery* find_delivery(ngx_http_request_t* r) noexcept;

/// Delivery whose push is `r`; nullptr for every other request.
[[nodiscard]] Delivery* find_push(ngx_http_request_t* r) noexcept;

/// Alert for the variables; nullptr until the body has been read. For an event from the spool it is
/// parsed when first asked for.
[[nodiscard]] const BlueKingAlert* alert_of(Delivery& delivery) noexcept;

/// Finds the delivery where an internal redirect, such as post_action's, has cleared nginx's
/// contexts.
[[nodiscard]] Delivery* recall_delivery(ngx_http_request_t* r) noexcept;

/// Makes a delivery for a main request; nullptr when out of memory.
[[nodiscard]] Delivery* create_delivery(ngx_http_request_t* r) noexcept;

}  // namespace flashduty
