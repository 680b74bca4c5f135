// Doubts that a delivered event has arrived where it should: the push URL of another kind of
// integration takes events, and makes no alerts of them.
#pragma once

#include <cstdint>
#include <string_view>

#include "enum_table.hpp"

namespace flashduty {

enum class PushDoubt : std::uint8_t {
    kNone,
    kOtherKind,
    kNoKey,
    kPlaceholder,
    kNoAlertKey,  ///< the answer named no alert
    kCount,
};

/// Doubt by the request line's path and arguments. None about a URL that is no push URL of
/// Flashduty's: it is a proxy's own.
[[nodiscard]] PushDoubt doubt_url(std::string_view url) noexcept;

/// Sentence for the operator; empty for kNone.
[[nodiscard]] std::string_view sentence_of(PushDoubt doubt) noexcept;

}  // namespace flashduty
