// BlueKing's alert, in one form for both of its variables.
#pragma once

#include <cstddef>
#include <string_view>

#include "arena.hpp"
#include "blueking_message.hpp"

namespace flashduty {

/// A dimension. They are kept in the order of the labels.
struct Dimension {
    std::string_view key;         ///< as BlueKing writes it
    std::string_view label_name;  ///< name of its label; may be empty
    std::string_view value;       ///< text of the value
    std::string_view text;        ///< text to show: its translation, or its value
};

/// All texts are whole (not cut) and empty when absent.
struct BlueKingAlert {
    bool is_alert_info = false;
    bool is_shielded = false;
    bool has_ended = false;     ///< told by its end time, in the form that sets one only then
    unsigned level_number = 0;  ///< 1 to 3; 0 when the level is none of these

    std::string_view type;  ///< for an alert_info: its status
    std::string_view scenario;
    std::string_view bk_biz_id;
    std::string_view bk_biz_name;
    std::string_view event_id;  ///< identifies the alert
    std::string_view level;
    std::string_view level_name;
    std::string_view level_word;  ///< decides where the level is no number
    std::string_view strategy_id;
    std::string_view strategy_name;
    std::string_view alert_name;  ///< name in the title; empty: the metrics name it
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
    std::string_view description;  ///< or the anomaly's message
    std::string_view related_info;
    std::string_view ip;      ///< of an alert_info's event
    std::string_view target;  ///< of an alert_info's event

    const Dimension* dimensions = nullptr;
    std::size_t dimension_count = 0;

    /// Subject of the alert: the text of the first resource dimension that is not empty.
    std::string_view resource;
};

/// Reads a message by the rules of docs/translation.md. Incomplete when the arena has failed().
[[nodiscard]] BlueKingAlert read_alert(Arena& arena, const BlueKingMessage& message) noexcept;

/// Text of the first dimension with that label name, ASCII letters in any case; else empty.
[[nodiscard]] std::string_view dimension_text(const BlueKingAlert& alert,
                                              std::string_view label_name) noexcept;

}  // namespace flashduty
