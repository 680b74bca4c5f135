// JSON as a stream: RFC 8259 by yajl, plus what BlueKing sends and minus what yajl lets through.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "arena.hpp"
#include "json_tokens.hpp"

namespace flashduty {

/// Arrays and objects within each other at most; one more is refused.
inline constexpr std::size_t kMaxJsonDepth = 64;

/// Passed over where it begins a text.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// A piece of a JSON text.
struct JsonChunk {
    std::string_view text;
    bool lasting = false;  ///< stays where it is for as long as what is read from it is used
};

/// Hears what is read, in the order of the text. Strings and names are told as they stand there,
/// escapes and all, see json_string.hpp, and so are numbers; they are gone after the call unless
/// JsonReader::is_lasting(). A call that returns false ends the reading.
class JsonHandler {
  public:
    virtual bool on_start_object() noexcept = 0;
    virtual bool on_key(std::string_view raw) noexcept = 0;
    virtual bool on_end_object() noexcept = 0;
    virtual bool on_start_array() noexcept = 0;
    virtual bool on_end_array() noexcept = 0;
    virtual bool on_string(std::string_view raw) noexcept = 0;
    virtual bool on_number(std::string_view text) noexcept = 0;
    virtual bool on_boolean(bool value) noexcept = 0;
    virtual bool on_null() noexcept = 0;

  protected:
    ~JsonHandler() = default;
};

enum class JsonStatus {
    kOk,
    kInvalid,
    kTooDeep,
    kStopped,  ///< by the handler
    kOutOfMemory,
};

/// Common part of all readers of JSON.
///
/// yajl decides what is JSON, from an outline of the text in which every value that has ended is
/// one short token. It is asked once there is a doubt: what plainly is none of the tokens that may
/// come next is shown to it as it stands, so it is yajl that refuses it, and says where. The
/// outline of a text that has ended whole is always the same token, which needs no question.
class JsonParser {
  public:
    JsonParser(const JsonParser&) = delete;
    JsonParser& operator=(const JsonParser&) = delete;

    /// Says that the text ends here: kOk when it was one whole JSON text.
    JsonStatus finish() noexcept;

    /// The byte at which reading stopped, counted from the start of the text.
    [[nodiscard]] std::size_t offset_bytes() const noexcept { return offset_; }

    // To be called from a handler.

    /// True when what is told stays where it is (see JsonChunk::lasting).
    [[nodiscard]] bool is_lasting() const noexcept { return is_lasting_; }

    /// Within on_key() and on_string(): what the string is made of.
    [[nodiscard]] JsonForm form() const noexcept { return form_; }
    /// True when it stands for itself, all of it ASCII.
    [[nodiscard]] bool is_plain() const noexcept { return form_.is_plain(); }

    /// Whether what comes next is in an object; from on_end_object() and on_end_array().
    [[nodiscard]] bool is_in_object() const noexcept { return is_in_object_; }
    /// Whether the container that begins is in an object; from on_start_object() and
    /// on_start_array().
    [[nodiscard]] bool was_in_object() const noexcept {
        return depth_ > 1 && ((objects_ >> (depth_ - 2)) & 1) != 0;
    }

    /// Whether strings, numbers, booleans and null are heard from here on; at first they are.
    void hear_scalars(bool are_heard) noexcept { scalars_heard_ = are_heard; }

    /// From on_start_object() or on_start_array(): nothing of what is in it will be heard, its end
    /// included.
    void skip_this() noexcept {
        skip_from_ = depth_;
        were_heard_ = scalars_heard_;
        scalars_heard_ = false;
    }

  protected:
    /// Tokens that may come next.
    enum class Place : std::uint8_t {
        kValue,
        kFirstElement,  ///< or the array's end
        kName,
        kFirstName,  ///< or the object's end
        kColon,
        kBehindValue,
    };

    JsonParser(Arena& arena, JsonConstants constants) noexcept
        : constants_(constants), arena_(arena) {
        static_assert(kMaxJsonDepth <= 64, "a bit for each depth");
    }
    ~JsonParser() = default;

    void fail(JsonStatus status) noexcept {
        if (status_ == JsonStatus::kOk) {
            status_ = status;
        }
    }
    /// Rejects the beginning of `text`, which may not stand there; yajl says how much of it is why.
    void refuse(std::string_view text) noexcept;

    void enter(bool is_object) noexcept {
        const std::uint64_t bit = std::uint64_t{1} << depth_++;
        objects_ = is_object ? objects_ | bit : objects_ & ~bit;
        is_in_object_ = is_object;
    }
    void leave() noexcept {
        depth_--;
        is_in_object_ = depth_ != 0 && ((objects_ >> (depth_ - 1)) & 1) != 0;
    }
    [[nodiscard]] bool is_skipping() const noexcept { return skip_from_ != 0; }

    JsonStatus status_ = JsonStatus::kOk;
    Place place_ = Place::kValue;
    bool scalars_heard_ = true;
    bool were_heard_ = true;  ///< before what is skipped
    bool is_lasting_ = false;
    bool is_in_object_ = false;  ///< and not in an array, or in nothing
    JsonForm form_;
    JsonConstants constants_;
    const char* stopped_at_ = nullptr;  ///< where no token that may stand there begins
    std::size_t offset_ = 0;
    std::size_t depth_ = 0;
    std::size_t skip_from_ = 0;  ///< the depth of the container that is skipped; 0: none
    std::uint64_t objects_ = 0;  ///< a bit for each depth: whether it is an object's

  private:
    std::size_t draw_outline(char* to) const noexcept;

    Arena& arena_;
};

/// Reads one JSON text, fed in pieces, and tells `Handler` of it, whose functions are those of
/// JsonHandler.
template <class Handler>
class JsonReaderFor : public JsonParser {
  public:
    /// Takes all its memory from `arena`; both must outlive it.
    JsonReaderFor(Arena& arena, Handler& handler, JsonConstants constants) noexcept
        : JsonParser(arena, constants), handler_(handler) {}

    /// Reads on. A piece begins and ends between two tokens, see whole_tokens_bytes(). Anything
    /// but kOk is final.
    JsonStatus feed(JsonChunk piece) noexcept;

  private:
    const char* read_next(const char* at, const char* end) noexcept;
    const char* read_members(const char* at, const char* end) noexcept;
    const char* read_elements(const char* at, const char* end) noexcept;
    [[gnu::always_inline]] const char* read_name(const char* at, const char* end) noexcept;
    [[gnu::always_inline]] const char* read_scalar(const char* at, const char* end) noexcept;
    const char* read_word(const char* at, const char* end) noexcept;
    const char* read_behind_value(const char* at, const char* end) noexcept;
    const char* open(const char* at) noexcept;
    const char* close(const char* at, const char* end) noexcept;

    const char* leave_at(const char* at, Place place) noexcept {
        place_ = place;
        return at;
    }
    const char* stop(const char* at) noexcept {
        stopped_at_ = at;
        return nullptr;
    }
    const char* stop_as_told(const char* at) noexcept {
        fail(JsonStatus::kStopped);
        return stop(at);
    }

    [[nodiscard]] static constexpr bool is_opening(char c) noexcept {
        return (c | 0x20) == '{';  // that, or the bracket
    }

    Handler& handler_;
};

using JsonReader = JsonReaderFor<JsonHandler>;

/// How much of a body is in memory at a time, unless one token is longer.
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
inline std::size_t kPieceBytes = 64 * 1024;  // theirs to choose: few of their bodies fill a piece
#else
inline constexpr std::size_t kPieceBytes = 64 * 1024;
#endif

// ---------------------------------------------------------------- reading

template <class Handler>
JsonStatus JsonReaderFor<Handler>::feed(JsonChunk piece) noexcept {
    std::string_view text = piece.text;
    if (offset_ == 0 && text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
        text.remove_prefix(kByteOrderMark.size());
        offset_ = kByteOrderMark.size();
    }
    is_lasting_ = piece.lasting;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (status_ == JsonStatus::kOk && (at = skip_json_space(at, end)) != end) {
        const char* const behind = read_next(at, end);
        at = behind == nullptr ? stopped_at_ : behind;
        if (behind == nullptr && status_ == JsonStatus::kOk) {
            offset_ += static_cast<std::size_t>(at - text.data());
            refuse({at, static_cast<std::size_t>(end - at)});
            return status_;
        }
    }
    offset_ += static_cast<std::size_t>(at - text.data());
    return status_;
}

// The functions below read what begins at `at`, which is not the end and no space, and give what is
// behind. nullptr: reading ends at `stopped_at_`.

template <class Handler>
const char* JsonReaderFor<Handler>::read_next(const char* at, const char* end) noexcept {
    switch (place_) {
        case Place::kFirstName:
            return *at == '}' ? close(at, end) : read_members(at, end);
        case Place::kName:
            return read_members(at, end);
        case Place::kFirstElement:
            return *at == ']' ? close(at, end) : read_elements(at, end);
        case Place::kValue:
            break;
        case Place::kBehindValue:
            return read_behind_value(at, end);
        case Place::kColon:
            return *at == ':' ? leave_at(at + 1, Place::kValue) : stop(at);
    }
    if (depth_ != 0 && !is_in_object()) {
        return read_elements(at, end);
    }
    if (is_opening(*at)) {
        return open(at);
    }
    at = read_scalar(at, end);
    return at == nullptr ? at : leave_at(at, Place::kBehindValue);
}

/// Reads members up to the first one that is no scalar, or to the end of the object.
template <class Handler>
const char* JsonReaderFor<Handler>::read_members(const char* at, const char* end) noexcept {
    for (;;) {
        at = read_name(at, end);
        if (at == nullptr) {
            return at;
        }
        if (!is_next(at, end, ':')) {
            place_ = Place::kColon;
            return at == end ? at : stop(at);
        }
        at = skip_json_space(at + 1, end);
        place_ = Place::kValue;
        if (at == end || is_opening(*at)) {
            return at == end ? at : open(at);
        }
        at = read_scalar(at, end);
        if (at == nullptr) {
            return at;
        }
        if (!is_next(at, end, ',')) {
            place_ = Place::kBehindValue;
            return at == end ? at : read_behind_value(at, end);
        }
        at = skip_json_space(at + 1, end);
        place_ = Place::kName;
        if (at == end) {
            return at;
        }
    }
}

/// Likewise elements.
template <class Handler>
const char* JsonReaderFor<Handler>::read_elements(const char* at, const char* end) noexcept {
    for (;;) {
        if (is_opening(*at)) {
            return open(at);
        }
        at = read_scalar(at, end);
        if (at == nullptr) {
            return at;
        }
        if (!is_next(at, end, ',')) {
            place_ = Place::kBehindValue;
            return at == end ? at : read_behind_value(at, end);
        }
        at = skip_json_space(at + 1, end);
        place_ = Place::kValue;
        if (at == end) {
            return at;
        }
    }
}

template <class Handler>
inline const char* JsonReaderFor<Handler>::read_name(const char* at, const char* end) noexcept {
    if (*at != '"') {
        return stop(at);
    }
    const auto [quote, form] = find_closing_quote(at + 1, end);
    if (quote == nullptr) {
        return stop(at);
    }
    form_ = form;
    if (!is_skipping() && !handler_.on_key({at + 1, static_cast<std::size_t>(quote - at - 1)})) {
        return stop_as_told(quote + 1);
    }
    return quote + 1;
}

template <class Handler>
inline const char* JsonReaderFor<Handler>::read_scalar(const char* at, const char* end) noexcept {
    if (*at != '"') {
        return read_word(at, end);
    }
    const auto [quote, form] = find_closing_quote(at + 1, end);
    if (quote == nullptr) {
        return stop(at);
    }
    form_ = form;
    if (scalars_heard_ && !handler_.on_string({at + 1, static_cast<std::size_t>(quote - at - 1)})) {
        return stop_as_told(quote + 1);
    }
    return quote + 1;
}

template <class Handler>
const char* JsonReaderFor<Handler>::read_word(const char* at, const char* end) noexcept {
    const char* behind = find_integer_end(at, end);
    const bool is_integer = behind != at;
    behind = is_integer ? behind : find_word_end(at, end);
    const std::string_view word(at, static_cast<std::size_t>(behind - at));
    const JsonWord kind = is_integer ? JsonWord::kNumber : json_word(word, constants_);
    if (kind == JsonWord::kNone) {
        return stop(at);
    }
    form_ = {};
    const bool goes_on = !scalars_heard_             ? true
                         : kind == JsonWord::kNumber ? handler_.on_number(word)
                         : kind == JsonWord::kNull   ? handler_.on_null()
                                                     : handler_.on_boolean(kind == JsonWord::kTrue);
    if (!goes_on) {
        return stop_as_told(behind);
    }
    return behind;
}

/// Reads the comma that follows a value, or what closes the container.
template <class Handler>
const char* JsonReaderFor<Handler>::read_behind_value(const char* at, const char* end) noexcept {
    const bool is_object = is_in_object();
    if (depth_ != 0 && *at == ',') {
        return leave_at(at + 1, is_object ? Place::kName : Place::kValue);
    }
    return depth_ != 0 && *at == (is_object ? '}' : ']') ? close(at, end) : stop(at);
}

template <class Handler>
const char* JsonReaderFor<Handler>::open(const char* at) noexcept {
    if (depth_ == kMaxJsonDepth) {
        fail(JsonStatus::kTooDeep);
        return stop(at + 1);
    }
    const bool is_object = *at == '{';
    enter(is_object);
    place_ = is_object ? Place::kFirstName : Place::kFirstElement;
    if (!is_skipping() && !(is_object ? handler_.on_start_object() : handler_.on_start_array())) {
        return stop_as_told(at + 1);
    }
    return at + 1;
}

template <class Handler>
const char* JsonReaderFor<Handler>::close(const char* at, const char* end) noexcept {
    const bool is_object = is_in_object();
    const std::size_t depth = depth_;
    leave();
    place_ = Place::kBehindValue;
    if (skip_from_ == depth) {
        skip_from_ = 0;
        scalars_heard_ = were_heard_;
    } else if (!is_skipping() &&
               !(is_object ? handler_.on_end_object() : handler_.on_end_array())) {
        return stop_as_told(at + 1);
    }
    at++;
    return at != end && (*at == ',' || *at == '}' || *at == ']') ? read_behind_value(at, end) : at;
}

extern template class JsonReaderFor<JsonHandler>;

}  // namespace flashduty
