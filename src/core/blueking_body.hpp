// Finding BlueKing's message in a body, wrapped or not, and reading it.
#pragma once

#include <cstddef>

#include "arena.hpp"
#include "blueking_message.hpp"
#include "body_pieces.hpp"

namespace flashduty {

enum class BodyKind {
    kMessage,
    kDebug,       ///< what BlueKing's debug button sends
    kNoAlert,     ///< JSON, but no message in it
    kEmpty,       ///< nothing but white space
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

/// Reads `source` to its end, once or, when the message is wrapped in something, again. See
/// docs/translation.md, "Reading".
[[nodiscard]] BodyReading read_body(Arena& arena, BodySource& source) noexcept;

}  // namespace flashduty
