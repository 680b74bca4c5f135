// Search for BlueKing's message in a body, wrapped or not, and its reading.
#pragma once

#include <cstddef>

#include "arena.hpp"
#include "blueking_message.hpp"
#include "body_pieces.hpp"

namespace flashduty {

enum class BodyKind {
    kMessage,
    kDebug,       ///< BlueKing's debug button
    kNoAlert,     ///< JSON, but no message in it
    kEmpty,       ///< only white space
    kNoJson,      ///< `offset_bytes` says where reading stopped
    kTooDeep,     ///< arrays and objects nested deeper than kMaxJsonDepth
    kUnreadable,  ///< the source failed
    kOutOfMemory,
};

struct BodyReading {
    BodyKind kind = BodyKind::kNoAlert;
    std::size_t offset_bytes = 0;
    BlueKingMessage message;  ///< with kMessage; what it points to lives in the arena, and in
                              ///< lasting pieces of the source
};

/// Reads `source` to its end: once, or again when the message is wrapped in something. See
/// docs/translation.md, "Reading".
[[nodiscard]] BodyReading read_body(Arena& arena, BodySource& source) noexcept;

}  // namespace flashduty
