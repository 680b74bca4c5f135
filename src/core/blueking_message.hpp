// Values of BlueKing's message that the event needs, unchanged.
#pragma once

#include <cstddef>

#include "json_value.hpp"

namespace flashduty {

/// Longest names and numbers; longer ones are skipped as if they were not there.
inline constexpr std::size_t kMaxNameBytes = 64 * 1024;
inline constexpr std::size_t kMaxNumberBytes = 64 * 1024;

/// Most values within one field, and within all fields of a message: the first are kept and the
/// others skipped. Far more than the 50 labels of an event can be made of, and a bound on the cost
/// of a body of nothing but tiny values.
inline constexpr std::size_t kMaxFieldValues = 1024;
inline constexpr std::size_t kMaxMessageValues = 3 * kMaxFieldValues;

/// Values of a message that the translation looks at, by their place in it.
enum class Field {
    kType,
    kScenario,
    kBizId,
    kBizName,
    kCurrentValue,
    kDescription,
    kRelatedInfo,
    kLabels,
    // alert_info
    kId,
    kStatus,
    kSeverity,
    kAlertName,
    kStrategyIdTop,
    kDimensionsTop,
    kBeginTime,
    kCreateTime,
    kEndTime,
    kIsShielded,
    // event
    kEventId,
    kEventEventId,
    kEventLevel,
    kEventLevelName,
    kEventBeginTime,
    kEventCreateTime,
    kEventEndTime,
    kEventIsShielded,
    kEventAggDimensions,
    kEventDimensions,
    kEventDimensionTranslation,
    kEventBizId,
    kEventIp,
    kEventTarget,
    kEventCategory,
    kEventDataType,
    kEventMetric,
    // strategy
    kStrategyId,
    kStrategyName,
    kStrategyScenario,
    kStrategyItemList,
    // latest_anomaly_record.origin_alarm
    kAnomaly,
    kAnomalyDimensions,
    kCount,
};

/// A message, unchanged: nullptr where a member is absent.
struct BlueKingMessage {
    const JsonValue* fields[static_cast<std::size_t>(Field::kCount)] = {};
    bool has_more = false;  ///< the limits have left out values within the fields

    [[nodiscard]] const JsonValue* operator[](Field field) const noexcept {
        return fields[static_cast<std::size_t>(field)];
    }
};

}  // namespace flashduty
