// A body becomes an event or an answer: whatever it is, however it comes in, and whether or not
// there is memory for it.
#include <algorithm>
#include <string>
#include <vector>

#include "blueking_alert.hpp"
#include "blueking_body.hpp"
#include "flashduty_event.hpp"
#include "harness.hpp"
#include "strict_json.hpp"
#include "text.hpp"
#include "translate.hpp"

using flashduty::BodyKind;
using strict::Json;
using strict::Says;

namespace {

// ---------------------------------------------------------------- the body

/// Place of a body: in one piece of memory, or where it has to be read from.
enum class Lies { kWhole, kApart };

Lies some_place(Dice& dice) { return dice.roll(2) == 0 ? Lies::kWhole : Lies::kApart; }

class Source final : public flashduty::BodySource {
  public:
    Source(std::string_view body, Lies lies, Dice dice) : body_(body), lies_(lies), dice_(dice) {}

    /// Fails to read that byte.
    void fail_at(std::size_t byte) { fails_at_ = byte; }
    [[nodiscard]] bool has_failed() const { return has_failed_; }

    [[nodiscard]] flashduty::JsonChunk whole() const noexcept override {
        return {lies_ == Lies::kWhole ? body_.text() : std::string_view{}, true};
    }

    std::size_t read(char* to, std::size_t size_bytes) noexcept override {
        demand(size_bytes != 0 && left_bytes() != 0, "something is left that is read");
        const std::size_t most = std::min(size_bytes, left_bytes());
        const std::size_t size = dice_.roll(2) == 0 ? most : 1 + dice_.roll(most);
        has_failed_ = has_failed_ || at_ + size > fails_at_;
        if (has_failed_) {
            return 0;
        }
        body_.text().copy(to, size, at_);
        at_ += size;
        read_to_ = std::max(read_to_, at_);
        return size;
    }

    [[nodiscard]] std::size_t left_bytes() const noexcept override {
        return body_.text().size() - at_;
    }

    void seek(std::size_t offset_bytes) noexcept override {
        demand(offset_bytes <= read_to_, "nobody goes behind what was read");
        at_ = offset_bytes;
    }

  private:
    Owned body_;
    Lies lies_;
    Dice dice_;
    std::size_t at_ = 0;
    std::size_t read_to_ = 0;
    std::size_t fails_at_ = static_cast<std::size_t>(-1);
    bool has_failed_ = false;
};

// ---------------------------------------------------------------- what is made of it

/// Every text in memory of its own.
struct OwnedOverrides {
    std::string title, description, alert_key, event_status;
    std::vector<std::string> texts;
    std::vector<flashduty::Label> labels;

    [[nodiscard]] flashduty::Overrides view() const {
        return {title, description, alert_key, event_status, labels.data(), labels.size()};
    }
};

struct Outcome {
    BodyKind kind = BodyKind::kEmpty;
    std::string event;

    bool operator==(const Outcome& other) const {
        return kind == other.kind && event == other.event;
    }
};

void check_variables(const flashduty::BlueKingAlert& alert,
                     const flashduty::FlashdutyEvent& event) {
    WatchedArena arena;
    const std::string_view dimension =
        alert.dimension_count == 0 ? std::string_view{} : alert.dimensions[0].label_name;
    for (std::string_view text :
         {event.title_rule, event.alert_key, event.description, alert.type, alert.current_value,
          alert.strategy_labels, flashduty::dimension_text(alert, dimension)}) {
        const std::string_view shown = flashduty::without_controls(arena, text);
        demand(strict::characters(shown) != static_cast<std::size_t>(-1), "a variable is UTF-8",
               shown);
        for (std::size_t i = 0; i < shown.size(); i++) {
            const auto c = static_cast<unsigned char>(shown[i]);
            const bool is_c1 = c == 0xC2 && static_cast<unsigned char>(shown[i + 1]) < 0xA0;
            demand(c >= 0x20 && c != 0x7F && !is_c1, "a variable has no control character", shown);
        }
    }
}

Outcome translate(flashduty::Arena& arena, flashduty::BodySource& source,
                  const flashduty::Overrides& overrides) {
    const flashduty::BodyReading reading = flashduty::read_body(arena, source);
    if (reading.kind != BodyKind::kMessage) {
        return {reading.kind, {}};
    }
    const flashduty::BlueKingAlert alert = flashduty::read_alert(arena, reading.message);
    flashduty::FlashdutyEvent event = flashduty::translate(arena, alert, overrides);
    const bool is_status_taken = flashduty::apply(arena, overrides, event);
    const std::string_view written = flashduty::write_event(arena, event);
    if (arena.failed()) {
        return {BodyKind::kOutOfMemory, {}};
    }
    demand(is_status_taken == (flashduty::is_event_status(overrides.event_status) ||
                               is_blank(overrides.event_status)),
           "what is said of a status that was set", overrides.event_status);
    check_variables(alert, event);
    return {reading.kind, std::string(written)};
}

/// In the arena that a request has.
void check_memory(std::string_view body, Lies lies, const Dice& dice,
                  const flashduty::Overrides& overrides, const Outcome& expected) {
    constexpr std::size_t kBaseBytes = 1024 * 1024;
    MallocRooms arena;
    Source source(body, lies, dice);
    demand(translate(arena, source, overrides) == expected, "the same event in any arena",
           expected.event);
    demand(arena.peak_bytes() <= 4 * body.size() + kBaseBytes,
           "a body takes four times its size and a megabyte at most",
           std::to_string(arena.peak_bytes()));
}

Outcome outcome_of(std::string_view body, Lies lies, Dice& dice,
                   const flashduty::Overrides& overrides = {}) {
    constexpr std::size_t kPieces[] = {8, 32, 128, 1024, 64 * 1024};
    flashduty::kPieceBytes = kPieces[dice.roll(std::size(kPieces))];
    WatchedArena arena;
    const Dice reads = dice.split();
    Source source(body, lies, reads);
    Outcome outcome = translate(arena, source, overrides);
    demand(!arena.failed(), "memory that is there is not refused");
    check_memory(body, lies, reads, overrides, outcome);
    return outcome;
}

// ---------------------------------------------------------------- the rules of an event

void check_text(std::string_view text, std::size_t limit, const char* what) {
    demand(!is_blank(text), "no text is empty", what);
    demand(strict::characters(text) <= limit, "every text keeps its limit", what);
    for (const char c : text) {
        const bool is_control = static_cast<unsigned char>(c) < 0x20;
        demand(!is_control || c == '\n' || c == '\t', "no text holds a control character", what);
    }
}

void check_title(std::string_view title) {
    check_text(title, 512, "title_rule");
    demand(title.front() != ' ' && title.back() != ' ' && title.find("  ") == title.npos &&
               title.find_first_of("\n\t") == title.npos,
           "a title is one line of single spaces", title);
    std::string lower(title);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    demand(lower.find("[tpl]") == lower.npos, "no title is a template", title);
}

bool is_name(std::string_view name) {
    constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    const auto is_first = [&](char c) { return kFirst.find(c) != kFirst.npos; };
    return !name.empty() && name.size() <= 128 && is_first(name[0]) &&
           std::all_of(name.begin(), name.end(),
                       [&](char c) { return is_first(c) || (c >= '0' && c <= '9'); });
}

void check_labels(const Json& labels) {
    demand(labels.kind == Json::Kind::kObject, "labels are an object");
    demand(!labels.parts.empty() && labels.parts.size() <= 50, "there are 1 to 50 labels");
    std::vector<std::string_view> names;
    for (const Json& label : labels.parts) {
        demand(is_name(label.name), "a label is named as Flashduty takes it", label.name);
        demand(label.kind == Json::Kind::kString, "a label is a text", label.name);
        check_text(label.text, 2048, label.name.c_str());
        names.push_back(label.name);
    }
    std::sort(names.begin(), names.end());
    demand(std::adjacent_find(names.begin(), names.end()) == names.end(), "no label comes twice");
}

/// Flashduty's rules for an event, and what docs/translation.md adds to it.
void check_event(std::string_view written, Json& event) {
    demand(strict::read(written, {}, event) == Says::kJson, "an event is JSON and UTF-8", written);
    demand(event.kind == Json::Kind::kObject, "an event is an object", written);
    constexpr std::string_view kMembers[] = {"title_rule", "event_status", "alert_key",
                                             "description", "labels"};
    const auto* place = std::begin(kMembers);
    for (const Json& member : event.parts) {
        const auto* found = std::find(place, std::end(kMembers), member.name);
        demand(found != std::end(kMembers), "members are known, in order and each there once",
               written);
        place = found + 1;
        demand(member.name == "labels" || member.kind == Json::Kind::kString, "fields are texts",
               written);
    }
    for (std::string_view name : {"title_rule", "event_status", "alert_key"}) {
        demand(event.member(name) != nullptr, "what is required is there", written);
    }
    check_title(event.member("title_rule")->text);
    check_text(event.member("alert_key")->text, 255, "alert_key");
    const std::string& status = event.member("event_status")->text;
    demand(status == "Critical" || status == "Warning" || status == "Info" || status == "Ok",
           "the status is one of four", status);
    if (event.member("description") != nullptr) {
        check_text(event.member("description")->text, 2048, "description");
    }
    if (event.member("labels") != nullptr) {
        check_labels(*event.member("labels"));
    }
}

// ---------------------------------------------------------------- what holds for every body

constexpr strict::Dialect kBlueKings = {true, true, true};

/// docs/translation.md, "Reading", once more: a body is opened until there is a message in it.
class Finder {
  public:
    bool is_ambiguous = false;  ///< one of two members of that name counts, and either may

    /// True when `json` is, or opens to, something of that kind.
    [[nodiscard]] bool finds(const Json& json, bool (Finder::*is_it)(const Json&),
                             std::size_t openings) {
        if ((this->*is_it)(json)) {
            return true;
        }
        if (openings == 0) {
            return false;
        }
        Json inside;
        if (json.kind == Json::Kind::kString) {
            return strict::read(json.text, kBlueKings, inside) == Says::kJson &&
                   finds(inside, is_it, openings - 1);
        }
        if (json.kind == Json::Kind::kArray && json.parts.size() != 1) {
            return false;
        }
        return std::any_of(json.parts.begin(), json.parts.end(),
                           [&](const Json& part) { return finds(part, is_it, openings - 1); });
    }

    bool is_message(const Json& json) {
        const Json* event = object_event(json);
        return event != nullptr && object_event(*event) == nullptr;
    }

    bool is_debug(const Json& json) {
        return json.kind == Json::Kind::kObject && json.parts.size() == 1 &&
               sound(json.parts[0].name) == "alarm" && json.parts[0].kind < Json::Kind::kArray;
    }

  private:
    const Json* object_event(const Json& json) {
        const Json* event = nullptr;
        for (const Json& part : json.parts) {
            if (json.kind == Json::Kind::kObject && sound(part.name) == "event") {
                is_ambiguous = is_ambiguous || event != nullptr;
                event = &part;
            }
        }
        return event != nullptr && event->kind == Json::Kind::kObject ? event : nullptr;
    }

    static std::string sound(std::string name) {
        const auto is_dropped = [](char c) {
            return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t';
        };
        name.erase(std::remove_if(name.begin(), name.end(), is_dropped), name.end());
        return name;
    }
};

void check_kind(std::string_view body, BodyKind kind) {
    Json json;
    const Says says = strict::read(body, kBlueKings, json);
    const bool is_space = body.find_first_not_of(" \t\n\r") == body.npos;
    BodyKind expected = says == Says::kTooDeep ? BodyKind::kTooDeep
                        : is_space             ? BodyKind::kEmpty
                                               : BodyKind::kNoJson;
    if (says == Says::kJson) {
        constexpr std::size_t kOpenings = 4;
        Finder finder;
        expected = finder.finds(json, &Finder::is_message, kOpenings) ? BodyKind::kMessage
                   : finder.finds(json, &Finder::is_debug, kOpenings) ? BodyKind::kDebug
                                                                      : BodyKind::kNoAlert;
        if (finder.is_ambiguous) {
            return;
        }
    }
    demand(kind == expected, "a body is taken for what it is",
           std::to_string(static_cast<int>(kind)) + " instead of " +
               std::to_string(static_cast<int>(expected)));
}

void check_pieces(std::string_view body, const Outcome& expected, Dice& dice) {
    for (const Lies lies : {Lies::kWhole, Lies::kApart, Lies::kApart}) {
        demand(outcome_of(body, lies, dice) == expected, "the same event in any pieces",
               expected.event);
    }
}

void check_failures(std::string_view body, BodyKind kind, Dice& dice) {
    const Dice reads = dice.split();
    WatchedArena enough;
    Source source(body, Lies::kApart, reads);
    (void)translate(enough, source, {});

    WatchedArena arena(dice.roll(enough.allocations()));
    Source again(body, Lies::kApart, reads);
    const Outcome outcome = translate(arena, again, {});
    demand(arena.failed(), "the same body takes as many allocations");
    // The fault of a body may be known before the memory ends.
    demand(outcome.kind == BodyKind::kOutOfMemory ||
               (outcome.kind == kind && kind != BodyKind::kMessage),
           "without memory it says so", std::to_string(static_cast<int>(outcome.kind)));

    WatchedArena other;
    Source broken(body, Lies::kApart, reads);
    broken.fail_at(dice.roll(body.size() + 1));
    const Outcome read = translate(other, broken, {});
    demand(!broken.has_failed() || read.kind == BodyKind::kUnreadable,
           "what cannot be read is not taken for a body");
}

/// `body` as a JSON string.
std::string quoted(std::string_view body) {
    std::string text = "\"";
    for (const char c : body) {
        if (static_cast<unsigned char>(c) < 0x20) {
            constexpr char kDigits[] = "0123456789abcdef";
            text += c < 0x10 ? "\\u000" : "\\u001";
            text += kDigits[c & 0xF];
        } else {
            text += c == '"' || c == '\\' ? "\\" : "";
            text += c;
        }
    }
    return text + '"';
}

std::string without_mark(std::string_view body) {
    return std::string(body.substr(body.substr(0, 3) == "\xEF\xBB\xBF" ? 3 : 0));
}

std::string wrapped(std::string_view body, Dice& dice) {
    switch (dice.roll(6)) {
        case 0:
            return "[" + without_mark(body) + "]";
        case 1:
            return "{\"a\":1,\"b\":" + without_mark(body) + ",\"c\":{}}";
        case 2:
            return "[" + quoted(body) + "]";
        case 3:
            return "{\"text\":" + quoted(body) + "}";
        case 4: {
            constexpr std::size_t kDeepest = 66;
            const std::size_t depth = dice.roll(kDeepest);
            return std::string(depth, '[') + without_mark(body) + std::string(depth, ']');
        }
        default:
            return quoted(body);
    }
}

/// A message that is wrapped in something is the same message, unless it lies too far in.
void check_wrapped(std::string_view body, const Outcome& expected, Dice& dice) {
    constexpr std::size_t kMaxBytes = 64 * 1024;
    std::string outer(body);
    for (std::size_t times = 1 + dice.roll(6); times > 0 && outer.size() < kMaxBytes; times--) {
        outer = wrapped(outer, dice);
    }
    const Outcome outcome = outcome_of(outer, some_place(dice), dice);
    check_kind(outer, outcome.kind);
    demand(outcome == expected || outcome.kind != BodyKind::kMessage,
           "the same event from within something", outcome.event);
}

/// Repeats the text between two commas, next to each other or not, over and over: a large body
/// costs time and memory, but not more of them for each byte.
void check_grown(std::string_view body, Dice& dice) {
    const std::size_t grown_bytes = dice.roll(8) == 0 ? 1024 * 1024 : 96 * 1024;
    const std::size_t from = body.find(',', dice.roll(body.size() + 1));
    std::size_t to = from == body.npos ? from : body.find(',', from + 1);
    if (to == body.npos) {
        return;
    }
    for (std::size_t more = dice.roll(4); more > 0 && body.find(',', to + 1) != body.npos; more--) {
        to = body.find(',', to + 1);
    }
    std::string grown(body.substr(0, to));
    while (grown.size() < grown_bytes) {
        grown += body.substr(from, to - from);
    }
    grown += body.substr(to);
    const Outcome outcome = outcome_of(grown, some_place(dice), dice);
    check_kind(grown, outcome.kind);
    if (outcome.kind == BodyKind::kMessage) {
        Json event;
        check_event(outcome.event, event);
    }
}

// ---------------------------------------------------------------- overrides

std::string text_from(std::string_view body, Dice& dice) {
    constexpr const char* kTexts[] = {"",         " \t\n",   "[TPL]x",       "Ok",
                                      "Critical", "warning", "\xED\xA0\x80", "a\x01\x7F\r\nb"};
    const std::size_t choice = dice.roll(std::size(kTexts) + 6);
    if (choice < std::size(kTexts)) {
        return kTexts[choice];
    }
    std::string text(dice.part_of(body, 64));
    if (choice == std::size(kTexts)) {  // longer than any limit
        for (std::string part = text + "[tpL]\xE6\xBC\xA2"; text.size() < 8 * 1024;) {
            text += part;
        }
    }
    return text;
}

OwnedOverrides overrides_from(std::string_view body, Dice& dice) {
    constexpr std::string_view kNames[] = {"source", "resource", "check",     "team",
                                           "ip",     "metric",   "level",     "host",
                                           "_",      "event_id", "bk_biz_id", "dimension_ip"};
    OwnedOverrides overrides;
    for (std::string* text : {&overrides.title, &overrides.description, &overrides.alert_key,
                              &overrides.event_status}) {
        *text = dice.roll(2) == 0 ? text_from(body, dice) : std::string();
    }
    const std::size_t count = dice.roll(8) == 0 ? 60 : dice.roll(5);
    overrides.texts.reserve(2 * count);
    for (std::size_t i = 0; i < count; i++) {
        const std::size_t choice = dice.roll(std::size(kNames) + 4);
        overrides.texts.push_back(choice < std::size(kNames) ? std::string(kNames[choice])
                                                             : "set_" + std::to_string(i));
        const std::string& name = overrides.texts.back();
        overrides.texts.push_back(text_from(body, dice));
        overrides.labels.push_back({name, overrides.texts.back()});
    }
    return overrides;
}

/// True when nothing is left of a text that is set, once it is made fit.
bool sets_nothing(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) <= 0x20; });
}

void check_overrides(std::string_view body, const Json& plain, Dice& dice) {
    const OwnedOverrides owned = overrides_from(body, dice);
    const flashduty::Overrides overrides = owned.view();
    const Outcome outcome = outcome_of(body, Lies::kWhole, dice, overrides);
    demand(outcome_of(body, Lies::kApart, dice, overrides) == outcome,
           "the same event in any pieces, with overrides", outcome.event);
    Json event;
    check_event(outcome.event, event);

    for (const auto& [name, set] :
         {std::pair{"title_rule", overrides.title}, std::pair{"description", overrides.description},
          std::pair{"alert_key", overrides.alert_key}}) {
        const Json* before = plain.member(name);
        const Json* after = event.member(name);
        demand(!sets_nothing(set) ||
                   (before == nullptr ? after == nullptr
                                      : after != nullptr && after->text == before->text),
               "what is not set stays", name);
        demand(sets_nothing(set) || after != nullptr, "what is set is there", name);
    }
    const Json* labels = event.member("labels");
    for (std::size_t i = 0; i < overrides.label_count; i++) {
        const flashduty::Label& label = overrides.labels[i];
        const bool counts =
            std::none_of(overrides.labels + i + 1, overrides.labels + overrides.label_count,
                         [&](const flashduty::Label& later) { return later.name == label.name; });
        const bool is_there = labels != nullptr && labels->member(label.name) != nullptr;
        const bool may_be_dropped = overrides.label_count > 50;
        demand(!counts || is_there == !sets_nothing(label.value) || (may_be_dropped && !is_there),
               "a label that is set is there, one set to nothing is not", label.name);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    Dice dice(body);
    const Outcome outcome = outcome_of(body, Lies::kWhole, dice);
    check_kind(body, outcome.kind);
    check_pieces(body, outcome, dice);
    check_failures(body, outcome.kind, dice);
    if (outcome.kind == BodyKind::kMessage) {
        Json event;
        check_event(outcome.event, event);
        demand(event.member("labels") != nullptr &&
                   event.member("labels")->parts[0].text == "blueking",
               "the first label says where it comes from", outcome.event);
        check_overrides(body, event, dice);
    } else {
        demand(outcome.event.empty(), "without an alert there is no event", outcome.event);
    }
    if (outcome.kind == BodyKind::kMessage || outcome.kind == BodyKind::kDebug) {
        check_wrapped(body, outcome, dice);
    }
    if (dice.roll(16) == 0) {
        check_grown(body, dice);
    }
    return 0;
}
