// What BlueKing says of an alert, in one form for both of its variables.
#pragma once

#include <cstddef>
#include <string_view>

#include "arena.hpp"
#include "blueking_message.hpp"

namespace flashduty {

/// One dimension, in the order of the labels.
struct Dimension {
    std::string_view key;         ///< as BlueKing has it
    std::string_view label_name;  ///< as a label is named; may be empty
    std::string_view value;       ///< the text of its value
    std::string_view text;        ///< what is shown: its translation, or its value
};

/// All texts are whole (not cut) and empty when absent.
struct BlueKingAlert {
    bool is_alert_info = false;
    bool is_shielded = false;
    bool has_ended = false;     ///< by its end time, in the form that sets it only then
    unsigned level_number = 0;  ///< 1 to 3; 0 when the level is none of these

    std::string_view type;  ///< of an alert_info: its status
    std::string_view scenario;
    std::string_view bk_biz_id;
    std::string_view bk_biz_name;
    std::string_view event_id;  ///< what identifies the alert
    std::string_view level;
    std::string_view level_name;
    std::string_view level_word;  ///< what decides where the level is no number
    std::string_view strategy_id;
    std::string_view strategy_name;
    std::string_view alert_name;  ///< what the title calls it, else the metrics do
    std::string_view strategy_labels;
    std::string_view current_value;
    std::string_view begin_time;
    std::string_view create_time;
    std::string_view end_time;
    std::string_view metric;
    std::string_view metric_name;
    std::string_view first_metric_name;
    std::string_view data_source;
    std::string_view data_type;
    std::string_view description;  ///< or what the anomaly says
    std::string_view related_info;
    std::string_view ip;      ///< of an alert_info's event
    std::string_view target;  ///< of an alert_info's event

    const Dimension* dimensions = nullptr;
    std::size_t dimension_count = 0;

    /// What the alert is about: the text of the first resource dimension that is not empty.
    std::string_view resource;
};

/// Reads a message as docs/translation.md says. Incomplete when the arena has failed().
[[nodiscard]] BlueKingAlert read_alert(Arena& arena, const BlueKingMessage& message) noexcept;

/// The text of the first dimension of that label name, ASCII letters in any case; else empty.
[[nodiscard]] std::string_view dimension_text(const BlueKingAlert& alert,
                                              std::string_view label_name) noexcept;

}  // namespace flashduty
