// Answers the caller, and logs what became of an alert.
#pragma once

#include "../base/ngx.hpp"
#include "delivery.hpp"

namespace flashduty {

/// Rows of README's "Answers".
enum class Outcome {
    kDelivered,
    kSpooled,
    kTest,
    kPreview,
    kRefused,
    kSlowDown,
    kTimedOut,
    kUnreachable,
    kBroken,  ///< the gateway itself: no uri, no memory
    kNoAlert,
    kNoToken,
    kBadMethod,
    kEncoded,
    kCount,
};

/// Reason of Outcome::kBroken when memory has run out.
inline constexpr std::string_view kOutOfMemory = "out of memory";

/// Decides the answer and logs it. `reason` is one sentence, or empty; it lives as long as the
/// request.
void settle(Delivery& delivery, Outcome outcome, std::string_view reason) noexcept;

/// Name and status of an outcome in the answer.
struct OutcomeText {
    std::string_view name;
    ngx_uint_t status;
};
[[nodiscard]] OutcomeText text_of(Outcome outcome) noexcept;

/// Sends the settled answer. The result is for ngx_http_finalize_request().
[[nodiscard]] ngx_int_t send_answer(Delivery& delivery) noexcept;

/// Sends the settled answer, and ends the request.
void answer_caller(ngx_http_request_t* r);

/// Settles and answers a request whose body is not going to be read.
[[nodiscard]] ngx_int_t answer_unread(Delivery& delivery, Outcome outcome,
                                      std::string_view reason) noexcept;

/// Sends `body`, which is JSON and lives as long as the request.
[[nodiscard]] ngx_int_t send_json(ngx_http_request_t* r, ngx_uint_t status,
                                  std::string_view body) noexcept;

/// Sends `body` like send_json(), for any `type` of text in UTF-8.
[[nodiscard]] ngx_int_t send_body(ngx_http_request_t* r, ngx_uint_t status, std::string_view type,
                                  std::string_view body) noexcept;

}  // namespace flashduty
