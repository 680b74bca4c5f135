// What of BlueKing's message the event needs, as it came.
#pragma once

#include <cstddef>

#include "json_value.hpp"

namespace flashduty {

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

    [[nodiscard]] const JsonValue* operator[](Field field) const noexcept {
        return fields[static_cast<std::size_t>(field)];
    }
};

}  // namespace flashduty
