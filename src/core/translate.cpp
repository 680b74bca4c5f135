#include "translate.hpp"

#include <algorithm>
#include <cstdint>
#include <new>

#include "bytes.hpp"
#include "digest.hpp"
#include "text.hpp"

namespace flashduty {

namespace {

constexpr std::string_view kNamelessCheck = "BlueKing alert";

// ---------------------------------------------------------------- event_status

/// Values of `type`, or of an alert_info's `status`, of an alert that is over.
constexpr std::string_view kOver[] = {"RECOVERY_NOTICE", "RECOVERY_PUSH", "CLOSED", "CLOSE_PUSH",
                                      "RECOVERED"};

constexpr std::string_view kStatusOfLevel[] = {{}, "Critical", "Warning", "Info"};

struct LevelWord {
    std::string_view word;
    std::string_view status;
};

/// Looked for in this order, and only when the level is no number.
constexpr LevelWord kLevelWords[] = {
    {"致命", "Critical"}, {"Fatal", "Critical"},  {"Emergency", "Critical"},
    {"预警", "Warning"},  {"Warning", "Warning"}, {"提醒", "Info"},
    {"Notice", "Info"},   {"Remind", "Info"},     {"Info", "Info"},
};

std::string_view event_status(const BlueKingAlert& alert) noexcept {
    const bool is_over =
        alert.has_ended || std::any_of(std::begin(kOver), std::end(kOver), [&](auto word) {
            return equals_ignoring_case(alert.type, word);
        });
    if (is_over) {
        return "Ok";
    }
    if (alert.level_number != 0) {
        return kStatusOfLevel[alert.level_number];
    }
    for (const LevelWord& level : kLevelWords) {
        if (alert.level_word.find(level.word) != std::string_view::npos) {
            return level.status;
        }
    }
    return "Warning";
}

// ---------------------------------------------------------------- alert_key

/// Compares the dimensions' `key=value` byte by byte, without putting it together.
bool is_line_before(const Dimension& a, const Dimension& b) noexcept {
    const auto byte = [](const Dimension& line, std::size_t i) noexcept {
        const std::size_t at = i - line.key.size();
        const char c = i < line.key.size() ? line.key[i] : at == 0 ? '=' : line.value[at - 1];
        return static_cast<unsigned char>(c);
    };
    const std::size_t a_size = a.key.size() + 1 + a.value.size();
    const std::size_t b_size = b.key.size() + 1 + b.value.size();
    const std::size_t common = std::min(a_size, b_size);
    std::size_t i = 0;
    while (i < common && byte(a, i) == byte(b, i)) {
        i++;
    }
    return i == common ? a_size < b_size : byte(a, i) < byte(b, i);
}

/// Digest of the identity of an alert without an id: its origin and its subject. Made of values,
/// never their translations, so that a recovery finds its trigger.
std::string_view identity(Arena& arena, const BlueKingAlert& alert) noexcept {
    const std::size_t count = alert.dimension_count;
    const Dimension** lines = arena.make_array<const Dimension*>(count);
    Sha256 digest;
    if (lines == nullptr) {
        return {};
    }
    for (std::size_t i = 0; i < count; i++) {
        lines[i] = &alert.dimensions[i];
    }
    std::sort(lines, lines + count,
              [](const Dimension* a, const Dimension* b) { return is_line_before(*a, *b); });
    digest.add(alert.bk_biz_id);
    digest.add("\n");
    digest.add(alert.strategy_id);
    for (std::size_t i = 0; i < count; i++) {
        for (std::string_view part :
             {std::string_view("\n"), lines[i]->key, std::string_view("="), lines[i]->value}) {
            digest.add(part);
        }
    }
    return digest.hex(arena);
}

std::string_view alert_key(Arena& arena, const BlueKingAlert& alert) noexcept {
    if (!is_blank(alert.event_id)) {
        return alert_key_from(arena, alert.event_id);
    }
    return concat(arena, std::string_view("blueking:"), identity(arena, alert));
}

// ---------------------------------------------------------------- title_rule

bool take_prefix(std::string_view& text, std::string_view prefix) noexcept {
    const bool has = text.substr(0, prefix.size()) == prefix;
    if (has) {
        text.remove_prefix(prefix.size());
    }
    return has;
}

/// `line` without BlueKing's prefix that says how long the alert has been going on: it changes with
/// every repeat.
std::string_view without_age(std::string_view line) noexcept {
    std::string_view rest = line;
    if (take_prefix(rest, "新告警, ") || take_prefix(rest, "New Alarm, ")) {
        return rest;
    }
    if (!take_prefix(rest, "已持续") && !take_prefix(rest, "Continue ")) {
        return line;
    }
    rest.remove_prefix(std::min(rest.find_first_not_of("0123456789dhms "), rest.size()));
    return take_prefix(rest, ", ") ? rest : line;
}

std::string_view first_line(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = without_age(text.substr(0, end));
        if (!is_blank(line)) {
            return line;
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return {};
}

std::string_view check_of(Arena& arena, const BlueKingAlert& alert) noexcept {
    const std::string_view choices[] = {alert.alert_name, alert.first_metric_name,
                                        first_line(alert.description)};
    for (std::string_view choice : choices) {
        if (!is_blank(choice)) {
            return collapse_spaces(arena, choice, kMaxLabelCharacters + 1);
        }
    }
    return kNamelessCheck;
}

std::string_view title_rule(Arena& arena, std::string_view resource,
                            std::string_view check) noexcept {
    if (is_blank(resource)) {
        return title_from_line(arena, check);
    }
    resource = collapse_spaces(arena, resource, kTitleSourceCharacters);
    return title_from_line(arena, concat(arena, resource, std::string_view(" / "), check));
}

// ---------------------------------------------------------------- description

std::string_view description(Arena& arena, const BlueKingAlert& alert) noexcept {
    const bool has_more = !is_blank(alert.related_info) && alert.related_info != "--";
    std::string_view text = is_blank(alert.description) ? std::string_view{} : alert.description;
    if (has_more) {
        const std::string_view between = text.empty() ? std::string_view{} : "\n";
        text = concat(arena, first_characters(text, kMaxDescriptionCharacters + 1), between,
                      first_characters(alert.related_info, kMaxDescriptionCharacters + 1));
    }
    return cut(arena, text, kMaxDescriptionCharacters);
}

// ---------------------------------------------------------------- labels

/// A label that is a text of the alert as it is.
struct AlertLabel {
    std::string_view name;
    std::string_view BlueKingAlert::*text;
};

constexpr AlertLabel kAlertLabels[] = {
    {"metric", &BlueKingAlert::metric},
    {"bk_biz_id", &BlueKingAlert::bk_biz_id},
    {"bk_biz_name", &BlueKingAlert::bk_biz_name},
    {"strategy_id", &BlueKingAlert::strategy_id},
    {"strategy_name", &BlueKingAlert::strategy_name},
    {"strategy_labels", &BlueKingAlert::strategy_labels},
    {"scenario", &BlueKingAlert::scenario},
    {"type", &BlueKingAlert::type},
    {"level", &BlueKingAlert::level},
    {"level_name", &BlueKingAlert::level_name},
    {"current_value", &BlueKingAlert::current_value},
    {"event_id", &BlueKingAlert::event_id},
    {"begin_time", &BlueKingAlert::begin_time},
    {"create_time", &BlueKingAlert::create_time},
    {"end_time", &BlueKingAlert::end_time},
};

constexpr AlertLabel kMetricLabels[] = {
    {"metric_name", &BlueKingAlert::metric_name},
    {"data_source", &BlueKingAlert::data_source},
    {"data_type", &BlueKingAlert::data_type},
};

/// Says of nearly every name that is new that it is, without a look at all others.
class NameFilter {
  public:
    /// False when `name` may have been added before.
    constexpr bool add(std::string_view name) noexcept {
        const std::size_t place = place_of(name);
        const std::uint64_t bit = std::uint64_t{1} << (place % 64);
        const bool is_new = (bits_[place / 64] & bit) == 0;
        bits_[place / 64] |= bit;
        return is_new;
    }

  private:
    static constexpr std::size_t kPlaces = 256;

    [[nodiscard]] static constexpr std::size_t place_of(std::string_view name) noexcept {
        std::size_t place = 0;
        for (const char c : name) {
            place = place * 31 + static_cast<unsigned char>(c);
        }
        return (place ^ place >> 8) % kPlaces;
    }

    std::uint64_t bits_[kPlaces / 64] = {};
};

/// Names of labels that are no dimensions.
constexpr NameFilter own_names() noexcept {
    NameFilter names;
    for (std::string_view name : {"source", "resource", "check", "is_shielded"}) {
        names.add(name);
    }
    for (const AlertLabel& label : kAlertLabels) {
        names.add(label.name);
    }
    for (const AlertLabel& label : kMetricLabels) {
        names.add(label.name);
    }
    return names;
}
constexpr NameFilter kOwnNames = own_names();

/// Fills an event's labels in order, each name once.
class LabelList {
  public:
    LabelList(Arena& arena, FlashdutyEvent& event, const Overrides& overrides) noexcept
        : arena_(arena),
          event_(event),
          overrides_(overrides),
          room_(kMaxLabels + overrides.label_count) {
        event_.labels = static_cast<Label*>(arena.allocate(room_ * sizeof(Label)));
    }

    void add(std::string_view name, std::string_view text) noexcept {
        if (is_blank(text) || event_.labels == nullptr) {
            return;
        }
        if (event_.label_count == room_) {
            event_.dropped_labels += find_override(overrides_, name) == nullptr;
            return;
        }
        new (event_.labels + event_.label_count++)
            Label{name, cut(arena_, text, kMaxLabelCharacters)};
    }

    /// Adds a dimension, under another name when its own is taken by another text.
    void add_dimension(std::string_view name, std::string_view text) noexcept {
        if (name.empty() || is_blank(text)) {
            return;
        }
        const Label* same = names_.add(name) ? nullptr : find(name);
        if (same == nullptr) {
            add(name, text);
        } else if (same->value != cut(arena_, text, kMaxLabelCharacters)) {
            const std::string_view free = free_name(name);
            add(free, text);
            names_.add(free);
        }
    }

  private:
    static constexpr std::size_t kMaxName = 128;

    [[nodiscard]] const Label* find(std::string_view name) const noexcept {
        const Label* const end = event_.labels + event_.label_count;
        for (const Label* label = event_.labels; label != end; label++) {
            if (is_same(label->name, name)) {
                return label;
            }
        }
        return nullptr;
    }

    std::string_view free_name(std::string_view name) noexcept {
        const std::string_view prefixed =
            concat(arena_, std::string_view("dimension_"), name).substr(0, kMaxName);
        if (event_.label_count == room_) {
            return prefixed;  // finds no room under any name
        }
        std::string_view free = prefixed;
        for (std::size_t number = 2; !arena_.failed() && find(free) != nullptr; number++) {
            const std::string_view suffix =
                concat(arena_, std::string_view("_"), decimal(arena_, number));
            free = concat(arena_, prefixed.substr(0, kMaxName - suffix.size()), suffix);
        }
        return free;
    }

    Arena& arena_;
    FlashdutyEvent& event_;
    const Overrides& overrides_;
    std::size_t room_;
    NameFilter names_ = kOwnNames;
};

void add_labels(Arena& arena, const BlueKingAlert& alert, std::string_view check,
                const Overrides& overrides, FlashdutyEvent& event) noexcept {
    LabelList labels(arena, event, overrides);
    labels.add("source", "blueking");
    labels.add("resource", alert.resource);
    labels.add("check", check);
    for (const AlertLabel& label : kAlertLabels) {
        labels.add(label.name, alert.*label.text);
    }
    labels.add("is_shielded", alert.is_shielded ? "true" : "");
    for (const AlertLabel& label : kMetricLabels) {
        labels.add(label.name, alert.*label.text);
    }
    for (std::size_t i = 0; i < alert.dimension_count; i++) {
        labels.add_dimension(alert.dimensions[i].label_name, alert.dimensions[i].text);
    }
}

}  // namespace

FlashdutyEvent translate(Arena& arena, const BlueKingAlert& alert,
                         const Overrides& overrides) noexcept {
    FlashdutyEvent event;
    const std::string_view check = check_of(arena, alert);
    event.title_rule = title_rule(arena, alert.resource, check);
    event.event_status = event_status(alert);
    event.alert_key = alert_key(arena, alert);
    event.description = description(arena, alert);
    add_labels(arena, alert, check, overrides, event);
    return event;
}

}  // namespace flashduty
