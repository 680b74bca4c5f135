#include "json_reader.hpp"

#include <algorithm>
#include <utility>

#include "json_string.hpp"
#include "text.hpp"

namespace flashduty {

namespace {

/// yajl does not say how large a block was when it asks for a larger one.
struct BlockHeader {
    std::size_t size_bytes;
};

/// True for what numbers, `true`, `false` and `null` are made of, and `NaN` and `Infinity`.
constexpr bool is_word_character(char c) noexcept {
    return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '.' || c == '+' ||
           c == '-';
}

constexpr bool is_json_space(char c) noexcept {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/// The size of the string that `text` begins with, its quotes included; npos when it is cut off.
std::size_t string_bytes(std::string_view text) noexcept {
    for (std::size_t from = 1;;) {
        const std::size_t quote = text.find('"', from);
        if (quote == std::string_view::npos) {
            return quote;
        }
        std::size_t backslashes = 0;
        while (text[quote - 1 - backslashes] == '\\') {
            backslashes++;  // the opening quote ends it
        }
        if (backslashes % 2 == 0) {
            return quote + 1;
        }
        from = quote + 1;
    }
}

/// The first string in `text` that is longer than a piece; empty, at its end, when there is none.
std::string_view find_long_string(std::string_view text) noexcept {
    std::size_t from = text.size() > kPieceBytes ? 0 : text.size();
    while (from < text.size()) {
        const std::size_t quote = std::min(text.find('"', from), text.size());
        const std::size_t size =
            quote == text.size() ? std::string_view::npos : string_bytes(text.substr(quote));
        if (size == std::string_view::npos) {
            break;
        }
        if (size > kPieceBytes) {
            return text.substr(quote, size);
        }
        from = quote + size;
    }
    return text.substr(text.size());
}

/// `NaN`, `Infinity` or the part of `-Infinity` behind its sign, where `text` has one at `at`.
std::string_view constant_at(std::string_view text, std::size_t at) noexcept {
    const std::string_view name = text[at] == 'N' ? "NaN" : "Infinity";
    if (text.substr(at, name.size()) != name) {
        return {};
    }
    const bool ends = at + name.size() == text.size() || !is_word_character(text[at + name.size()]);
    const bool has_sign = text[at] == 'I' && at != 0 && text[at - 1] == '-';
    const std::size_t begin = has_sign ? at - 1 : at;
    const bool begins = begin == 0 || !is_word_character(text[begin - 1]);
    return ends && begins ? name : std::string_view{};
}

/// Puts numbers of the same length in the places of constants.
void replace_constants(std::string_view text, char* copy) noexcept {
    std::copy(text.begin(), text.end(), copy);
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] == '"') {
            const std::size_t size = string_bytes(text.substr(i));
            if (size == std::string_view::npos) {
                return;
            }
            i += size - 1;
        } else if (text[i] == 'N' || text[i] == 'I') {
            const std::string_view name = constant_at(text, i);
            const std::string_view number = name.size() == 3 ? "0e0" : "0e000000";
            std::copy_n(number.begin(), name.size(), copy + i);
        }
    }
}

}  // namespace

std::size_t whole_tokens_bytes(std::string_view text) noexcept {
    std::size_t from = 0;
    for (;;) {
        const std::size_t quote = text.find('"', from);
        if (quote == std::string_view::npos) {
            break;
        }
        const std::size_t size = string_bytes(text.substr(quote));
        if (size == std::string_view::npos) {
            return quote;
        }
        from = quote + size;
    }
    std::size_t end = text.size();
    while (end > from && is_word_character(text[end - 1])) {
        end--;
    }
    return end;
}

struct JsonReader::Callbacks {
    static JsonReader& of(void* context) noexcept { return *static_cast<JsonReader*>(context); }

    static int answer(JsonReader& reader, bool go_on) noexcept {
        if (!go_on) {
            reader.fail(JsonStatus::kStopped);
        }
        return go_on ? 1 : 0;
    }

    template <bool (JsonHandler::*Heard)() noexcept>
    static int start(void* context) noexcept {
        JsonReader& reader = of(context);
        if (++reader.depth_ > kMaxJsonDepth) {
            reader.fail(JsonStatus::kTooDeep);
            return 0;
        }
        return reader.skip_from_ != 0 ? 1 : answer(reader, (reader.handler_.*Heard)());
    }

    template <bool (JsonHandler::*Heard)() noexcept>
    static int end(void* context) noexcept {
        JsonReader& reader = of(context);
        const std::size_t depth = reader.depth_--;
        if (reader.skip_from_ == 0) {
            return answer(reader, (reader.handler_.*Heard)());
        }
        if (reader.skip_from_ == depth) {
            reader.skip_from_ = 0;
            reader.callbacks_.yajl_map_key = key;
            reader.hear_scalars(reader.scalars_heard_);
        }
        return 1;
    }

    static int key(void* context, const unsigned char* text, std::size_t size_bytes) noexcept {
        JsonReader& reader = of(context);
        return answer(reader, reader.handler_.on_key(reader.raw_string(text, size_bytes)));
    }

    static int string(void* context, const unsigned char* text, std::size_t size_bytes) noexcept {
        JsonReader& reader = of(context);
        return answer(reader, reader.handler_.on_string(reader.raw_string(text, size_bytes)));
    }

    static int number(void* context, const char* text, std::size_t size_bytes) noexcept {
        JsonReader& reader = of(context);
        return answer(reader, reader.handler_.on_number(reader.raw_number(text, size_bytes)));
    }

    static int boolean(void* context, int value) noexcept {
        JsonReader& reader = of(context);
        return answer(reader, reader.handler_.on_boolean(value != 0));
    }

    static int null(void* context) noexcept {
        JsonReader& reader = of(context);
        return answer(reader, reader.handler_.on_null());
    }

    static constexpr yajl_callbacks kAll = {
        null,
        boolean,
        nullptr,
        nullptr,
        number,
        string,
        start<&JsonHandler::on_start_object>,
        key,
        end<&JsonHandler::on_end_object>,
        start<&JsonHandler::on_start_array>,
        end<&JsonHandler::on_end_array>,
    };
};

JsonReader::JsonReader(Arena& arena, JsonHandler& handler, JsonConstants constants) noexcept
    : arena_(arena),
      handler_(handler),
      memory_{yajl_allocate, yajl_reallocate, yajl_release, this},
      callbacks_(Callbacks::kAll),
      constants_(constants) {
    if (setjmp(out_of_memory_) != 0) {
        fail(JsonStatus::kOutOfMemory);
        return;
    }
    yajl_ = yajl_alloc(&callbacks_, &memory_, this);
    // Bytes that are no UTF-8 are mended by repair(), not refused.
    yajl_config(yajl_, yajl_dont_validate_strings, 1);
}

JsonReader::~JsonReader() {
    if (yajl_ != nullptr) {
        yajl_free(yajl_);
    }
    arena_.release(copy_, copy_bytes_);
}

// yajl writes through what its allocator returns without a look, so the only way out of a failed
// allocation is a jump. It passes over yajl's C frames alone: yajl never allocates while one of
// our callbacks is on the stack.
void* JsonReader::yajl_allocate(void* reader, std::size_t size_bytes) noexcept {
    JsonReader& self = *static_cast<JsonReader*>(reader);
    void* memory = self.arena_.allocate(sizeof(BlockHeader) + size_bytes);
    if (memory == nullptr) {
        std::longjmp(self.out_of_memory_, 1);
    }
    return new (memory) BlockHeader{size_bytes} + 1;
}

void* JsonReader::yajl_reallocate(void* reader, void* memory, std::size_t size_bytes) noexcept {
    void* grown = yajl_allocate(reader, size_bytes);
    if (memory != nullptr) {
        const std::size_t had_bytes = (static_cast<BlockHeader*>(memory) - 1)->size_bytes;
        std::memcpy(grown, memory, std::min(had_bytes, size_bytes));
        yajl_release(reader, memory);
    }
    return grown;
}

void JsonReader::yajl_release(void* reader, void* memory) noexcept {
    if (memory != nullptr) {
        BlockHeader* block = static_cast<BlockHeader*>(memory) - 1;
        static_cast<JsonReader*>(reader)->arena_.release(block,
                                                         sizeof(BlockHeader) + block->size_bytes);
    }
}

void JsonReader::hear_scalars(bool is_heard) noexcept {
    scalars_heard_ = is_heard;
    const yajl_callbacks& from = Callbacks::kAll;
    callbacks_.yajl_null = is_heard ? from.yajl_null : nullptr;
    callbacks_.yajl_boolean = is_heard ? from.yajl_boolean : nullptr;
    callbacks_.yajl_number = is_heard ? from.yajl_number : nullptr;
    callbacks_.yajl_string = is_heard ? from.yajl_string : nullptr;
}

void JsonReader::skip_this() noexcept {
    skip_from_ = depth_;
    const bool were_heard = scalars_heard_;
    hear_scalars(false);
    scalars_heard_ = were_heard;
    callbacks_.yajl_map_key = nullptr;
}

/// A number as it stands: yajl has a constant's substitute.
std::string_view JsonReader::raw_number(const char* text, std::size_t size_bytes) const noexcept {
    const std::size_t end = yajl_get_bytes_consumed(yajl_);
    // One that is the whole text ends only behind it.
    return end < size_bytes ? std::string_view(text, size_bytes)
                            : std::string_view(stands_at_ + end - size_bytes, size_bytes);
}

/// A string as it stands: yajl has one with escapes, and the first of a piece, in buffers of its
/// own.
std::string_view JsonReader::raw_string(const unsigned char* text,
                                        std::size_t size_bytes) const noexcept {
    if (!long_string_.empty()) {
        return long_string_;
    }
    const std::size_t end_bytes = yajl_get_bytes_consumed(yajl_) - 1;  // its closing quote
    const auto* at = reinterpret_cast<const char*>(text);
    if (at + size_bytes == parsed_.data() + end_bytes) {
        return {stands_at_ + end_bytes - size_bytes, size_bytes};
    }
    const char* end = stands_at_ + end_bytes;
    const char* begin = end;
    do {
        begin--;
    } while (begin[0] != '"' || (begin != stands_at_ && begin[-1] == '\\'));
    return {begin + 1, static_cast<std::size_t>(end - begin - 1)};
}

bool JsonReader::peek_string(std::string_view& raw) const noexcept {
    const char* const end = piece_.text.data() + piece_.text.size();
    const char* at = stands_at_ + yajl_get_bytes_consumed(yajl_);
    while (at < end && (is_json_space(*at) || *at == ':')) {
        at++;
    }
    const std::string_view rest(at, static_cast<std::size_t>(end - at));
    const std::size_t size =
        rest.empty() || rest[0] != '"' ? std::string_view::npos : string_bytes(rest);
    if (size == std::string_view::npos) {
        return false;
    }
    raw = rest.substr(1, size - 2);
    return true;
}

JsonStatus JsonReader::feed(JsonChunk piece) noexcept {
    if (offset_ == 0 && piece.text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
        piece.text.remove_prefix(kByteOrderMark.size());
        offset_ = kByteOrderMark.size();
    }
    piece_ = piece;
    // yajl takes these two for white space; nowhere in JSON may they stand unescaped.
    const std::size_t bad =
        std::min(std::min(piece.text.find('\v'), piece.text.find('\f')), piece.text.size());
    std::string_view text = piece.text.substr(0, bad);
    while (status_ == JsonStatus::kOk && !text.empty()) {
        const std::string_view long_string = find_long_string(text);
        const auto before_bytes = static_cast<std::size_t>(long_string.data() - text.data());
        feed_tokens(text.substr(0, before_bytes));
        if (!long_string.empty()) {
            feed_long_string(long_string);
        }
        text.remove_prefix(before_bytes + long_string.size());
    }
    if (bad != piece.text.size()) {
        fail(JsonStatus::kInvalid);
    }
    piece_ = {};
    return status_;
}

void JsonReader::feed_tokens(std::string_view text) noexcept {
    if (constants_ == JsonConstants::kRefused) {
        parse(text, text.data());
        offset_ += status_ == JsonStatus::kOk ? text.size() : yajl_get_bytes_consumed(yajl_);
        return;
    }
    while (status_ == JsonStatus::kOk && !text.empty()) {
        const std::size_t some = whole_tokens_bytes(text.substr(0, kPieceBytes));
        const std::size_t size = some == 0 || text.size() <= kPieceBytes ? text.size() : some;
        feed_with_constants(text.substr(0, size));
        text.remove_prefix(size);
    }
}

/// yajl gets a copy that ends in white space, so that a constant ends where it stands.
void JsonReader::feed_with_constants(std::string_view text) noexcept {
    if (!reserve_copy(text.size() + 1)) {
        fail(JsonStatus::kOutOfMemory);
        return;
    }
    replace_constants(text, copy_);
    copy_[text.size()] = '\n';
    parse({copy_, text.size() + 1}, text.data());
    offset_ += status_ == JsonStatus::kOk ? text.size()
                                          : std::min(text.size(), yajl_get_bytes_consumed(yajl_));
}

bool JsonReader::reserve_copy(std::size_t size_bytes) noexcept {
    if (copy_bytes_ < size_bytes) {
        arena_.release(copy_, copy_bytes_);
        copy_ = static_cast<char*>(arena_.allocate(size_bytes));
        copy_bytes_ = copy_ == nullptr ? 0 : size_bytes;
    }
    return copy_ != nullptr;
}

/// yajl would copy it, but only yajl knows whether a string may stand here.
void JsonReader::feed_long_string(std::string_view quoted) noexcept {
    if (status_ != JsonStatus::kOk) {
        return;
    }
    constexpr std::string_view kEmpty = "\"\"";
    const std::string_view raw = quoted.substr(1, quoted.size() - kEmpty.size());
    const std::size_t sound_bytes = sound_string_bytes(raw);
    if (sound_bytes != raw.size()) {
        offset_ += 1 + sound_bytes;
        fail(JsonStatus::kInvalid);
        return;
    }
    long_string_ = raw;
    parse(kEmpty, quoted.data() + quoted.size() - kEmpty.size());
    long_string_ = {};
    offset_ += status_ == JsonStatus::kOk ? quoted.size() : yajl_get_bytes_consumed(yajl_);
}

JsonStatus JsonReader::finish() noexcept {
    // Behind a whole text yajl does not mind a string that never ends; a line break ends it.
    parse("\n", nullptr);
    if (status_ != JsonStatus::kOk) {
        return status_;
    }
    if (setjmp(out_of_memory_) != 0) {
        fail(JsonStatus::kOutOfMemory);
    } else if (yajl_complete_parse(yajl_) != yajl_status_ok) {
        fail(JsonStatus::kInvalid);
    }
    return status_;
}

void JsonReader::fail(JsonStatus status) noexcept {
    if (status_ == JsonStatus::kOk) {
        status_ = status;
    }
}

/// Hands `text` to yajl, which is what stands at `stands_at`.
void JsonReader::parse(std::string_view text, const char* stands_at) noexcept {
    if (text.empty() || status_ != JsonStatus::kOk) {
        return;
    }
    if (setjmp(out_of_memory_) != 0) {
        fail(JsonStatus::kOutOfMemory);
        return;
    }
    parsed_ = text;
    stands_at_ = stands_at;
    if (yajl_parse(yajl_, reinterpret_cast<const unsigned char*>(text.data()), text.size()) ==
        yajl_status_ok) {
        return;
    }
    fail(JsonStatus::kInvalid);
    // yajl stops before or behind the byte that it does not take.
    const std::size_t at = yajl_get_bytes_consumed(yajl_);
    for (std::size_t i = at == 0 ? 0 : at - 1; i <= at && i < text.size(); i++) {
        stopped_at_constant_ |= text[i] == 'N' || text[i] == 'I';
    }
}

}  // namespace flashduty
