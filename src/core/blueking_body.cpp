#include "blueking_body.hpp"

#include <optional>

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

/// True when a string could be JSON with a message in it: cheap, and says no to nearly all.
bool may_hold_message(std::string_view raw) noexcept {
    constexpr std::string_view kShortest = R"({\"alarm\":1})";
    if (raw.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
        raw.remove_prefix(kByteOrderMark.size());
    }
    raw = trim(raw);
    if (raw.size() < kShortest.size() ||
        std::string_view("{[\"\\").find(raw[0]) == std::string_view::npos) {
        return false;
    }
    const auto has = [raw](std::string_view text) {
        return raw.find(text) != std::string_view::npos;
    };
    // A message has a member `event`, the debug body one `alarm`; escaped, perhaps. The quotes of a
    // name are escaped in any case.
    return has("\\") && (has("event") || has("alarm") || has("\\u"));
}

/// How much of a body a reading looks at.
enum class Look {
    kAtBody,       ///< takes the body itself for the message, as it nearly always is
    kEverywhere,   ///< finds out which container is the message
    kIntoStrings,  ///< knows which container is the message, and opens the strings before it
};

/// Reading of a body; keeps what is wanted of the message.
class Pass {
  public:
    Pass(Arena& arena, std::size_t openings, MessageFinder::Ordinal target, Look look,
         BlueKingMessage& message) noexcept
        : finder(openings),
          message(message),
          reader(arena, *this, JsonConstants::kRead),
          arena_(arena),
          openings_(openings),
          target_(target),
          look_(look),
          extractor_(arena, message) {}

    MessageFinder finder;
    BlueKingMessage& message;
    JsonReaderFor<Pass> reader;
    bool has_unseen = false;  ///< the finder was not told of everything

    bool on_start_object() noexcept { return start(JsonValue::Kind::kObject); }
    bool on_start_array() noexcept { return start(JsonValue::Kind::kArray); }
    bool on_end_object() noexcept { return end(); }
    bool on_end_array() noexcept { return end(); }

    bool on_key(std::string_view raw) noexcept {
        if (!reader.is_plain() || raw.size() > kMaxNameBytes) {
            return on_odd_key(raw);
        }
        if (follows()) {
            finder.key(raw);
        }
        if (extractor_.active()) {
            extractor_.key(raw, reader.is_lasting());
            hear_value();
        }
        return !arena_.failed();
    }

    bool on_string(std::string_view raw) noexcept {
        if (follows()) {
            finder.scalar();
            if (look_ == Look::kIntoStrings) {
                open_if_held(raw);
            }
        }
        if (extractor_.active() && extractor_.wanted()) {
            keep_string(raw);
        }
        return !arena_.failed();
    }

    bool on_number(std::string_view text) noexcept {
        if (text.size() > kMaxNumberBytes) {
            if (extractor_.active()) {
                extractor_.pass_over_value();
            }
            if (follows()) {
                finder.scalar();
            }
            return true;
        }
        const bool copy = extractor_.active() && extractor_.wanted() && !reader.is_lasting();
        return scalar(JsonValue::Kind::kNumber, copy ? arena_.copy(text) : text);
    }

    bool on_boolean(bool value) noexcept {
        return scalar(JsonValue::Kind::kBoolean, value ? "true" : "false");
    }

    bool on_null() noexcept { return scalar(JsonValue::Kind::kNull, {}); }

  private:
    [[gnu::noinline]] bool on_odd_key(std::string_view raw) noexcept {
        const bool is_too_long = raw.size() > kMaxNameBytes;
        const ReadString name =
            is_too_long ? ReadString{} : read_string_apart(arena_, raw, reader.form());
        if (follows()) {
            finder.key(name.text);
        }
        if (extractor_.active()) {
            if (is_too_long) {
                extractor_.pass_over_member();
            } else {
                extractor_.key(name.text, name.memory != nullptr || reader.is_lasting());
            }
            hear_value();
        }
        if (!extractor_.active() || !extractor_.keeps_name()) {
            arena_.release(name.memory, name.memory_bytes);
        }
        return !arena_.failed();
    }

    void hear_value() noexcept {
        reader.hear_scalars(look_ == Look::kIntoStrings || extractor_.wanted());
    }

    /// Whether it is still open where the message is.
    [[nodiscard]] bool follows() const noexcept { return !finder.body_is_message(); }

    void keep_string(std::string_view raw) noexcept {
        const std::string_view text =
            reader.is_plain()
                ? raw
                : read_string_apart(arena_, raw, reader.form(), extractor_.enough_bytes()).text;
        const bool is_kept = text.data() != raw.data() || reader.is_lasting();
        extractor_.scalar(JsonValue::Kind::kString, is_kept ? text : arena_.copy(text));
    }

    /// Whether what comes next in a container is needed by somebody; of an object that is a name.
    void hear_next(bool is_in_object) noexcept {
        reader.hear_scalars(look_ == Look::kIntoStrings ||
                            (!is_in_object && are_elements_needed()));
    }

    [[nodiscard]] bool are_elements_needed() const noexcept {
        return (follows() && finder.needs_scalars()) ||
               (extractor_.active() && extractor_.wants_elements());
    }

    bool start(JsonValue::Kind kind) noexcept {
        const bool is_object = kind == JsonValue::Kind::kObject;
        const bool followed = follows();
        if (followed) {
            finder.start(is_object);
        }
        if (extractor_.active()) {
            if (!extractor_.wants(kind) && (look_ == Look::kAtBody || !followed)) {
                leave_unseen(followed);
                hear_next(reader.was_in_object());
                reader.skip_this();
                return !arena_.failed();
            }
            extractor_.start(kind);
        } else if (is_object && followed && finder.ordinal() == target_ && finder.message == 0) {
            drop_found();
            extractor_.begin();
        }
        hear_next(is_object);
        return !arena_.failed();
    }

    /// Whether the body itself is the message does not depend on what is in its parts.
    void leave_unseen(bool is_followed) noexcept {
        if (is_followed) {
            finder.end();
            has_unseen = true;
        }
    }

    bool end() noexcept {
        if (follows()) {
            finder.end();
        }
        if (extractor_.active()) {
            extractor_.end();
        }
        hear_next(reader.is_in_object());
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

    /// Opens a string that is told now where it may hold the message.
    [[gnu::noinline]] void open_if_held(std::string_view raw) noexcept {
        const bool is_before_target = target_ == 0 || finder.string_ordinal() < target_;
        if (is_before_target && finder.message == 0 && finder.may_open() && may_hold_message(raw)) {
            open(raw);
        }
    }

    /// Looks for a message in a string that stands where a message may stand. A pass that opens
    /// strings is the last one over its text, so that one of megabytes can be unescaped where it
    /// stands, however often it is wrapped; but not in memory that is not ours.
    void open(std::string_view raw) noexcept {
        drop_found();
        Arena::Scope scope(arena_);
        if (raw.find('\\') == std::string_view::npos) {
            open_text({raw, reader.is_lasting()});
        } else {
            char* block =
                reader.is_lasting() ? static_cast<char*>(arena_.allocate(raw.size())) : nullptr;
            char* to = reader.is_lasting() ? block : const_cast<char*>(raw.data());
            if (to != nullptr) {
                open_text({{to, unescape(raw, to)}, false});
            }
            arena_.release(block, raw.size());
        }
        scope.close();
        found_ = scope;
        if (finder.message == 0) {
            drop_found();
        }
    }

    /// Rest of a string that held no message, or one that turned out to stand beside others
    /// in an array. Who sends many of them gets no more memory than for one.
    void drop_found() noexcept {
        if (found_.has_value()) {
            message = {};
            found_->drop();
            found_.reset();
        }
    }

    void open_text(JsonChunk text) noexcept {
        StringSource source(text);
        const BodyReading inside = read_wrapped(arena_, source, openings_ - finder.depth() - 1);
        if (inside.kind == BodyKind::kMessage) {
            message = inside.message;
            finder.message = finder.string_ordinal();
        } else if (inside.kind == BodyKind::kDebug && finder.debug == 0) {
            finder.debug = finder.string_ordinal();
        }
    }

    Arena& arena_;
    std::size_t openings_;
    MessageFinder::Ordinal target_;
    Look look_;
    MessageExtractor extractor_;
    std::optional<Arena::Scope> found_;  ///< what was read of the last string that was opened
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
        status = pass.reader.feed(piece);
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

/// Findings of one reading, besides the message's members.
struct PassResult {
    MessageFinder::Ordinal message = 0;
    bool has_unseen = false;
};

/// Reads into `reading`, which is new.
PassResult read_once(Arena& arena, BodySource& source, std::size_t openings,
                     MessageFinder::Ordinal target, Look look, BodyReading& reading) noexcept {
    Pass pass(arena, openings, target, look, reading.message);
    reading.kind = read_all(arena, pass, source);
    reading.offset_bytes = pass.reader.offset_bytes();
    if (reading.kind == BodyKind::kNoAlert) {
        reading.kind = pass.finder.message != 0 ? BodyKind::kMessage
                       : pass.finder.debug != 0 ? BodyKind::kDebug
                                                : BodyKind::kNoAlert;
    }
    return {pass.finder.message, pass.has_unseen};
}

constexpr bool is_json(BodyKind kind) noexcept {
    return kind == BodyKind::kMessage || kind == BodyKind::kDebug || kind == BodyKind::kNoAlert;
}

/// The body or string in `source`, opened at most `openings` times.
BodyReading read_wrapped(Arena& arena, BodySource& source, std::size_t openings) noexcept {
    constexpr MessageFinder::Ordinal kBodyItself = MessageFinder::kBodyItself;
    BodyReading reading;
    const auto read_again = [&](MessageFinder::Ordinal target, Look look) {
        source.seek(0);
        reading = {};
        return read_once(arena, source, openings, target, look, reading);
    };
    source.seek(0);
    PassResult found = read_once(arena, source, openings, kBodyItself, Look::kAtBody, reading);
    if (!is_json(reading.kind) || found.message == kBodyItself) {
        return reading;
    }
    if (found.has_unseen) {
        found = read_again(kBodyItself, Look::kEverywhere);
    }
    (void)read_again(found.message, Look::kIntoStrings);
    return reading;
}

}  // namespace

BodyReading read_body(Arena& arena, BodySource& source) noexcept {
    return read_wrapped(arena, source, kMaxOpenings);
}

}  // namespace flashduty
