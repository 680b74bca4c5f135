#include "blueking_alert.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <limits>

#include "bytes.hpp"
#include "text.hpp"

namespace flashduty {

namespace {

constexpr std::uint64_t kMaxEpochSeconds = 253402300799;  // 9999-12-31 23:59:59

/// Dimensions that name an alert's subject, the most telling one first.
constexpr std::string_view kResourceDimensions[] = {
    "pod_name",
    "pod",
    "workload_name",
    "bk_target_ip",
    "ip",
    "bk_target_service_instance_id",
    "bk_service_instance_id",
    "node",
    "node_name",
    "instance",
    "host",
    "hostname",
    "service_name",
    "target",
    "url",
    "target_host",
    "task_id",
    "bk_host_id",
    "bk_inst_id",
    "bk_topo_node",
};

bool is_present(const JsonValue* value) noexcept {
    return value != nullptr && value->kind != JsonValue::Kind::kNull;
}

bool is_text(const JsonValue* value) noexcept {
    return value != nullptr && value->kind == JsonValue::Kind::kString && !is_blank(value->text);
}

std::string_view first_not_empty(std::string_view a, std::string_view b) noexcept {
    return is_blank(a) ? b : a;
}

/// Something with a name, the `order`-th of its kind.
struct Entry {
    std::string_view key;
    std::size_t order;
    const JsonValue* value;
};

/// Finds entries by their key. Few are looked at one by one, many through a table made at the first
/// look, so that a body of nothing but dimensions costs no more per byte than another.
class KeyIndex {
  public:
    /// Borrows `entries`, which are in their order.
    KeyIndex(Arena& arena, const Entry* entries, std::size_t count) noexcept
        : arena_(arena), entries_(entries), count_(count) {}

    /// First entry with that key; nullptr when there is none.
    [[nodiscard]] const Entry* find(std::string_view key) noexcept {
        if (count_ <= kFew) {
            const Entry* at = entries_;
            const Entry* const end = entries_ + count_;
            while (at != end && !is_same(at->key, key)) {
                at++;
            }
            return at == end ? nullptr : at;
        }
        if (slots_ == nullptr && !fill()) {
            return nullptr;
        }
        const Slot slot = slots_[slot_of(key)];
        return slot == 0 ? nullptr : entries_ + slot - 1;
    }

  private:
    /// The place of an entry and one; 0: none.
    using Slot = std::uint16_t;

    bool fill() noexcept {
        static_assert(kMaxFieldValues < std::numeric_limits<Slot>::max());
        while (slot_count_ < 2 * count_) {
            slot_count_ *= 2;
        }
        slots_ = arena_.make_array<Slot>(slot_count_);
        for (std::size_t i = 0; slots_ != nullptr && i < count_; i++) {
            Slot& slot = slots_[slot_of(entries_[i].key)];
            slot = slot == 0 ? static_cast<Slot>(i + 1) : slot;
        }
        return slots_ != nullptr;
    }

    /// Where `key` stands in the table, or would.
    [[nodiscard]] std::size_t slot_of(std::string_view key) const noexcept {
        std::size_t at = hash(key) & (slot_count_ - 1);
        while (slots_[at] != 0 && !is_same(entries_[slots_[at] - 1].key, key)) {
            at = (at + 1) & (slot_count_ - 1);
        }
        return at;
    }

    [[nodiscard]] static std::size_t hash(std::string_view key) noexcept {
        constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15;
        std::uint64_t hash = key.size();
        const auto add = [&hash](std::uint64_t word) {
            hash = (hash ^ word) * kFactor;
            hash ^= hash >> 32;
        };
        if (key.size() >= EightBytes::kSize) {
            const std::size_t last = key.size() - EightBytes::kSize;
            for (std::size_t i = 0; i < last; i += EightBytes::kSize) {
                add(EightBytes(key.data() + i).word());
            }
            add(EightBytes(key.data() + last).word());
        } else {
            for (const char c : key) {
                add(static_cast<unsigned char>(c));
            }
        }
        return static_cast<std::size_t>(hash);
    }

    static constexpr std::size_t kFew = 16;

    Arena& arena_;
    const Entry* entries_;
    std::size_t count_;
    Slot* slots_ = nullptr;
    std::size_t slot_count_ = 2 * kFew;
};

/// A list that is filled once.
struct Entries {
    Entry* list = nullptr;
    std::size_t count = 0;

    void add(std::string_view key, const JsonValue* value) noexcept {
        list[count] = {key, count, value};
        count++;
    }
};

/// Makes room for an entry for each part of `container`; none when it is nullptr or empty.
Entries room_for(Arena& arena, const JsonValue* container) noexcept {
    Entries entries;
    if (container != nullptr && container->count != 0) {
        entries.list = arena.make_array<Entry>(container->count);
    }
    return entries;
}

// ---------------------------------------------------------------- times

bool has_time_form(std::string_view text) noexcept {
    constexpr std::string_view kForm = "0000-00-00 00:00:00";
    constexpr std::size_t kLast = kForm.size() - EightBytes::kSize;
    if (text.size() != kForm.size()) {
        return false;
    }
    const auto has = [text, kForm](std::size_t at) {
        return EightBytes(text.data() + at).have_form(EightBytes(kForm.data() + at));
    };
    return has(0) && has(EightBytes::kSize) && has(kLast);
}

std::string_view utc(Arena& arena, std::string_view text) noexcept {
    return concat(arena, text, std::string_view(" UTC"));
}

/// Exponent, such as `+3`; a larger one than any number has digits stays within the bounds of the
/// type.
std::int64_t exponent_of(std::string_view text) noexcept {
    constexpr std::int64_t kBeyondAll = std::int64_t{1} << 62;
    if (!text.empty() && text.front() == '+') {
        text.remove_prefix(1);
    }
    std::int64_t exponent = 0;
    const char* const end = text.data() + text.size();
    if (std::from_chars(text.data(), end, exponent).ec == std::errc::result_out_of_range) {
        exponent = text.front() == '-' ? -kBeyondAll : kBeyondAll;
    }
    return std::clamp(exponent, -kBeyondAll, kBeyondAll);
}

/// Whole seconds of a number within the years that have four digits. Read digit by digit:
/// std::from_chars has no double before GCC 11 and libc++ 20.
bool parse_epoch_seconds(std::string_view number, std::time_t& time) noexcept {
    if (number.empty() || !is_digit(number.back())) {
        return false;  // NaN, Infinity
    }
    const bool is_negative = number.front() == '-';
    number.remove_prefix(is_negative ? 1 : 0);
    const std::string_view digits = number.substr(0, number.find_first_of("eE"));
    const std::size_t whole_digits = std::min(digits.find('.'), digits.size());
    std::int64_t left = static_cast<std::int64_t>(whole_digits);
    left += exponent_of(number.substr(std::min(digits.size() + 1, number.size())));
    std::uint64_t seconds = 0;
    for (const char c : digits) {
        if (is_negative && c >= '1') {
            return false;
        }
        if (c != '.' && left-- > 0 && seconds <= kMaxEpochSeconds) {
            seconds = seconds * 10 + static_cast<std::uint64_t>(c - '0');
        }
    }
    for (; left > 0 && seconds != 0 && seconds <= kMaxEpochSeconds; left--) {
        seconds *= 10;
    }
    time = static_cast<std::time_t>(seconds);
    return seconds <= kMaxEpochSeconds;
}

/// BlueKing's times are UTC and do not say so.
std::string_view time_of(Arena& arena, const JsonValue* value) noexcept {
    const std::string_view text = text_of(arena, value);
    if (value == nullptr) {
        return {};
    }
    if (value->kind == JsonValue::Kind::kString) {
        return has_time_form(text) ? utc(arena, text) : text;
    }
    std::time_t time = 0;
    if (value->kind != JsonValue::Kind::kNumber || !parse_epoch_seconds(text, time)) {
        return text;
    }
    std::tm parts;
    char formed[20];
    if (gmtime_r(&time, &parts) == nullptr ||
        std::strftime(formed, sizeof(formed), "%Y-%m-%d %H:%M:%S", &parts) == 0) {
        return text;
    }
    return utc(arena, {formed, sizeof(formed) - 1});
}

// ---------------------------------------------------------------- level

/// Level 1, 2 or 3 of `1`, `"1"`, `1.0`, `" 01 "` and so on; else 0.
unsigned level_number(std::string_view text) noexcept {
    text = trim(text);
    const std::size_t dot = text.find('.');
    if (dot != std::string_view::npos) {
        const std::string_view fraction = text.substr(dot + 1);
        if (fraction.empty() || fraction.find_first_not_of('0') != std::string_view::npos) {
            return 0;
        }
        text = text.substr(0, dot);
    }
    text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
    return text.size() == 1 && text[0] >= '1' && text[0] <= '3'
               ? static_cast<unsigned>(text[0] - '0')
               : 0;
}

// ---------------------------------------------------------------- metrics

/// Distinct texts of one member over the objects in `item_list`, joined by commas.
std::string_view distinct(Arena& arena, const JsonValue* item_list, std::string_view name,
                          std::string_view* first) noexcept {
    Entries all =
        room_for(arena, item_list != nullptr && item_list->is_array() ? item_list : nullptr);
    if (all.list == nullptr) {
        return {};
    }
    for (const JsonValue* item = item_list->first; item != nullptr; item = item->next) {
        const std::string_view text = text_of(arena, item->member(name));
        if (!is_blank(text)) {
            all.add(text, item);
        }
    }
    if (all.count == 0) {
        return {};
    }
    if (first != nullptr) {
        *first = all.list[0].key;
    }
    if (all.count == 1) {
        return all.list[0].key;
    }
    std::string_view* texts = arena.make_array<std::string_view>(all.count);
    if (texts == nullptr) {
        return {};
    }
    std::size_t count = 0;
    KeyIndex index(arena, all.list, all.count);
    for (std::size_t i = 0; i < all.count; i++) {
        const Entry* same = index.find(all.list[i].key);
        if (same != nullptr && same->order == i) {
            texts[count++] = all.list[i].key;
        }
    }
    return join(arena, texts, count, ",");
}

/// First element that is not empty; the text itself when it is no array.
std::string_view first_element(Arena& arena, const JsonValue* value) noexcept {
    if (value == nullptr || !value->is_array()) {
        return text_of(arena, value);
    }
    for (const JsonValue* part = value->first; part != nullptr; part = part->next) {
        const std::string_view text = text_of(arena, part);
        if (!is_blank(text)) {
            return text;
        }
    }
    return {};
}

// ---------------------------------------------------------------- dimensions

/// Names of the instances in a topology path, `/` between them; empty when it is none.
std::string_view instance_path(Arena& arena, const JsonValue& path) noexcept {
    std::string_view* names = arena.make_array<std::string_view>(path.count);
    if (names == nullptr) {
        return {};
    }
    std::size_t count = 0;
    for (const JsonValue* part = path.first; part != nullptr; part = part->next) {
        const JsonValue* name = part->member("bk_inst_name");
        if (name == nullptr) {
            return {};
        }
        names[count++] = text_of(arena, name);
    }
    return join(arena, names, count, "/");
}

/// Text of `display_value`; empty when it has none.
std::string_view displayed(Arena& arena, const JsonValue* display_value) noexcept {
    if (!is_present(display_value) || display_value->is_object()) {
        return {};
    }
    return display_value->is_array() ? instance_path(arena, *display_value) : display_value->text;
}

Dimension dimension_of(Arena& arena, std::string_view key, const JsonValue* value,
                       const JsonValue* display_value) noexcept {
    Dimension dimension;
    dimension.key = key;
    dimension.label_name = label_name(arena, key);
    dimension.value = text_of(arena, value);
    // An uptime check's error code is translated to the answer that the check expects.
    dimension.text =
        dimension.label_name == "error_code" ? std::string_view{} : displayed(arena, display_value);
    dimension.text = first_not_empty(dimension.text, dimension.value);
    return dimension;
}

const JsonValue* dimensions_of(const BlueKingMessage& message) noexcept {
    const JsonValue* dimensions = message[Field::kEventDimensions];
    if (dimensions == nullptr || !dimensions->is_object() || dimensions->count == 0) {
        dimensions = message[Field::kAnomalyDimensions];
    }
    return dimensions != nullptr && dimensions->is_object() ? dimensions : nullptr;
}

/// Dimensions in the order of the labels: those that `agg_dimensions` names first, in its order,
/// then the others as they came.
Entries in_label_order(Arena& arena, const JsonValue* dimensions,
                       const JsonValue* agg_dimensions) noexcept {
    Entries names = room_for(
        arena, agg_dimensions != nullptr && agg_dimensions->is_array() ? agg_dimensions : nullptr);
    for (const JsonValue* name = names.list == nullptr ? nullptr : agg_dimensions->first;
         name != nullptr; name = name->next) {
        if (name->kind == JsonValue::Kind::kString) {
            names.add(without_tags(name->text), name);
        }
    }
    Entries ordered = room_for(arena, dimensions);
    if (ordered.list == nullptr) {
        return ordered;
    }
    KeyIndex index(arena, names.list, names.count);
    for (const JsonValue* part = dimensions->first; part != nullptr; part = part->next) {
        const Entry* name = index.find(without_tags(part->key));
        ordered.add(part->key, part);
        // Sorts by rank, those without a name behind all ranks, then by place.
        Entry& added = ordered.list[ordered.count - 1];
        const std::size_t rank = name != nullptr ? name->order : names.count;
        added.order += rank * dimensions->count;
    }
    std::sort(ordered.list, ordered.list + ordered.count,
              [](const Entry& a, const Entry& b) { return a.order < b.order; });
    return ordered;
}

void read_callback_dimensions(Arena& arena, const BlueKingMessage& message,
                              BlueKingAlert& alert) noexcept {
    const JsonValue* dimensions = dimensions_of(message);
    const Entries ordered = in_label_order(arena, dimensions, message[Field::kEventAggDimensions]);
    if (ordered.list == nullptr) {
        return;
    }
    const JsonValue* translation = message[Field::kEventDimensionTranslation];
    translation = translation != nullptr && translation->is_object() ? translation : nullptr;
    Entries translations = room_for(arena, translation);
    for (const JsonValue* part = translations.list == nullptr ? nullptr : translation->first;
         part != nullptr; part = part->next) {
        translations.add(part->key, part);
    }
    Dimension* list = arena.make_array<Dimension>(ordered.count);
    if (list == nullptr) {
        return;
    }
    KeyIndex index(arena, translations.list, translations.count);
    for (std::size_t i = 0; i < ordered.count; i++) {
        const Entry& entry = ordered.list[i];
        const Entry* found = index.find(entry.key);
        list[i] = dimension_of(arena, entry.key, entry.value,
                               found == nullptr ? nullptr : found->value->member("display_value"));
    }
    alert.dimensions = list;
    alert.dimension_count = ordered.count;
}

void read_alert_info_dimensions(Arena& arena, const BlueKingMessage& message,
                                BlueKingAlert& alert) noexcept {
    const JsonValue* dimensions = message[Field::kDimensionsTop];
    if (dimensions == nullptr || !dimensions->is_array() || dimensions->count == 0) {
        return;
    }
    Dimension* list = arena.make_array<Dimension>(dimensions->count);
    if (list == nullptr) {
        return;
    }
    std::size_t count = 0;
    for (const JsonValue* part = dimensions->first; part != nullptr; part = part->next) {
        const JsonValue* key = part->member("key");
        if (is_present(key)) {
            list[count++] = dimension_of(arena, text_of(arena, key), part->member("value"),
                                         part->member("display_value"));
        }
    }
    alert.dimensions = list;
    alert.dimension_count = count;
}

std::string_view resource_of(const BlueKingAlert& alert) noexcept {
    constexpr std::size_t kNone = std::size(kResourceDimensions);
    std::size_t best = kNone;
    std::string_view resource;
    for (std::size_t i = 0; i < alert.dimension_count; i++) {
        const Dimension& dimension = alert.dimensions[i];
        for (std::size_t rank = 0; rank < best; rank++) {
            if (is_same(dimension.label_name, kResourceDimensions[rank]) &&
                !is_blank(dimension.text)) {
                best = rank;
                resource = dimension.text;
            }
        }
    }
    if (best == kNone && alert.is_alert_info) {
        return first_not_empty(alert.ip, alert.target);
    }
    return resource;
}

// ---------------------------------------------------------------- description

/// Message of the anomaly of the alert's level, else of the first anomaly that has one.
std::string_view anomaly_message(Arena& arena, const JsonValue* anomaly, unsigned level) noexcept {
    if (anomaly == nullptr || !anomaly->is_object()) {
        return {};
    }
    std::string_view first;
    for (const JsonValue* part = anomaly->first; part != nullptr; part = part->next) {
        const std::string_view text = text_of(arena, part->member("anomaly_message"));
        if (is_blank(text)) {
            continue;
        }
        if (part->key.size() == 1 && level != 0 && part->key[0] == static_cast<char>('0' + level)) {
            return text;
        }
        if (first.empty()) {
            first = text;
        }
    }
    return first;
}

// ---------------------------------------------------------------- the two forms

bool is_alert_info(const BlueKingMessage& message) noexcept {
    return !is_present(message[Field::kType]) &&
           (message[Field::kStatus] != nullptr || message[Field::kSeverity] != nullptr);
}

/// Source of a text of the alert in each of the two forms.
struct TextSource {
    std::string_view BlueKingAlert::*text;
    Field callback_message;
    Field alert_info;  ///< kCount: not in this form
};

constexpr TextSource kTexts[] = {
    {&BlueKingAlert::type, Field::kType, Field::kStatus},
    {&BlueKingAlert::bk_biz_id, Field::kBizId, Field::kEventBizId},
    {&BlueKingAlert::bk_biz_name, Field::kBizName, Field::kBizName},
    {&BlueKingAlert::level, Field::kEventLevel, Field::kSeverity},
    {&BlueKingAlert::level_name, Field::kEventLevelName, Field::kCount},
    {&BlueKingAlert::level_word, Field::kEventLevelName, Field::kEventLevelName},
    {&BlueKingAlert::strategy_id, Field::kStrategyId, Field::kStrategyIdTop},
    {&BlueKingAlert::strategy_name, Field::kStrategyName, Field::kStrategyName},
    {&BlueKingAlert::alert_name, Field::kStrategyName, Field::kAlertName},
    {&BlueKingAlert::strategy_labels, Field::kLabels, Field::kLabels},
    {&BlueKingAlert::current_value, Field::kCurrentValue, Field::kCurrentValue},
    {&BlueKingAlert::description, Field::kDescription, Field::kDescription},
    {&BlueKingAlert::related_info, Field::kRelatedInfo, Field::kRelatedInfo},
    {&BlueKingAlert::ip, Field::kCount, Field::kEventIp},
    {&BlueKingAlert::target, Field::kCount, Field::kEventTarget},
};

constexpr TextSource kTimes[] = {
    {&BlueKingAlert::begin_time, Field::kEventBeginTime, Field::kBeginTime},
    {&BlueKingAlert::create_time, Field::kEventCreateTime, Field::kCreateTime},
    {&BlueKingAlert::end_time, Field::kEventEndTime, Field::kEndTime},
};

const JsonValue* pick(const BlueKingMessage& message, const TextSource& source,
                      bool is_alert_info) noexcept {
    const Field field = is_alert_info ? source.alert_info : source.callback_message;
    return field == Field::kCount ? nullptr : message[field];
}

void read_callback_message(Arena& arena, const BlueKingMessage& message,
                           BlueKingAlert& alert) noexcept {
    const JsonValue* id = message[Field::kEventId];
    const JsonValue* event_id = message[Field::kEventEventId];
    alert.event_id = first_not_empty(text_of(arena, event_id), text_of(arena, id));
    // Older versions have two different ids, and an end time on alerts that still fire.
    alert.has_ended = is_text(message[Field::kEventEndTime]) && is_text(id) && is_text(event_id) &&
                      id->text == event_id->text;
    alert.scenario = first_not_empty(text_of(arena, message[Field::kScenario]),
                                     text_of(arena, message[Field::kStrategyScenario]));
    const JsonValue* item_list = message[Field::kStrategyItemList];
    alert.metric = distinct(arena, item_list, "metric_id", nullptr);
    alert.metric_name = distinct(arena, item_list, "metric_field_name", &alert.first_metric_name);
    alert.data_source = distinct(arena, item_list, "data_source_label", nullptr);
    alert.data_type = distinct(arena, item_list, "data_type_label", nullptr);
    read_callback_dimensions(arena, message, alert);
}

void read_alert_info(Arena& arena, const BlueKingMessage& message, BlueKingAlert& alert) noexcept {
    alert.event_id = text_of(arena, message[Field::kId]);
    alert.scenario = first_not_empty(text_of(arena, message[Field::kStrategyScenario]),
                                     text_of(arena, message[Field::kEventCategory]));
    alert.metric = first_element(arena, message[Field::kEventMetric]);
    alert.data_type = text_of(arena, message[Field::kEventDataType]);
    (void)distinct(arena, message[Field::kStrategyItemList], "metric_field_name",
                   &alert.first_metric_name);
    read_alert_info_dimensions(arena, message, alert);
}

}  // namespace

BlueKingAlert read_alert(Arena& arena, const BlueKingMessage& message) noexcept {
    BlueKingAlert alert;
    alert.is_alert_info = is_alert_info(message);
    for (const TextSource& source : kTexts) {
        const JsonValue* const value = pick(message, source, alert.is_alert_info);
        alert.*source.text = text_of(arena, value);
    }
    for (const TextSource& source : kTimes) {
        alert.*source.text = time_of(arena, pick(message, source, alert.is_alert_info));
    }
    const JsonValue* shielded =
        message[alert.is_alert_info ? Field::kIsShielded : Field::kEventIsShielded];
    alert.is_shielded = shielded != nullptr && shielded->kind == JsonValue::Kind::kBoolean &&
                        shielded->text == "true";
    alert.level_number = level_number(alert.level);
    if (is_blank(alert.description)) {
        alert.description = anomaly_message(arena, message[Field::kAnomaly], alert.level_number);
    }
    if (alert.is_alert_info) {
        read_alert_info(arena, message, alert);
    } else {
        read_callback_message(arena, message, alert);
    }
    alert.resource = resource_of(alert);
    return alert;
}

std::string_view dimension_text(const BlueKingAlert& alert, std::string_view label_name) noexcept {
    for (std::size_t i = 0; i < alert.dimension_count; i++) {
        if (equals_ignoring_case(alert.dimensions[i].label_name, label_name)) {
            return alert.dimensions[i].text;
        }
    }
    return {};
}

}  // namespace flashduty
