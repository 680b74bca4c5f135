// Answer of the gateway to BlueKing about an alert.
#pragma once

#include <string_view>

#include "arena.hpp"

namespace flashduty {

/// Part of an answer that BlueKing shows its operators; outcome and reason lie within.
inline constexpr std::size_t kShownAnswerBytes = 200;

/// Members of README's "Answers"; empty ones are not sent.
struct GatewayAnswer {
    std::string_view outcome;
    std::string_view reason;  ///< one sentence for the operator
    std::string_view code;    ///< Flashduty's
    std::string_view request_id;
    std::string_view alert_key;
};

/// Answer as JSON, its reason cut to fit what is shown; empty when out of memory.
[[nodiscard]] std::string_view write_answer(Arena& arena, const GatewayAnswer& answer) noexcept;

}  // namespace flashduty
