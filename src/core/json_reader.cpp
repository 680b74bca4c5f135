#include "json_reader.hpp"

#include <yajl/yajl_parse.h>

#include <algorithm>
#include <csetjmp>
#include <new>

namespace flashduty {

namespace {

/// yajl does not say how large a block was when it asks for a larger one.
struct BlockHeader {
    std::size_t size_bytes;
};

/// yajl, shown one text in parts. Not copyable: yajl holds its address.
///
/// yajl writes through what its allocator returns without a look, so the only way out of a failed
/// allocation is a jump. It passes over yajl's C frames and one lambda's, which owns nothing: yajl
/// has no callbacks here.
class Judge {
  public:
    explicit Judge(Arena& arena) noexcept
        : arena_(arena), memory_{allocate, reallocate, release, this} {
        (void)has_memory_for([this] {
            yajl_ = yajl_alloc(nullptr, &memory_, this);
            // Bytes that are no UTF-8 are fixed by repair(), not refused.
            return yajl_config(yajl_, yajl_dont_validate_strings, 1) != 0;
        });
    }
    ~Judge() {
        if (yajl_ != nullptr) {
            yajl_free(yajl_);
        }
    }
    Judge(const Judge&) = delete;
    Judge& operator=(const Judge&) = delete;

    /// Shows it what follows. False when that is refused, or memory ran out.
    bool takes(std::string_view text) noexcept {
        const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
        return text.empty() || has_memory_for([this, bytes, size = text.size()] {
                   return yajl_parse(yajl_, bytes, size) == yajl_status_ok;
               });
    }

    /// Tells it that the text ends here.
    bool takes_end() noexcept {
        return has_memory_for([this] { return yajl_complete_parse(yajl_) == yajl_status_ok; });
    }

    /// How much it has read of what it was shown last.
    [[nodiscard]] std::size_t read_bytes() const noexcept {
        return is_out_of_memory_ ? 0 : yajl_get_bytes_consumed(yajl_);
    }

    [[nodiscard]] JsonStatus refusal() const noexcept {
        return is_out_of_memory_ ? JsonStatus::kOutOfMemory : JsonStatus::kInvalid;
    }

  private:
    /// Result of `call`; false without memory.
    template <class Call>
    bool has_memory_for(Call call) noexcept {
        if (is_out_of_memory_ || setjmp(out_of_memory_) != 0) {
            is_out_of_memory_ = true;
            return false;
        }
        return call();
    }

    static void* allocate(void* judge, std::size_t size_bytes) noexcept {
        Judge& self = *static_cast<Judge*>(judge);
        void* memory = self.arena_.allocate(sizeof(BlockHeader) + size_bytes);
        if (memory == nullptr) {
            std::longjmp(self.out_of_memory_, 1);
        }
        return new (memory) BlockHeader{size_bytes} + 1;
    }

    static void* reallocate(void* judge, void* memory, std::size_t size_bytes) noexcept {
        void* grown = allocate(judge, size_bytes);
        if (memory != nullptr) {
            const std::size_t had_bytes = (static_cast<BlockHeader*>(memory) - 1)->size_bytes;
            std::memcpy(grown, memory, std::min(had_bytes, size_bytes));
            release(judge, memory);
        }
        return grown;
    }

    static void release(void* judge, void* memory) noexcept {
        if (memory != nullptr) {
            BlockHeader* block = static_cast<BlockHeader*>(memory) - 1;
            static_cast<Judge*>(judge)->arena_.release(block,
                                                       sizeof(BlockHeader) + block->size_bytes);
        }
    }

    Arena& arena_;
    yajl_alloc_funcs memory_;
    yajl_handle yajl_ = nullptr;
    bool is_out_of_memory_ = false;
    std::jmp_buf out_of_memory_;
};

}  // namespace

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

namespace {

/// How much of `text` yajl reads.
std::size_t read_by_yajl(Judge& judge, std::string_view text, JsonConstants constants) noexcept {
    const char* const word_end = find_word_end(text.data(), text.data() + text.size());
    const std::string_view word = text.substr(0, static_cast<std::size_t>(word_end - text.data()));
    if (!word.empty() && json_word(word, constants) == JsonWord::kNumber) {
        // A constant is none to yajl. All numbers are alike.
        return judge.takes("0 ") || judge.read_bytes() != 0 ? word.size() : 0;
    }
    // yajl takes these two for white space; nowhere in JSON may they stand unescaped.
    text = text.substr(0, std::min(text.find('\v'), text.find('\f')));
    return judge.takes(text) ? text.size() : judge.read_bytes();
}

}  // namespace

void JsonParser::refuse(std::string_view text) noexcept {
    const std::size_t string_bytes =
        text[0] == '"' ? 1 + sound_string_bytes(text.substr(1)) : std::size_t{0};
    const bool is_unsound = string_bytes == text.size() || text[string_bytes] != '"';
    if (string_bytes > kPieceBytes && is_unsound) {  // yajl would copy it
        offset_ += string_bytes;
        fail(JsonStatus::kInvalid);
        return;
    }
    char outline[kMostOutlineBytes];
    Judge judge(arena_);
    if (judge.takes({outline, draw_outline(outline)})) {
        offset_ += read_by_yajl(judge, text, constants_);
    }
    fail(judge.refusal());
}

JsonStatus JsonParser::finish() noexcept {
    const bool is_whole = depth_ == 0 && place_ == Place::kBehindValue;
    if (status_ != JsonStatus::kOk || is_whole) {
        return status_;
    }
    char outline[kMostOutlineBytes];
    Judge judge(arena_);
    if (!judge.takes({outline, draw_outline(outline)}) || !judge.takes_end()) {
        fail(judge.refusal());
    }
    return status_;
}

}  // namespace flashduty
