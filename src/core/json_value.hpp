// JSON value that was kept: a small tree in an arena, its strings repaired.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "arena.hpp"

namespace flashduty {

struct JsonValue {
    enum class Kind : std::uint8_t { kNull, kBoolean, kNumber, kString, kArray, kObject };

    Kind kind = Kind::kNull;
    std::uint32_t count = 0;           ///< of the elements or members that were kept
    std::string_view key;              ///< as a member of an object
    std::string_view text;             ///< of a string; a number as written; `true`, `false`
    const JsonValue* first = nullptr;  ///< element or member
    JsonValue* last = nullptr;         ///< to append to
    const JsonValue* next = nullptr;   ///< beside it

    [[nodiscard]] bool is_object() const noexcept { return kind == Kind::kObject; }
    [[nodiscard]] bool is_array() const noexcept { return kind == Kind::kArray; }
    [[nodiscard]] bool is_container() const noexcept { return is_object() || is_array(); }

    /// First member with that name; nullptr when there is none or this is no object.
    [[nodiscard]] const JsonValue* member(std::string_view name) const noexcept;

    /// Adds `value` as the last element or member.
    void append(JsonValue* value) noexcept;
};

/// The text of an array or object.
[[nodiscard]] std::string_view text_of_parts(Arena& arena, const JsonValue& container) noexcept;

/// Text of a value as docs/translation.md defines it under "Words": a scalar as it is, an array of
/// scalars joined by commas without the empty ones, all else as compact JSON. nullptr: empty.
[[nodiscard]] inline std::string_view text_of(Arena& arena, const JsonValue* value) noexcept {
    if (value == nullptr) {
        return {};
    }
    return value->is_container() ? text_of_parts(arena, *value) : value->text;
}

}  // namespace flashduty
