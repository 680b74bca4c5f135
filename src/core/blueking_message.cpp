#include "blueking_message.hpp"

#include <cstdint>

#include "text.hpp"

namespace flashduty {

namespace {

/// How often something that is no message is opened, one inside the other.
constexpr std::size_t kMaxOpenings = 4;

constexpr std::size_t kPieceBytes = 64 * 1024;

// ---------------------------------------------------------------- what is kept of a message

/// A list of names; empty means every name.
struct Names {
    const std::string_view* names = nullptr;
    std::size_t count = 0;

    [[nodiscard]] bool has(std::string_view name) const noexcept {
        for (std::size_t i = 0; i < count; i++) {
            if (names[i] == name) {
                return true;
            }
        }
        return count == 0;
    }
};

struct Schema;

/// One member that is looked at: kept as `field`, or an object with members of its own.
struct Member {
    std::string_view name;
    Field field = Field::kCount;
    const Schema* object = nullptr;
    /// Of the objects directly within the kept value, the members to keep: translation.md never
    /// asks for the text of those objects themselves.
    Names inner = {};
};

struct Schema {
    const Member* members;
    std::size_t count;

    [[nodiscard]] const Member* find(std::string_view name) const noexcept {
        for (std::size_t i = 0; i < count; i++) {
            if (members[i].name == name) {
                return &members[i];
            }
        }
        return nullptr;
    }
};

template <std::size_t N>
constexpr Schema schema(const Member (&members)[N]) noexcept {
    return {members, N};
}

template <std::size_t N>
constexpr Names names(const std::string_view (&list)[N]) noexcept {
    return {list, N};
}

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
    {"related_info", Field::kRelatedInfo},
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

/// `key` repaired: itself in all but hostile bodies.
std::string_view sound_key(Arena& arena, std::string_view key) noexcept {
    return repair(arena, key);
}

/// Keeps what the schema names of one object, told of everything in it and of its end.
class Extractor {
  public:
    Extractor(Arena& arena, BlueKingMessage& message) noexcept : arena_(arena), message_(message) {}

    [[nodiscard]] bool active() const noexcept { return depth_ != 0; }

    /// The object itself has begun.
    void begin() noexcept {
        depth_ = 1;
        frames_[1] = {};
        frames_[1].schema = &kMessage;
    }

    void key(std::string_view key) noexcept {
        Frame& frame = frames_[depth_];
        frame.member = nullptr;
        frame.wanted = false;
        key = sound_key(arena_, key);
        if (frame.schema != nullptr) {
            frame.member = frame.schema->find(key);
            frame.wanted = frame.member != nullptr && !is_filled(frame.member->field);
        } else if (frame.value != nullptr && frame.inner.has(key)) {
            frame.wanted = true;
            frame.key = key;
        }
    }

    /// A key that is kept must last longer than the call that told it.
    void last_key(const JsonReader& reader) noexcept {
        Frame& frame = frames_[depth_];
        if (frame.wanted && frame.value != nullptr && !reader.is_lasting(frame.key)) {
            frame.key = arena_.copy(frame.key);
        }
    }

    void scalar(JsonValue::Kind kind, std::string_view text) noexcept {
        if (wanted()) {
            add(kind, text);
        }
    }

    [[nodiscard]] bool wanted() const noexcept {
        const Frame& frame = frames_[depth_];
        return frame.wanted && (frame.value != nullptr || frame.member->field != Field::kCount);
    }

    /// An array or object within: false when nothing of it is wanted.
    bool start(JsonValue::Kind kind) noexcept {
        const Frame& frame = frames_[depth_];
        Frame inside;
        if (frame.wanted && frame.value == nullptr && frame.member->object != nullptr) {
            inside.schema = kind == JsonValue::Kind::kObject ? frame.member->object : nullptr;
        } else if (wanted()) {
            // Of a container that is kept, `inner` thins out the containers directly in it.
            inside.inner = frame.value == nullptr ? Names{} : frame.next_inner;
            inside.next_inner = frame.value == nullptr ? frame.member->inner : Names{};
            inside.value = add(kind, {});
            inside.wanted = kind == JsonValue::Kind::kArray;
        }
        const bool is_wanted = inside.schema != nullptr || inside.value != nullptr;
        frames_[++depth_] = inside;
        return is_wanted;
    }

    void end() noexcept { depth_--; }

  private:
    struct Frame {
        const Schema* schema = nullptr;  ///< of an object whose members go their own ways
        JsonValue* value = nullptr;      ///< of a container that is kept
        const Member* member = nullptr;
        std::string_view key;
        Names inner, next_inner;
        bool wanted = false;  ///< what comes next in it
    };

    [[nodiscard]] bool is_filled(Field field) const noexcept {
        return field != Field::kCount && message_[field] != nullptr;
    }

    JsonValue* add(JsonValue::Kind kind, std::string_view text) noexcept {
        const Frame& frame = frames_[depth_];
        JsonValue* value = arena_.make<JsonValue>();
        if (value == nullptr) {
            return nullptr;
        }
        value->kind = kind;
        value->text = text;
        if (frame.value == nullptr) {
            message_.fields[static_cast<std::size_t>(frame.member->field)] = value;
        } else {
            value->key = frame.key;
            frame.value->append(value);
        }
        return value;
    }

    Arena& arena_;
    BlueKingMessage& message_;
    std::size_t depth_ = 0;
    Frame frames_[kMaxJsonDepth + 2];
};

// ---------------------------------------------------------------- where the message is

/// Follows the outer levels of a body and says which container is the message, and which would
/// be the debug body. Containers and strings are counted in the order of the text from 1 on.
class Finder {
  public:
    using Ordinal = std::uint32_t;

    explicit Finder(std::size_t openings) noexcept : openings_(openings) {}

    Ordinal message = 0;  ///< 0: none so far
    Ordinal debug = 0;

    [[nodiscard]] std::size_t depth() const noexcept { return depth_; }
    [[nodiscard]] Ordinal ordinal() const noexcept { return ordinal_; }
    /// Nothing that follows can change that the body itself is the message.
    [[nodiscard]] bool body_is_message() const noexcept { return message == 1; }

    void key(std::string_view key) noexcept {
        if (depth_ < kFrames) {
            Frame& frame = frames_[depth_];
            frame.members++;
            frame.key = key == "event" ? Key::kEvent : key == "alarm" ? Key::kAlarm : Key::kOther;
        }
    }

    void start(bool is_object) noexcept {
        value();
        if (depth_ < kFrames) {
            Frame& parent = frames_[depth_];
            parent.has_container = true;
            if (is_object && parent.is_object && parent.key == Key::kEvent) {
                parent.has_event = true;
                if (depth_ > 1 && parent.is_event) {
                    frames_[depth_ - 1].event_has_event = true;
                }
            }
        }
        ordinal_++;
        depth_++;
        if (depth_ < kFrames) {
            const Frame& parent = frames_[depth_ - 1];
            Frame& frame = frames_[depth_] = {};
            frame.ordinal = ordinal_;
            frame.is_object = is_object;
            frame.is_event = is_object && parent.is_object && parent.key == Key::kEvent;
        }
    }

    void end() noexcept {
        if (depth_ < kFrames) {
            leave(frames_[depth_]);
        }
        depth_--;
    }

    /// Whether a string that was just told may be opened: it and what holds it is an object's
    /// member or an array's only element so far.
    [[nodiscard]] bool may_open() const noexcept {
        bool may = depth_ < openings_;
        for (std::size_t depth = 1; may && depth <= depth_; depth++) {
            may = frames_[depth].is_object || frames_[depth].members == 1;
        }
        return may;
    }

    /// A value that is neither array nor object.
    void scalar() noexcept {
        value();
        ordinal_++;
    }

  private:
    enum class Key : std::uint8_t { kOther, kEvent, kAlarm };

    struct Frame {
        Ordinal ordinal = 0;
        std::uint32_t members = 0;  ///< or elements
        Key key = Key::kOther;      ///< of the member that is being read
        bool is_object = false;
        bool is_event = false;         ///< the member `event` of an object
        bool has_event = false;        ///< has an object `event`
        bool event_has_event = false;  ///< which has one, too
        bool has_container = false;
    };

    void value() noexcept {
        if (depth_ < kFrames && !frames_[depth_].is_object) {
            frames_[depth_].members++;
        }
    }

    void leave(const Frame& frame) noexcept {
        if (!frame.is_object) {
            if (frame.members != 1) {  // only an array of one is opened
                drop_within(message, frame);
                drop_within(debug, frame);
            }
            return;
        }
        if (depth_ <= openings_ + 1) {
            if (frame.has_event && !frame.event_has_event) {
                take(message, frame);
            }
            if (frame.members == 1 && frame.key == Key::kAlarm && !frame.has_container) {
                take(debug, frame);
            }
        }
        // The body's own `event` is whole: no need to wait for the body's end.
        if (depth_ == 2 && frame.is_event && !frame.has_event && !frames_[1].event_has_event) {
            message = 1;
        }
    }

    /// The outer one goes before what is in it, the earlier before the later.
    static void take(Ordinal& found, const Frame& frame) noexcept {
        if (found == 0 || found > frame.ordinal) {
            found = frame.ordinal;
        }
    }

    static void drop_within(Ordinal& found, const Frame& frame) noexcept {
        if (found > frame.ordinal) {
            found = 0;
        }
    }

    /// The openings, the body itself, its `event` and the `event` in that; and one below all.
    static constexpr std::size_t kFrames = kMaxOpenings + 4;

    std::size_t openings_;
    std::size_t depth_ = 0;
    Ordinal ordinal_ = 0;
    Frame frames_[kFrames];
};

// ---------------------------------------------------------------- reading

/// A string that is held in memory, as a body of its own.
class StringSource final : public BodySource {
  public:
    explicit StringSource(std::string_view text) noexcept : text_(text) {}
    bool next(JsonChunk& chunk, std::size_t) noexcept override {
        chunk = {given_ ? std::string_view{} : text_, false};
        given_ = true;
        return true;
    }
    void rewind() noexcept override { given_ = false; }

  private:
    std::string_view text_;
    bool given_ = false;
};

BodyReading read_wrapped(Arena& arena, BodySource& source, std::size_t openings) noexcept;

/// True when `text` could be JSON with a message in it: cheap, and says no to nearly all texts.
bool may_hold_message(std::string_view text) noexcept {
    constexpr std::string_view kMark = "\xEF\xBB\xBF";
    if (text.substr(0, kMark.size()) == kMark) {
        text.remove_prefix(kMark.size());
    }
    text = trim(text);
    return !text.empty() && (text[0] == '{' || text[0] == '[' || text[0] == '"');
}

/// One reading of a body.
///
/// The first takes the body itself for the message, as it nearly always is, keeps what is wanted
/// of it and finds out on the way whether that was right. The second knows which container is
/// the message; strings that stand before it are opened.
class Pass final : public JsonHandler {
  public:
    Pass(Arena& arena, std::size_t openings, Finder::Ordinal target, bool opens_strings,
         JsonConstants constants) noexcept
        : finder(openings),
          reader(arena, *this, constants),
          arena_(arena),
          openings_(openings),
          target_(target),
          opens_strings_(opens_strings),
          extractor_(arena, message) {}

    Finder finder;
    BlueKingMessage message;
    JsonReader reader;
    bool saw_string_to_open = false;

    bool on_start_object() noexcept override { return start(JsonValue::Kind::kObject); }
    bool on_start_array() noexcept override { return start(JsonValue::Kind::kArray); }
    bool on_end_object() noexcept override { return end(); }
    bool on_end_array() noexcept override { return end(); }

    bool on_key(std::string_view key) noexcept override {
        if (follows()) {
            finder.key(sound_key(arena_, key));
        }
        if (extractor_.active()) {
            extractor_.key(key);
            extractor_.last_key(reader);
        }
        return !arena_.failed();
    }

    bool on_string(std::string_view text) noexcept override {
        if (follows()) {
            finder.scalar();
            if (finder.may_open() && may_hold_message(text)) {
                saw_string_to_open = true;
                open(text);
            }
        }
        if (extractor_.active() && extractor_.wanted()) {
            const std::string_view sound = repair(arena_, text);
            const bool kept = sound.data() != text.data() || reader.is_lasting(text);
            extractor_.scalar(JsonValue::Kind::kString, kept ? sound : arena_.copy(sound));
        }
        return !arena_.failed();
    }

    bool on_number(std::string_view text) noexcept override {
        const bool copy = extractor_.active() && extractor_.wanted() && !reader.is_lasting(text);
        return scalar(JsonValue::Kind::kNumber, copy ? arena_.copy(text) : text);
    }

    bool on_boolean(bool value) noexcept override {
        return scalar(JsonValue::Kind::kBoolean, value ? "true" : "false");
    }

    bool on_null() noexcept override { return scalar(JsonValue::Kind::kNull, {}); }

  private:
    /// Whether it is still open where the message is.
    [[nodiscard]] bool follows() const noexcept { return !finder.body_is_message(); }

    bool start(JsonValue::Kind kind) noexcept {
        const bool is_object = kind == JsonValue::Kind::kObject;
        const bool followed = follows();
        if (followed) {
            finder.start(is_object);
        }
        if (extractor_.active()) {
            const bool is_wanted = extractor_.start(kind);
            if (!is_wanted && !followed) {
                extractor_.end();
                reader.skip_this();
            }
        } else if (is_object && followed && finder.ordinal() == target_ && finder.message == 0) {
            message = {};  // of a string that turned out to stand beside others in an array
            extractor_.begin();
        }
        return !arena_.failed();
    }

    bool end() noexcept {
        if (follows()) {
            finder.end();
        }
        if (extractor_.active()) {
            extractor_.end();
        }
        return !arena_.failed();
    }

    bool scalar(JsonValue::Kind kind, std::string_view text) noexcept {
        if (follows()) {
            finder.scalar();
        }
        if (extractor_.active()) {
            extractor_.scalar(kind, text);
        }
        return !arena_.failed();
    }

    /// Looks for a message in a string that stands where a message may stand.
    void open(std::string_view text) noexcept {
        const bool is_before_target = target_ == 0 || finder.ordinal() < target_;
        if (!opens_strings_ || !is_before_target || finder.message != 0) {
            return;
        }
        StringSource source(text);
        const BodyReading inside = read_wrapped(arena_, source, openings_ - finder.depth() - 1);
        if (inside.kind == BodyKind::kMessage) {
            message = inside.message;
            finder.message = finder.ordinal();
        } else if (inside.kind == BodyKind::kDebug && finder.debug == 0) {
            finder.debug = finder.ordinal();
        }
    }

    Arena& arena_;
    std::size_t openings_;
    Finder::Ordinal target_;
    bool opens_strings_;
    Extractor extractor_;
};

/// True for a piece of nothing but what JSON takes for white space.
bool is_json_blank(std::string_view text) noexcept {
    return text.find_first_not_of(" \t\n\r") == std::string_view::npos;
}

/// Feeds all of `source`. Pieces grow while one token fills them, because yajl looks at the
/// whole of an unfinished token again with every piece.
BodyKind read_all(Pass& pass, BodySource& source) noexcept {
    bool is_empty = true;
    std::size_t wanted_bytes = kPieceBytes;
    JsonStatus status = JsonStatus::kOk;
    JsonChunk chunk;
    for (;;) {
        if (!source.next(chunk, wanted_bytes)) {
            return BodyKind::kUnreadable;
        }
        if (chunk.text.empty()) {
            break;
        }
        is_empty = is_empty && is_json_blank(chunk.text);
        const std::size_t tokens = pass.reader.tokens();
        status = pass.reader.feed(chunk);
        if (status != JsonStatus::kOk) {
            break;
        }
        wanted_bytes = pass.reader.tokens() == tokens ? wanted_bytes * 2 : kPieceBytes;
    }
    if (status == JsonStatus::kOk) {
        status = pass.reader.finish();
    }
    switch (status) {
        case JsonStatus::kOk:
            return BodyKind::kNoAlert;
        case JsonStatus::kInvalid:
            return is_empty ? BodyKind::kEmpty : BodyKind::kNoJson;
        case JsonStatus::kTooDeep:
            return BodyKind::kTooDeep;
        default:  // the handler stops for nothing else
            return BodyKind::kOutOfMemory;
    }
}

/// What one reading brought.
struct PassResult {
    BodyReading reading;
    Finder::Ordinal message = 0;
    bool may_hold_more = false;  ///< there are strings that were not opened
    bool at_constant = false;
};

PassResult read_once(Arena& arena, BodySource& source, std::size_t openings, Finder::Ordinal target,
                     bool opens_strings, JsonConstants constants) noexcept {
    Pass pass(arena, openings, target, opens_strings, constants);
    PassResult result;
    result.reading.kind = read_all(pass, source);
    result.reading.offset_bytes = pass.reader.offset_bytes();
    result.message = pass.finder.message;
    result.may_hold_more = pass.saw_string_to_open;
    result.at_constant = pass.reader.stopped_at_constant();
    if (result.reading.kind == BodyKind::kNoAlert) {
        if (pass.finder.message != 0) {
            result.reading.kind = BodyKind::kMessage;
            result.reading.message = pass.message;
        } else if (pass.finder.debug != 0) {
            result.reading.kind = BodyKind::kDebug;
        }
    }
    return result;
}

/// The body or string in `source`, opened at most `openings` times.
BodyReading read_wrapped(Arena& arena, BodySource& source, std::size_t openings) noexcept {
    constexpr Finder::Ordinal kBodyItself = 1;
    JsonConstants constants = JsonConstants::kRefused;
    PassResult first = read_once(arena, source, openings, kBodyItself, false, constants);
    if (first.at_constant) {
        constants = JsonConstants::kRead;
        source.rewind();
        first = read_once(arena, source, openings, kBodyItself, false, constants);
    }
    const bool is_json = first.reading.kind == BodyKind::kMessage ||
                         first.reading.kind == BodyKind::kDebug ||
                         first.reading.kind == BodyKind::kNoAlert;
    const bool is_wrapped = first.message > kBodyItself || first.may_hold_more;
    if (!is_json || first.message == kBodyItself || !is_wrapped) {
        return first.reading;
    }
    source.rewind();
    return read_once(arena, source, openings, first.message, true, constants).reading;
}

}  // namespace

BodyReading read_body(Arena& arena, BodySource& source) noexcept {
    return read_wrapped(arena, source, kMaxOpenings);
}

}  // namespace flashduty
