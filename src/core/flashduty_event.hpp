// Flashduty's standard alert event, within all of its limits.
// https://docs.flashcat.cloud, "Standard Alert Event".
#pragma once

#include <cstddef>
#include <string_view>

#include "arena.hpp"

namespace flashduty {

inline constexpr std::size_t kMaxTitleCharacters = 512;
/// Characters that decide what a title is: whether it has to be cut, and where the last of them
/// stands in a `[TPL]`.
inline constexpr std::size_t kTitleSourceCharacters = kMaxTitleCharacters + 5;
inline constexpr std::size_t kMaxDescriptionCharacters = 2048;
inline constexpr std::size_t kMaxAlertKeyCharacters = 255;
inline constexpr std::size_t kMaxLabels = 50;
inline constexpr std::size_t kMaxLabelCharacters = 2048;

struct Label {
    std::string_view name;
    std::string_view value;
};

struct FlashdutyEvent {
    std::string_view title_rule;
    std::string_view event_status;
    std::string_view alert_key;
    std::string_view description;  ///< empty: not sent
    Label* labels = nullptr;
    std::size_t label_count = 0;
    std::size_t dropped_labels = 0;  ///< labels that found no room
};

/// Texts of an operator's configuration; an empty one leaves the alert's.
struct Overrides {
    std::string_view title;
    std::string_view description;
    std::string_view alert_key;
    std::string_view event_status;
    const Label* labels = nullptr;  ///< in their order; an empty value removes the label
    std::size_t label_count = 0;
};

/// Last override of the label with that name, which is the one that counts; else nullptr.
[[nodiscard]] const Label* find_override(const Overrides& overrides,
                                         std::string_view name) noexcept;

/// Title from any text: one line, no template, within the limit.
[[nodiscard]] std::string_view title_from(Arena& arena, std::string_view text) noexcept;
/// Title from a text of one line, as collapse_spaces() leaves it.
[[nodiscard]] std::string_view title_from_line(Arena& arena, std::string_view line) noexcept;

/// Alert key from any text: itself, or its digest when it is too long.
[[nodiscard]] std::string_view alert_key_from(Arena& arena, std::string_view text) noexcept;

/// True for the four words that Flashduty takes.
[[nodiscard]] bool is_event_status(std::string_view text) noexcept;

/// Applies `overrides` and keeps the labels within kMaxLabels. False when the event_status is none
/// of the four words; it is ignored then.
bool apply(Arena& arena, const Overrides& overrides, FlashdutyEvent& event) noexcept;

/// Parts of an event that were longer than Flashduty takes.
struct CutFields {
    bool title = false;
    bool description = false;
    bool alert_key = false;
    bool labels = false;  ///< at least one of them
};

/// Recognized by their looks: as long as they may be, with `…` at their end, or a digest. `json` is
/// the result of write_event(): a short one need not be looked through.
[[nodiscard]] CutFields cut_fields(const FlashdutyEvent& event, std::string_view json) noexcept;

/// Event as JSON; empty when out of memory.
[[nodiscard]] std::string_view write_event(Arena& arena, const FlashdutyEvent& event) noexcept;

}  // namespace flashduty
