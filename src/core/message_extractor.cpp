#include "message_extractor.hpp"

#include "enum_table.hpp"
#include "flashduty_event.hpp"

namespace flashduty {

namespace {

template <std::size_t N>
constexpr Schema schema(const Member (&members)[N]) noexcept {
    static_assert(N < Schema::kSlots / 2);
    Schema schema{members, {}};
    for (std::size_t i = 0; i < N; i++) {
        std::size_t slot = Schema::hash(members[i].name);
        while (schema.slots[slot] != 0) {
            slot = (slot + 1) % Schema::kSlots;
        }
        schema.slots[slot] = static_cast<std::uint8_t>(i + 1);
    }
    return schema;
}

template <std::size_t N>
constexpr Names names(const std::string_view (&list)[N]) noexcept {
    return {list, N};
}

/// Longest description kept; the rest is cut off, however few bytes its characters have.
constexpr std::size_t kDescriptionBytes = 4 * (kMaxDescriptionCharacters + 1);

constexpr std::string_view kTranslationNames[] = {"display_value"};
constexpr std::string_view kItemNames[] = {"metric_id", "metric_field_name", "data_source_label",
                                           "data_type_label"};
constexpr std::string_view kAnomalyNames[] = {"anomaly_message"};
constexpr std::string_view kDimensionNames[] = {"key", "value", "display_value"};

constexpr Member kEventMembers[] = {
    {"id", Field::kEventId},
    {"event_id", Field::kEventEventId},
    {"level", Field::kEventLevel},
    {"level_name", Field::kEventLevelName},
    {"begin_time", Field::kEventBeginTime},
    {"create_time", Field::kEventCreateTime},
    {"end_time", Field::kEventEndTime},
    {"is_shielded", Field::kEventIsShielded},
    {"agg_dimensions", Field::kEventAggDimensions},
    {"dimensions", Field::kEventDimensions},
    {"dimension_translation", Field::kEventDimensionTranslation, nullptr, names(kTranslationNames)},
    {"bk_biz_id", Field::kEventBizId},
    {"ip", Field::kEventIp},
    {"target", Field::kEventTarget},
    {"category", Field::kEventCategory},
    {"data_type", Field::kEventDataType},
    {"metric", Field::kEventMetric},
};
constexpr Schema kEvent = schema(kEventMembers);

constexpr Member kStrategyMembers[] = {
    {"id", Field::kStrategyId},
    {"name", Field::kStrategyName},
    {"scenario", Field::kStrategyScenario},
    {"item_list", Field::kStrategyItemList, nullptr, names(kItemNames)},
};
constexpr Schema kStrategy = schema(kStrategyMembers);

constexpr Member kDataMembers[] = {{"dimensions", Field::kAnomalyDimensions}};
constexpr Schema kData = schema(kDataMembers);

constexpr Member kOriginAlarmMembers[] = {
    {"anomaly", Field::kAnomaly, nullptr, names(kAnomalyNames)},
    {"data", Field::kCount, &kData},
};
constexpr Schema kOriginAlarm = schema(kOriginAlarmMembers);

constexpr Member kAnomalyRecordMembers[] = {{"origin_alarm", Field::kCount, &kOriginAlarm}};
constexpr Schema kAnomalyRecord = schema(kAnomalyRecordMembers);

constexpr Member kMessageMembers[] = {
    {"type", Field::kType},
    {"scenario", Field::kScenario},
    {"bk_biz_id", Field::kBizId},
    {"bk_biz_name", Field::kBizName},
    {"event", Field::kCount, &kEvent},
    {"strategy", Field::kCount, &kStrategy},
    {"latest_anomaly_record", Field::kCount, &kAnomalyRecord},
    {"current_value", Field::kCurrentValue},
    {"description", Field::kDescription},
    {"related_info", Field::kRelatedInfo, nullptr, {}, kDescriptionBytes},
    {"labels", Field::kLabels},
    {"id", Field::kId},
    {"status", Field::kStatus},
    {"severity", Field::kSeverity},
    {"alert_name", Field::kAlertName},
    {"strategy_id", Field::kStrategyIdTop},
    {"dimensions", Field::kDimensionsTop, nullptr, names(kDimensionNames)},
    {"begin_time", Field::kBeginTime},
    {"create_time", Field::kCreateTime},
    {"end_time", Field::kEndTime},
    {"is_shielded", Field::kIsShielded},
};
constexpr Schema kMessage = schema(kMessageMembers);

/// How often a field is the value of a member.
template <std::size_t N>
constexpr std::size_t uses_of(Field field, const Member (&members)[N]) noexcept {
    std::size_t uses = 0;
    for (const Member& member : members) {
        uses += member.field == field ? 1 : 0;
    }
    return uses;
}

constexpr bool has_each_field_one_member() noexcept {
    for (std::size_t i = 0; i < kCountOf<Field>; i++) {
        const auto field = static_cast<Field>(i);
        const std::size_t uses = uses_of(field, kMessageMembers) + uses_of(field, kEventMembers) +
                                 uses_of(field, kStrategyMembers) + uses_of(field, kDataMembers) +
                                 uses_of(field, kOriginAlarmMembers) +
                                 uses_of(field, kAnomalyRecordMembers);
        if (uses != 1) {
            return false;
        }
    }
    return true;
}
static_assert(has_each_field_one_member());

}  // namespace

const Schema& message_schema() noexcept { return kMessage; }

}  // namespace flashduty
