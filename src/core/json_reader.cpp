#include "json_reader.hpp"

#include <yajl/yajl_parse.h>

#include <algorithm>
#include <new>

namespace flashduty {

namespace {

/// yajl does not say how large a block was when it asks for a larger one.
struct BlockHeader {
    std::size_t size_bytes;
};

}  // namespace

struct JsonParser::Yajl {
    static void* allocate(void* reader, std::size_t size_bytes) noexcept;
    static void* reallocate(void* reader, void* memory, std::size_t size_bytes) noexcept;
    static void release(void* reader, void* memory) noexcept;

    yajl_alloc_funcs memory;
    yajl_handle handle;
};

JsonParser::JsonParser(Arena& arena, JsonConstants constants) noexcept
    : constants_(constants),
      arena_(arena),
      parser_(static_cast<Yajl*>(arena.allocate(sizeof(Yajl)))) {
    static_assert(kMaxJsonDepth <= 64, "a bit for each depth");
    if (parser_ != nullptr) {
        new (parser_) Yajl{{Yajl::allocate, Yajl::reallocate, Yajl::release, this}, nullptr};
    }
    if (parser_ == nullptr || setjmp(out_of_memory_) != 0) {
        fail(JsonStatus::kOutOfMemory);
        return;
    }
    parser_->handle = yajl_alloc(nullptr, &parser_->memory, this);
    // Bytes that are no UTF-8 are fixed by repair(), not refused.
    yajl_config(parser_->handle, yajl_dont_validate_strings, 1);
}

JsonParser::~JsonParser() {
    if (parser_ != nullptr && parser_->handle != nullptr) {
        yajl_free(parser_->handle);
    }
    arena_.release(parser_, sizeof(Yajl));
}

// yajl writes through what its allocator returns without a look, so the only way out of a failed
// allocation is a jump. It passes over yajl's C frames alone: yajl never allocates while one of
// our callbacks is on the stack.
void* JsonParser::Yajl::allocate(void* reader, std::size_t size_bytes) noexcept {
    JsonParser& self = *static_cast<JsonParser*>(reader);
    void* memory = self.arena_.allocate(sizeof(BlockHeader) + size_bytes);
    if (memory == nullptr) {
        std::longjmp(self.out_of_memory_, 1);
    }
    return new (memory) BlockHeader{size_bytes} + 1;
}

void* JsonParser::Yajl::reallocate(void* reader, void* memory, std::size_t size_bytes) noexcept {
    void* grown = allocate(reader, size_bytes);
    if (memory != nullptr) {
        const std::size_t had_bytes = (static_cast<BlockHeader*>(memory) - 1)->size_bytes;
        std::memcpy(grown, memory, std::min(had_bytes, size_bytes));
        release(reader, memory);
    }
    return grown;
}

void JsonParser::Yajl::release(void* reader, void* memory) noexcept {
    if (memory != nullptr) {
        BlockHeader* block = static_cast<BlockHeader*>(memory) - 1;
        static_cast<JsonParser*>(reader)->arena_.release(block,
                                                         sizeof(BlockHeader) + block->size_bytes);
    }
}

template class JsonReaderFor<JsonHandler>;

// ---------------------------------------------------------------- judging

/// Draws what was read so far to `to`, and gives its size: one bracket and what stands before its
/// next token for each container that is open.
std::size_t JsonParser::draw_outline(char* to) const noexcept {
    char* end = to;
    const auto put = [&end](std::string_view text) { end += text.copy(end, text.size()); };
    for (std::size_t depth = 0; depth < depth_; depth++) {
        const bool is_last = depth + 1 == depth_;
        if (((objects_ >> depth) & 1) == 0) {
            put("[");
        } else {
            put(is_last ? "{" : "{\"\":");
        }
    }
    const bool is_object = is_in_object();
    switch (place_) {
        case Place::kFirstElement:
        case Place::kFirstName:
            break;
        case Place::kName:
            put("\"\":\"\",");
            break;
        case Place::kColon:
            put("\"\"");
            break;
        case Place::kValue:
            put(is_object ? "\"\":" : depth_ == 0 ? "" : "\"\",");
            break;
        case Place::kBehindValue:
            put(is_object ? "\"\":\"\"" : "\"\"");
            break;
    }
    return static_cast<std::size_t>(end - to);
}

constexpr std::size_t kMostOutlineBytes = kMaxJsonDepth * std::string_view("{\"\":").size() + 8;

/// How much of `text` yajl reads.
std::size_t JsonParser::read_by_yajl(std::string_view text) noexcept {
    const char* const word_end = find_word_end(text.data(), text.data() + text.size());
    const std::string_view word = text.substr(0, static_cast<std::size_t>(word_end - text.data()));
    if (!word.empty() && json_word(word, constants_) == JsonWord::kNumber) {
        // A constant is none to yajl. All numbers are alike.
        return parse("0 ") || yajl_get_bytes_consumed(parser_->handle) != 0 ? word.size() : 0;
    }
    // yajl takes these two for white space; nowhere in JSON may they stand unescaped.
    text = text.substr(0, std::min(text.find('\v'), text.find('\f')));
    return parse(text) ? text.size() : yajl_get_bytes_consumed(parser_->handle);
}

void JsonParser::refuse(std::string_view text) noexcept {
    const std::size_t string_bytes =
        text[0] == '"' ? 1 + sound_string_bytes(text.substr(1)) : std::size_t{0};
    const bool is_unsound = string_bytes == text.size() || text[string_bytes] != '"';
    char outline[kMostOutlineBytes];
    if (string_bytes > kPieceBytes && is_unsound) {  // yajl would copy it
        offset_ += string_bytes;
    } else if (parse({outline, draw_outline(outline)})) {
        offset_ += read_by_yajl(text);
    }
    fail(JsonStatus::kInvalid);
}

JsonStatus JsonParser::finish() noexcept {
    if (status_ != JsonStatus::kOk) {
        return status_;
    }
    char outline[kMostOutlineBytes];
    (void)parse({outline, draw_outline(outline)});
    if (status_ == JsonStatus::kOk && setjmp(out_of_memory_) != 0) {
        fail(JsonStatus::kOutOfMemory);
    } else if (status_ == JsonStatus::kOk &&
               yajl_complete_parse(parser_->handle) != yajl_status_ok) {
        fail(JsonStatus::kInvalid);
    }
    return status_;
}

bool JsonParser::parse(std::string_view text) noexcept {
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

}  // namespace flashduty
