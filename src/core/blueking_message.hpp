// What of BlueKing's message the event needs, as it came.
#pragma once

#include <cstddef>

#include "json_value.hpp"

namespace flashduty {

/// Longer names and numbers are passed over as if they were not there.
inline constexpr std::size_t kMaxNameBytes = 64 * 1024;
inline constexpr std::size_t kMaxNumberBytes = 64 * 1024;

/// Of the values within one field, and within all fields of a message, those that come first are
/// kept and the others passed over: far more than the 50 labels of an event can be made of, and
/// a bound to what a body of nothing but tiny values costs.
inline constexpr std::size_t kMaxFieldValues = 1024;
inline constexpr std::size_t kMaxMessageValues = 3 * kMaxFieldValues;

/// The values of a message that the translation looks at, by their place in it.
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

/// A message as it came: nullptr where a member is absent.
struct BlueKingMessage {
    const JsonValue* fields[static_cast<std::size_t>(Field::kCount)] = {};
    bool has_more = false;  ///< values within them that the limits left out

    [[nodiscard]] const JsonValue* operator[](Field field) const noexcept {
        return fields[static_cast<std::size_t>(field)];
    }
};

}  // namespace flashduty
