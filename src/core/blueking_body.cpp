#include "blueking_body.hpp"

#include "json_string.hpp"
#include "message_extractor.hpp"
#include "message_finder.hpp"
#include "text.hpp"

namespace flashduty {

namespace {

/// A string that is held in memory, as a body of its own.
class StringSource final : public BodySource {
  public:
    explicit StringSource(JsonChunk text) noexcept : text_(text) {}
    JsonChunk whole() const noexcept override { return text_; }
    std::size_t read(char*, std::size_t) noexcept override { return 0; }
    std::size_t left_bytes() const noexcept override { return 0; }
    void seek(std::size_t) noexcept override {}

  private:
    JsonChunk text_;
};

BodyReading read_wrapped(Arena& arena, BodySource& source, std::size_t openings) noexcept;

/// True when `text` could be JSON with a message in it: cheap, and says no to nearly all texts.
bool may_hold_message(std::string_view text) noexcept {
    if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
        text.remove_prefix(kByteOrderMark.size());
    }
    text = trim(text);
    if (text.empty() || (text[0] != '{' && text[0] != '[' && text[0] != '"')) {
        return false;
    }
    // A message has a member `event`, the debug body one `alarm`; escaped, perhaps.
    return text.find('\\') != std::string_view::npos ||
           text.find("event") != std::string_view::npos ||
           text.find("alarm") != std::string_view::npos;
}

/// One reading of a body.
///
/// The first takes the body itself for the message, as it nearly always is, keeps what is wanted
/// of it and finds out on the way whether that was right. The second knows which container is
/// the message; strings that stand before it are opened.
class Pass final : public JsonHandler {
  public:
    Pass(Arena& arena, std::size_t openings, MessageFinder::Ordinal target, bool opens_strings,
         JsonConstants constants) noexcept
        : finder(openings),
          reader(arena, *this, constants),
          arena_(arena),
          openings_(openings),
          target_(target),
          opens_strings_(opens_strings),
          extractor_(arena, message) {}

    MessageFinder finder;
    BlueKingMessage message;
    JsonReader reader;
    bool saw_string_to_open = false;

    bool on_start_object() noexcept override { return start(JsonValue::Kind::kObject); }
    bool on_start_array() noexcept override { return start(JsonValue::Kind::kArray); }
    bool on_end_object() noexcept override { return end(); }
    bool on_end_array() noexcept override { return end(); }

    bool on_key(std::string_view key) noexcept override {
        const bool is_too_long = key.size() > kMaxNameBytes;
        key = is_too_long ? std::string_view{} : repair(arena_, key);
        if (follows()) {
            finder.key(key);
        }
        if (extractor_.active() && is_too_long) {
            extractor_.pass_over_member();
        } else if (extractor_.active()) {
            extractor_.key(key, reader);
        }
        return !arena_.failed();
    }

    bool on_long_key(std::string_view raw) noexcept override {
        return on_key(raw.size() > kMaxNameBytes ? raw : read_string(arena_, raw));
    }

    bool on_string(std::string_view text) noexcept override {
        if (follows()) {
            finder.scalar();
            if (finder.may_open() && may_hold_message(text)) {
                saw_string_to_open = true;
                if (opens()) {
                    open({text, reader.is_lasting(text)});
                }
            }
        }
        if (extractor_.active() && extractor_.wanted()) {
            const std::string_view sound = repair(arena_, text);
            const bool kept = sound.data() != text.data() || reader.is_lasting(text);
            extractor_.scalar(JsonValue::Kind::kString, kept ? sound : arena_.copy(sound));
        }
        return !arena_.failed();
    }

    bool on_long_string(JsonChunk raw) noexcept override {
        if (follows()) {
            finder.scalar();
            if (finder.may_open()) {
                saw_string_to_open = true;
                if (opens()) {
                    open_long(raw);
                }
            }
        }
        if (extractor_.active() && extractor_.wanted()) {
            const std::string_view text = read_string(arena_, raw.text);
            const bool kept = text.data() != raw.text.data() || raw.lasting;
            extractor_.scalar(JsonValue::Kind::kString, kept ? text : arena_.copy(text));
        }
        return !arena_.failed();
    }

    bool on_number(std::string_view text) noexcept override {
        if (text.size() > kMaxNumberBytes) {
            if (extractor_.active()) {
                extractor_.pass_over_value();
            }
            if (follows()) {
                finder.scalar();
            }
            return true;
        }
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

    /// Whether a string that is told now is opened.
    [[nodiscard]] bool opens() const noexcept {
        const bool is_before_target = target_ == 0 || finder.ordinal() < target_;
        return opens_strings_ && is_before_target && finder.message == 0;
    }

    /// Looks for a message in a string that stands where a message may stand.
    void open(JsonChunk text) noexcept {
        StringSource source(text);
        const BodyReading inside = read_wrapped(arena_, source, openings_ - finder.depth() - 1);
        if (inside.kind == BodyKind::kMessage) {
            message = inside.message;
            finder.message = finder.ordinal();
        } else if (inside.kind == BodyKind::kDebug && finder.debug == 0) {
            finder.debug = finder.ordinal();
        }
    }

    void open_long(JsonChunk raw) noexcept {
        if (raw.text.find('\\') == std::string_view::npos) {
            open_if_json(raw);
            return;
        }
        // A pass that opens strings is the last one over its text, so that one of megabytes can
        // be unescaped where it stands, however often it is wrapped.
        char* block = raw.lasting ? static_cast<char*>(arena_.allocate(raw.text.size())) : nullptr;
        char* to = raw.lasting ? block : const_cast<char*>(raw.text.data());
        if (to != nullptr) {
            open_if_json({{to, unescape(raw.text, to)}, false});
        }
        arena_.release(block, raw.text.size());
    }

    void open_if_json(JsonChunk text) noexcept {
        if (may_hold_message(text.text)) {
            open(text);
        }
    }

    Arena& arena_;
    std::size_t openings_;
    MessageFinder::Ordinal target_;
    bool opens_strings_;
    MessageExtractor extractor_;
};

/// True for a piece of nothing but what JSON takes for white space.
bool is_json_blank(std::string_view text) noexcept {
    return text.find_first_not_of(" \t\n\r") == std::string_view::npos;
}

BodyKind read_all(Arena& arena, Pass& pass, BodySource& source) noexcept {
    BodyPieces pieces(arena, source);
    bool is_empty = true;
    JsonStatus status = JsonStatus::kOk;
    JsonChunk piece;
    do {
        if (!pieces.next(piece)) {
            return arena.failed() ? BodyKind::kOutOfMemory : BodyKind::kUnreadable;
        }
        is_empty = is_empty && is_json_blank(piece.text);
        status = feed(pass.reader, piece);
    } while (status == JsonStatus::kOk && !piece.text.empty());
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
    MessageFinder::Ordinal message = 0;
    bool may_hold_more = false;  ///< there are strings that were not opened
    bool at_constant = false;
};

PassResult read_once(Arena& arena, BodySource& source, std::size_t openings,
                     MessageFinder::Ordinal target, bool opens_strings,
                     JsonConstants constants) noexcept {
    Pass pass(arena, openings, target, opens_strings, constants);
    PassResult result;
    result.reading.kind = read_all(arena, pass, source);
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
    constexpr MessageFinder::Ordinal kBodyItself = 1;
    JsonConstants constants = JsonConstants::kRefused;
    PassResult first = read_once(arena, source, openings, kBodyItself, false, constants);
    if (first.at_constant) {
        constants = JsonConstants::kRead;
        source.seek(0);
        first = read_once(arena, source, openings, kBodyItself, false, constants);
    }
    const bool is_json = first.reading.kind == BodyKind::kMessage ||
                         first.reading.kind == BodyKind::kDebug ||
                         first.reading.kind == BodyKind::kNoAlert;
    const bool is_wrapped = first.message > kBodyItself || first.may_hold_more;
    if (!is_json || first.message == kBodyItself || !is_wrapped) {
        return first.reading;
    }
    source.seek(0);
    return read_once(arena, source, openings, first.message, true, constants).reading;
}

}  // namespace

BodyReading read_body(Arena& arena, BodySource& source) noexcept {
    return read_wrapped(arena, source, kMaxOpenings);
}

}  // namespace flashduty
