#include "json_reader.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "json_string.hpp"
#include "text.hpp"

namespace flashduty {

namespace {

/// yajl does not say how large a block was when it asks for a larger one.
struct BlockHeader {
    std::size_t size_bytes;
};

constexpr bool is_number_character(char c) noexcept {
    return is_digit(c) || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
}

const char* find(const char* from, const char* end, char c) noexcept {
    const void* found = std::memchr(from, c, static_cast<std::size_t>(end - from));
    return found == nullptr ? end : static_cast<const char*>(found);
}

}  // namespace

/// What was found at a byte that needs a look before yajl sees it.
struct JsonReader::Escape {
    std::string_view text;     ///< what the body has there; empty: cut off by the piece's end
    std::string_view instead;  ///< what yajl gets for it, of the same length
    std::string_view constant;
};

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
        }
        return 1;
    }

    static int key(void* context, const unsigned char* text, std::size_t size) noexcept {
        JsonReader& reader = of(context);
        const std::string_view long_name = std::exchange(reader.long_string_, {}).text;
        if (reader.skip_from_ != 0) {
            return 1;
        }
        const std::string_view heard(reinterpret_cast<const char*>(text), size);
        return answer(reader, long_name.empty() ? reader.handler_.on_key(heard)
                                                : reader.handler_.on_long_key(long_name));
    }

    static int string(void* context, const unsigned char* text, std::size_t size) noexcept {
        JsonReader& reader = of(context);
        const JsonChunk long_string = std::exchange(reader.long_string_, {});
        if (reader.skip_from_ != 0) {
            return 1;
        }
        const std::string_view heard(reinterpret_cast<const char*>(text), size);
        return answer(reader, long_string.text.empty()
                                  ? reader.handler_.on_string(heard)
                                  : reader.handler_.on_long_string(long_string));
    }

    static int number(void* context, const char* text, std::size_t size) noexcept {
        JsonReader& reader = of(context);
        std::string_view heard(text, size);
        if (!reader.constant_.empty()) {
            heard = heard[0] == '-' ? "-Infinity" : reader.constant_;
            reader.constant_ = {};
        }
        return reader.skip_from_ != 0 ? 1 : answer(reader, reader.handler_.on_number(heard));
    }

    static int boolean(void* context, int value) noexcept {
        JsonReader& reader = of(context);
        return reader.skip_from_ != 0 ? 1 : answer(reader, reader.handler_.on_boolean(value != 0));
    }

    static int null(void* context) noexcept {
        JsonReader& reader = of(context);
        return reader.skip_from_ != 0 ? 1 : answer(reader, reader.handler_.on_null());
    }

    static constexpr yajl_callbacks kTable = {
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
      constants_(constants) {
    if (setjmp(out_of_memory_) != 0) {
        fail(JsonStatus::kOutOfMemory);
        return;
    }
    yajl_ = yajl_alloc(&Callbacks::kTable, &memory_, this);
    // Bytes that are no UTF-8 are mended by repair(), not refused.
    yajl_config(yajl_, yajl_dont_validate_strings, 1);
}

JsonReader::~JsonReader() {
    if (yajl_ != nullptr) {
        yajl_free(yajl_);
    }
    arena_.release(scratch_, scratch_bytes_);
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

bool JsonReader::is_lasting(std::string_view text) const noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(text.data());
    const auto begin = reinterpret_cast<std::uintptr_t>(lasting_.data());
    return at >= begin && at + text.size() <= begin + lasting_.size();
}

JsonStatus JsonReader::feed(JsonChunk chunk) noexcept {
    std::string_view text = chunk.text;
    while (!text.empty() && carry_size_ == 0 && offset_ == mark_bytes_ &&
           mark_bytes_ < kByteOrderMark.size() && text[0] == kByteOrderMark[mark_bytes_]) {
        mark_bytes_++;
        offset_++;
        text.remove_prefix(1);
    }
    if (text.empty() || status_ != JsonStatus::kOk) {
        return status_;
    }
    if (mark_bytes_ != 0 && mark_bytes_ < kByteOrderMark.size()) {
        fail(JsonStatus::kInvalid);
        return status_;
    }

    lasting_ = chunk.lasting ? text : std::string_view{};
    // yajl takes these two for white space; nowhere in JSON may they stand unescaped.
    const char* end = text.data() + text.size();
    const char* bad = std::min(find(text.data(), end, '\v'), find(text.data(), end, '\f'));
    filter(text.substr(0, static_cast<std::size_t>(bad - text.data())));
    if (bad != end && status_ == JsonStatus::kOk) {
        std::string_view nothing;
        finish_carry(nothing, true);
        fail(JsonStatus::kInvalid);
    }
    lasting_ = {};
    return status_;
}

JsonStatus JsonReader::feed_long_string(JsonChunk quoted) noexcept {
    const std::string_view raw = quoted.text.substr(1, quoted.text.size() - 2);
    const std::size_t sound_bytes = sound_string_bytes(raw);
    if (status_ != JsonStatus::kOk) {
        return status_;
    }
    if (sound_bytes != raw.size()) {
        offset_ += 1 + sound_bytes;
        fail(JsonStatus::kInvalid);
        return status_;
    }
    // yajl decides whether a string may stand here.
    lasting_ = quoted.lasting ? quoted.text : std::string_view{};
    long_string_ = {raw, quoted.lasting};
    push("\"\"");
    offset_ += status_ == JsonStatus::kOk ? raw.size() : 0;
    long_string_ = {};
    lasting_ = {};
    return status_;
}

JsonStatus JsonReader::finish() noexcept {
    if (mark_bytes_ != 0 && mark_bytes_ < kByteOrderMark.size()) {
        fail(JsonStatus::kInvalid);
    }
    std::string_view nothing;
    finish_carry(nothing, true);
    if (status_ == JsonStatus::kOk) {
        // Behind a whole text yajl does not mind a string that never ends; a line break ends it.
        parse(reinterpret_cast<const unsigned char*>("\n"), 1);
    }
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

/// The next byte that yajl must not see before we have looked at it.
const char* JsonReader::next_special(const char* from, const char* end) noexcept {
    if (constants_ == JsonConstants::kRefused) {
        return find(from, end, '\\');
    }
    for (; from < end; from++) {
        if (*from == '"') {
            in_string_ = !in_string_;
        } else if (in_string_ ? *from == '\\' : (*from == 'N' || *from == 'I')) {
            break;
        }
    }
    return from;
}

void JsonReader::filter(std::string_view text) noexcept {
    finish_carry(text, false);
    const char* from = text.data();
    const char* const end = from + text.size();
    for (const char* at = from; status_ == JsonStatus::kOk && from < end;) {
        at = next_special(at, end);
        if (at == end) {
            push({from, static_cast<std::size_t>(end - from)});
            return;
        }
        if (constants_ == JsonConstants::kRead && !in_string_) {
            // What stands before a constant decides whether it is one.
            push({from, static_cast<std::size_t>(at - from)});
            from = at;
        }
        const std::string_view special(at, static_cast<std::size_t>(end - at));
        const Escape escape = look_at(special, false);
        if (escape.text.empty()) {
            push({from, static_cast<std::size_t>(at - from)});
            std::copy(special.begin(), special.end(), carry_);
            carry_size_ = special.size();
            return;
        }
        if (escape.instead.empty()) {
            at += escape.text.size();
            continue;
        }
        push({from, static_cast<std::size_t>(at - from)});
        if (escape.constant.empty()) {
            at = push_mended(at, end);
        } else {
            pass(escape);
            at += escape.text.size();
        }
        from = at;
    }
}

/// Pushes the rest of a string, from a lone surrogate on, in one piece with all of them mended:
/// yajl looks at the whole of an unfinished string again with every piece. Returns where it
/// stopped: at the string's end, before a cut off escape, or where the scratch was full.
const char* JsonReader::push_mended(const char* from, const char* end) noexcept {
    if (!reserve_scratch(static_cast<std::size_t>(end - from))) {
        return end;
    }
    std::size_t size = 0;
    while (from < end && *from != '"' && size + sizeof(carry_) <= scratch_bytes_) {
        std::string_view text(from, 1);
        std::string_view instead;
        if (*from == '\\') {
            const Escape escape = look_at({from, static_cast<std::size_t>(end - from)}, false);
            if (escape.text.empty()) {
                break;
            }
            text = escape.text;
            instead = escape.instead;
        }
        const std::string_view pushed = instead.empty() ? text : instead;
        std::copy(pushed.begin(), pushed.end(), scratch_ + size);
        size += pushed.size();
        from += text.size();
    }
    push({scratch_, size});
    return from;
}

/// Room for a string of that size, or for twice as much of it as the last time.
bool JsonReader::reserve_scratch(std::size_t size_bytes) noexcept {
    constexpr std::size_t kFirstBytes = 16 * 1024;
    const std::size_t wanted_bytes =
        std::min(std::max(scratch_bytes_ * 2, kFirstBytes), size_bytes + sizeof(carry_));
    if (scratch_bytes_ < wanted_bytes) {
        arena_.release(scratch_, scratch_bytes_);
        scratch_ = static_cast<char*>(arena_.allocate(wanted_bytes));
        scratch_bytes_ = scratch_ == nullptr ? 0 : wanted_bytes;
        if (scratch_ == nullptr) {
            fail(JsonStatus::kOutOfMemory);
        }
    }
    return scratch_ != nullptr;
}

/// Decides what the last piece ended in, with the help of the bytes that follow.
void JsonReader::finish_carry(std::string_view& text, bool at_end) noexcept {
    while (carry_size_ != 0 && status_ == JsonStatus::kOk) {
        const std::size_t more = std::min(sizeof(carry_) - carry_size_, text.size());
        std::copy(text.begin(), text.begin() + more, carry_ + carry_size_);
        const Escape escape = look_at({carry_, carry_size_ + more}, at_end);
        if (escape.text.empty()) {
            carry_size_ += more;
            text.remove_prefix(more);
            return;
        }
        const std::size_t used = escape.text.size();
        pass(escape);
        if (used >= carry_size_) {
            text.remove_prefix(used - carry_size_);
            carry_size_ = 0;
        } else {
            // A high surrogate without its other half, and what follows it in the carry is the
            // next escape; or no constant after all, seen byte by byte.
            std::copy(carry_ + used, carry_ + carry_size_, carry_);
            carry_size_ -= used;
        }
    }
}

/// `special` begins with a backslash, or outside of strings with `N` or `I`.
JsonReader::Escape JsonReader::look_at(std::string_view special, bool at_end) const noexcept {
    if (special[0] != '\\') {
        return look_at_constant(special, at_end);
    }
    const Escape cut_off = at_end ? Escape{special, {}, {}} : Escape{};
    if (special.size() < 2) {
        return cut_off;
    }
    if (special[1] != 'u') {
        return {special.substr(0, 2), {}, {}};
    }
    unsigned unit = 0;
    if (special.size() < 6) {
        return cut_off;
    }
    if (!parse_hex4(special.substr(2), unit)) {
        return {special.substr(0, 6), {}, {}};  // yajl stops in it
    }
    // yajl joins a high surrogate with whatever follows it and lets a low one through alone.
    const Escape lone = {special.substr(0, 6), "\\ufffd", {}};
    if (is_low_surrogate(unit)) {
        return lone;
    }
    if (!is_high_surrogate(unit)) {
        return {special.substr(0, 6), {}, {}};
    }
    const std::string_view rest = special.substr(6);
    const bool may_be_pair =
        (rest.empty() || rest[0] == '\\') && (rest.size() < 2 || rest[1] == 'u');
    if (may_be_pair && rest.size() < 6) {
        return at_end ? lone : cut_off;
    }
    if (may_be_pair && parse_hex4(rest.substr(2), unit) && is_low_surrogate(unit)) {
        return {special.substr(0, 12), {}, {}};
    }
    return lone;
}

JsonReader::Escape JsonReader::look_at_constant(std::string_view special,
                                                bool at_end) const noexcept {
    const std::string_view name = special[0] == 'N' ? "NaN" : "Infinity";
    const std::size_t common = std::min(name.size(), special.size());
    if (special.substr(0, common) != name.substr(0, common)) {
        return {special.substr(0, 1), {}, {}};
    }
    if (special.size() <= name.size() && !at_end) {
        return {};
    }
    const bool whole =
        special.size() >= name.size() &&
        (special.size() == name.size() || !is_number_character(special[name.size()]));
    const bool negative = before_[1] == '-' && name[0] == 'I' && !is_number_character(before_[0]);
    if (!whole || (is_number_character(before_[1]) && !negative)) {
        return {special.substr(0, 1), {}, {}};
    }
    return {special.substr(0, name.size()), name[0] == 'N' ? "0e0" : "0e000000", name};
}

void JsonReader::pass(const Escape& escape) noexcept {
    if (!escape.constant.empty()) {
        constant_ = escape.constant;
    }
    push(escape.instead.empty() ? escape.text : escape.instead);
}

void JsonReader::push(std::string_view text) noexcept {
    if (text.empty() || status_ != JsonStatus::kOk) {
        return;
    }
    before_[0] = text.size() > 1 ? text[text.size() - 2] : before_[1];
    before_[1] = text.back();
    parse(reinterpret_cast<const unsigned char*>(text.data()), text.size());
    offset_ += status_ == JsonStatus::kOk ? text.size() : yajl_get_bytes_consumed(yajl_);
}

void JsonReader::parse(const unsigned char* text, std::size_t size_bytes) noexcept {
    if (setjmp(out_of_memory_) != 0) {
        fail(JsonStatus::kOutOfMemory);
        return;
    }
    if (yajl_parse(yajl_, text, size_bytes) == yajl_status_ok) {
        return;
    }
    fail(JsonStatus::kInvalid);
    // yajl stops before or behind the byte that it does not take.
    const std::size_t at = yajl_get_bytes_consumed(yajl_);
    for (std::size_t i = at == 0 ? 0 : at - 1; i <= at && i < size_bytes; i++) {
        stopped_at_constant_ |= text[i] == 'N' || text[i] == 'I';
    }
}

}  // namespace flashduty
