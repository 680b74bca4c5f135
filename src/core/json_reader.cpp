#include "json_reader.hpp"

#include <yajl/yajl_parse.h>

#include <algorithm>
#include <new>
#include <utility>

namespace flashduty {

namespace {

/// yajl does not say how large a block was when it asks for a larger one.
struct BlockHeader {
    std::size_t size_bytes;
};

}  // namespace

struct JsonReader::Yajl {
    static void* allocate(void* reader, std::size_t size_bytes) noexcept;
    static void* reallocate(void* reader, void* memory, std::size_t size_bytes) noexcept;
    static void release(void* reader, void* memory) noexcept;

    yajl_alloc_funcs memory;
    yajl_callbacks callbacks;
    yajl_handle handle;
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
            reader.parser_->callbacks = kAll;
        }
        return 1;
    }

    static bool tell(JsonReader& reader, const JsonScalar& scalar) noexcept {
        switch (scalar.kind) {
            case JsonScalar::kString:
                reader.is_plain_ = scalar.is_plain;
                return reader.handler_.on_string(scalar.text());
            case JsonScalar::kNumber:
                return reader.handler_.on_number(scalar.text());
            case JsonScalar::kNull:
                return reader.handler_.on_null();
            default:
                return reader.handler_.on_boolean(scalar.kind == JsonScalar::kTrue);
        }
    }

    static bool tell_name(JsonReader& reader, const JsonScalar& name) noexcept {
        reader.is_plain_ = name.is_plain;
        return reader.handler_.on_key(name.text());
    }

    /// Tells a name, and the members that it stands for.
    static int key(void* context, const unsigned char* text, std::size_t) noexcept {
        JsonReader& reader = of(context);
        auto [at, end] = reader.outline_.scalars(reinterpret_cast<const char*>(text) - 1);
        bool go_on = true;
        for (bool is_name = true; at != end && go_on; at++) {
            if (is_name) {
                go_on = tell_name(reader, *at);
            } else if (reader.scalars_heard_) {
                go_on = tell(reader, *at);
            }
            is_name = !is_name;
        }
        return answer(reader, go_on);
    }

    static int scalars(JsonReader& reader, const char* text) noexcept {
        auto [at, end] = reader.outline_.scalars(text);
        bool go_on = true;
        while (at != end && go_on && reader.scalars_heard_) {
            go_on = tell(reader, *at);
            at++;
        }
        return answer(reader, go_on);
    }

    static int string(void* context, const unsigned char* text, std::size_t) noexcept {
        return scalars(of(context), reinterpret_cast<const char*>(text) - 1);
    }

    static int number(void* context, const char* text, std::size_t) noexcept {
        return scalars(of(context), text);
    }

    static constexpr yajl_callbacks kAll = {
        nullptr,  // all that is no string is a number in the outline
        nullptr,
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
      parser_(static_cast<Yajl*>(arena.allocate(sizeof(Yajl)))),
      outline_(constants) {
    if (parser_ != nullptr) {
        new (parser_)
            Yajl{{Yajl::allocate, Yajl::reallocate, Yajl::release, this}, Callbacks::kAll, nullptr};
    }
    if (parser_ == nullptr || setjmp(out_of_memory_) != 0) {
        fail(JsonStatus::kOutOfMemory);
        return;
    }
    parser_->handle = yajl_alloc(&parser_->callbacks, &parser_->memory, this);
    // Bytes that are no UTF-8 are fixed by repair(), not refused.
    yajl_config(parser_->handle, yajl_dont_validate_strings, 1);
}

JsonReader::~JsonReader() {
    if (parser_ != nullptr && parser_->handle != nullptr) {
        yajl_free(parser_->handle);
    }
    arena_.release(parser_, sizeof(Yajl));
}

// yajl writes through what its allocator returns without a look, so the only way out of a failed
// allocation is a jump. It passes over yajl's C frames alone: yajl never allocates while one of
// our callbacks is on the stack.
void* JsonReader::Yajl::allocate(void* reader, std::size_t size_bytes) noexcept {
    JsonReader& self = *static_cast<JsonReader*>(reader);
    void* memory = self.arena_.allocate(sizeof(BlockHeader) + size_bytes);
    if (memory == nullptr) {
        std::longjmp(self.out_of_memory_, 1);
    }
    return new (memory) BlockHeader{size_bytes} + 1;
}

void* JsonReader::Yajl::reallocate(void* reader, void* memory, std::size_t size_bytes) noexcept {
    void* grown = allocate(reader, size_bytes);
    if (memory != nullptr) {
        const std::size_t had_bytes = (static_cast<BlockHeader*>(memory) - 1)->size_bytes;
        std::memcpy(grown, memory, std::min(had_bytes, size_bytes));
        release(reader, memory);
    }
    return grown;
}

void JsonReader::Yajl::release(void* reader, void* memory) noexcept {
    if (memory != nullptr) {
        BlockHeader* block = static_cast<BlockHeader*>(memory) - 1;
        static_cast<JsonReader*>(reader)->arena_.release(block,
                                                         sizeof(BlockHeader) + block->size_bytes);
    }
}

void JsonReader::skip_this() noexcept {
    skip_from_ = depth_;
    parser_->callbacks.yajl_map_key = nullptr;
    parser_->callbacks.yajl_string = nullptr;
    parser_->callbacks.yajl_number = nullptr;
}

JsonStatus JsonReader::feed(JsonChunk piece) noexcept {
    std::string_view text = piece.text;
    if (offset_ == 0 && text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
        text.remove_prefix(kByteOrderMark.size());
        offset_ = kByteOrderMark.size();
    }
    is_lasting_ = piece.lasting;
    while (status_ == JsonStatus::kOk && !text.empty()) {
        const std::string_view rest = outline_.draw(text);
        const bool is_unsound = !outline_.is_full() && !rest.empty();
        read_outline(text.substr(0, text.size() - rest.size()));
        if (is_unsound) {
            read_unsound(rest);
        }
        text = rest;
    }
    return status_;
}

/// Hands the outline of `text` to yajl.
void JsonReader::read_outline(std::string_view text) noexcept {
    const bool is_read = parse(outline_.outline());
    offset_ += is_read ? text.size() : stop_bytes(text);
}

/// What begins with no sound token is no JSON; yajl says where it is none.
void JsonReader::read_unsound(std::string_view text) noexcept {
    if (status_ != JsonStatus::kOk) {
        return;
    }
    parser_->callbacks = {};
    const std::size_t sound_bytes =
        text[0] == '"' ? 1 + sound_string_bytes(text.substr(1)) : std::size_t{0};
    if (sound_bytes > kPieceBytes) {  // yajl would copy it
        offset_ += sound_bytes;
    } else {
        // yajl takes these two for white space; nowhere in JSON may they stand unescaped.
        text = text.substr(0, std::min(text.find('\v'), text.find('\f')));
        offset_ += parse(text) ? text.size() : yajl_get_bytes_consumed(parser_->handle);
    }
    fail(JsonStatus::kInvalid);
}

JsonStatus JsonReader::finish() noexcept {
    if (status_ != JsonStatus::kOk) {
        return status_;
    }
    if (setjmp(out_of_memory_) != 0) {
        fail(JsonStatus::kOutOfMemory);
    } else if (yajl_complete_parse(parser_->handle) != yajl_status_ok) {
        fail(JsonStatus::kInvalid);
    }
    return status_;
}

void JsonReader::fail(JsonStatus status) noexcept {
    if (status_ == JsonStatus::kOk) {
        status_ = status;
    }
}

bool JsonReader::parse(std::string_view text) noexcept {
    if (text.empty()) {
        return true;
    }
    if (setjmp(out_of_memory_) != 0) {
        fail(JsonStatus::kOutOfMemory);
        return false;
    }
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    const bool is_read = yajl_parse(parser_->handle, bytes, text.size()) == yajl_status_ok;
    if (!is_read) {
        fail(JsonStatus::kInvalid);
    }
    return is_read;
}

/// How much of `text` yajl has read when it stopped in its outline.
std::size_t JsonReader::stop_bytes(std::string_view text) noexcept {
    const std::size_t consumed = yajl_get_bytes_consumed(parser_->handle);
    const bool is_before = stopped_before_token();
    const JsonScalar* string = is_before ? outline_.lone_string(consumed) : nullptr;
    if (string != nullptr) {
        return static_cast<std::size_t>(string->begin - text.data()) + 1;
    }
    const char* at = outline_.behind(consumed);
    while (is_before && is_json_space(*at)) {
        at++;
    }
    return static_cast<std::size_t>(at - text.data());
}

/// yajl counts back the size of a token that stands where the end of a member should be, of a
/// string that without its quotes.
bool JsonReader::stopped_before_token() noexcept {
    if (status_ != JsonStatus::kInvalid || setjmp(out_of_memory_) != 0) {
        return false;
    }
    unsigned char* text = yajl_get_error(parser_->handle, 0, nullptr, 0);
    const std::string_view error = reinterpret_cast<const char*>(text);
    const bool is_before = error.find("after key and value, inside map") != error.npos;
    yajl_free_error(parser_->handle, text);
    return is_before;
}

}  // namespace flashduty
