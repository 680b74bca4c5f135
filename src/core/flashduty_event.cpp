#include "flashduty_event.hpp"

#include <algorithm>

#include "digest.hpp"
#include "json_writer.hpp"
#include "text.hpp"

namespace flashduty {

namespace {

constexpr std::string_view kTemplate = "[TPL]";

constexpr std::string_view kStatuses[] = {"Critical", "Warning", "Info", "Ok"};

/// Disarms every `[TPL]` in `text`: at its start it would make a template of it.
std::string_view without_templates(Arena& arena, std::string_view text) noexcept {
    static constexpr std::string_view kBracket = "\xEF\xBC\xBB";  // U+FF3B
    const auto is_template = [](std::string_view rest) {
        return equals_ignoring_case(rest.substr(0, kTemplate.size()), kTemplate);
    };
    std::size_t found = 0;
    for (std::size_t i = text.find('['); i != text.npos; i = text.find('[', i + 1)) {
        found += is_template(text.substr(i));
    }
    if (found == 0) {
        return text;
    }
    const std::size_t size = text.size() + found * (kBracket.size() - 1);
    char* to = static_cast<char*>(arena.allocate(size));
    if (to == nullptr) {
        return {};
    }
    char* end = to;
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] == '[' && is_template(text.substr(i))) {
            end = std::copy(kBracket.begin(), kBracket.end(), end);
        } else {
            *end++ = text[i];
        }
    }
    return {to, size};
}

void write(const FlashdutyEvent& event, JsonSink& sink) noexcept {
    sink.open_object();
    sink.member("title_rule", event.title_rule);
    sink.member("event_status", event.event_status);
    sink.member("alert_key", event.alert_key);
    if (!is_blank(event.description)) {
        sink.member("description", event.description);
    }
    if (event.label_count != 0) {
        sink.name("labels");
        sink.open_object();
        for (std::size_t i = 0; i < event.label_count; i++) {
            sink.member(event.labels[i].name, event.labels[i].value);
        }
        sink.close_object();
    }
    sink.close_object();
}

/// Not less than what write() writes.
std::size_t most_bytes(const FlashdutyEvent& event) noexcept {
    constexpr std::size_t kAround = std::string_view(",\"\":\"\"").size();
    constexpr std::size_t kFixed =
        std::string_view(
            R"({"title_rule":"","event_status":"","alert_key":"","description":"","labels":{}})")
            .size();
    std::size_t size = kFixed + most_escaped_bytes(event.title_rule) +
                       most_escaped_bytes(event.event_status) +
                       most_escaped_bytes(event.alert_key) + most_escaped_bytes(event.description);
    for (std::size_t i = 0; i < event.label_count; i++) {
        const Label& label = event.labels[i];
        size += kAround + label.name.size() + most_escaped_bytes(label.value);
    }
    return size;
}

/// The text of an override as Flashduty takes it; empty when it leaves the field alone.
std::string_view sound(Arena& arena, std::string_view text) noexcept {
    text = repair(arena, text);
    return is_blank(text) ? std::string_view{} : text;
}

/// Applies the labels: those that were set first, then the alert's own; labels without room are
/// counted.
void apply_labels(Arena& arena, const Overrides& overrides, FlashdutyEvent& event) noexcept {
    if (overrides.label_count == 0 && event.label_count <= kMaxLabels) {
        return;
    }
    Label* labels = arena.make_array<Label>(kMaxLabels);
    if (labels == nullptr) {
        return;
    }
    std::size_t count = 0;
    const auto add = [&](std::string_view name, std::string_view value) {
        if (count < kMaxLabels) {
            labels[count++] = {name, value};
        } else {
            event.dropped_labels++;
        }
    };
    for (std::size_t i = 0; i < overrides.label_count; i++) {
        const Label& label = overrides.labels[i];
        const std::string_view value = sound(arena, label.value);
        if (!value.empty() && find_override(overrides, label.name) == &label) {
            add(label.name, cut(arena, value, kMaxLabelCharacters));
        }
    }
    for (std::size_t i = 0; i < event.label_count; i++) {
        if (find_override(overrides, event.labels[i].name) == nullptr) {
            add(event.labels[i].name, event.labels[i].value);
        }
    }
    event.labels = labels;
    event.label_count = count;
}

bool is_cut(std::string_view text, std::size_t max_characters) noexcept {
    return text.size() >= max_characters &&
           text.substr(text.size() - kEllipsis.size()) == kEllipsis &&
           count_characters(text) == max_characters;
}

constexpr std::string_view kDigestPrefix = "sha256:";

}  // namespace

const Label* find_override(const Overrides& overrides, std::string_view name) noexcept {
    for (std::size_t i = overrides.label_count; i > 0; i--) {
        if (overrides.labels[i - 1].name == name) {
            return &overrides.labels[i - 1];
        }
    }
    return nullptr;
}

static_assert(kTitleSourceCharacters == kMaxTitleCharacters + kTemplate.size());

std::string_view title_from(Arena& arena, std::string_view text) noexcept {
    return title_from_line(arena, collapse_spaces(arena, text, kTitleSourceCharacters));
}

std::string_view title_from_line(Arena& arena, std::string_view line) noexcept {
    return cut(arena, without_templates(arena, line), kMaxTitleCharacters);
}

std::string_view alert_key_from(Arena& arena, std::string_view text) noexcept {
    if (text.size() <= kMaxAlertKeyCharacters || count_characters(text) <= kMaxAlertKeyCharacters) {
        return text;
    }
    return concat(arena, kDigestPrefix, sha256_hex(arena, text));
}

bool is_event_status(std::string_view text) noexcept {
    return std::find(std::begin(kStatuses), std::end(kStatuses), text) != std::end(kStatuses);
}

bool apply(Arena& arena, const Overrides& overrides, FlashdutyEvent& event) noexcept {
    const std::string_view title = sound(arena, overrides.title);
    if (!title.empty()) {
        event.title_rule = title_from(arena, title);
    }
    const std::string_view description = sound(arena, overrides.description);
    if (!description.empty()) {
        event.description = cut(arena, description, kMaxDescriptionCharacters);
    }
    const std::string_view alert_key = sound(arena, overrides.alert_key);
    if (!alert_key.empty()) {
        event.alert_key = alert_key_from(arena, alert_key);
    }
    apply_labels(arena, overrides, event);
    if (is_event_status(overrides.event_status)) {
        event.event_status = overrides.event_status;
        return true;
    }
    return is_blank(overrides.event_status);
}

CutFields cut_fields(const FlashdutyEvent& event, std::string_view json) noexcept {
    CutFields fields;
    fields.title = is_cut(event.title_rule, kMaxTitleCharacters);
    fields.description = is_cut(event.description, kMaxDescriptionCharacters);
    fields.alert_key = event.alert_key.size() == kDigestPrefix.size() + 2 * kSha256Bytes &&
                       event.alert_key.substr(0, kDigestPrefix.size()) == kDigestPrefix;
    fields.labels =
        json.size() >= kMaxLabelCharacters &&
        std::any_of(event.labels, event.labels + event.label_count, [](const Label& label) {
            return label.value.size() >= kMaxLabelCharacters &&
                   is_cut(label.value, kMaxLabelCharacters);
        });
    return fields;
}

std::string_view write_event(Arena& arena, const FlashdutyEvent& event) noexcept {
    char* to = static_cast<char*>(arena.allocate(most_bytes(event)));
    if (to == nullptr) {
        return {};
    }
    JsonSink sink(to);
    write(event, sink);
    return {to, sink.size_bytes()};
}

}  // namespace flashduty
