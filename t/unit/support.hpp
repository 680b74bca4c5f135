// Helpers of the tests: memory that can be watched and refused, bodies cut into pieces, and the way
// of a body through the core.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Older versions do not say themselves that they are C.
extern "C" {
#include <cmocka.h>
}
// The macro would rewrite every function of that name.
#undef fail

#include "../lib/malloc_rooms.hpp"
#include "arena.hpp"
#include "blueking_alert.hpp"
#include "blueking_body.hpp"
#include "flashduty_event.hpp"
#include "translate.hpp"

/// Compares texts that may hold anything, NUL included.
#define assert_text(actual, expected) check_text(actual, expected, __FILE__, __LINE__)

inline void check_text(std::string_view actual, std::string_view expected, const char* file,
                       int line) {
    if (actual != expected) {
        print_error("got      \"%s\"\nexpected \"%s\"\n", std::string(actual).c_str(),
                    std::string(expected).c_str());
        _fail(file, line);
    }
}

/// Makes one block for each allocation, and really frees released ones, so that sanitizers see
/// every access outside of them. Blocks are aligned as an Arena promises and no better.
class HeapArena : public flashduty::Arena {
  public:
    HeapArena() = default;
    ~HeapArena() {
        for (const Block& block : blocks_) {
            std::free(block.memory);
        }
    }

    [[nodiscard]] std::size_t blocks() const { return blocks_.size(); }

  protected:
    void* take(std::size_t size_bytes) noexcept override {
        if (!hold(size_bytes)) {
            return nullptr;
        }
        char* memory = static_cast<char*>(std::malloc(kSkewBytes + size_bytes));
        blocks_.push_back({memory, size_bytes, blocks_taken()});
        return memory + kSkewBytes;
    }
    void give_back(void* memory, std::size_t) noexcept override {
        const auto block = std::find_if(blocks_.begin(), blocks_.end(), [&](const Block& held) {
            return held.memory == static_cast<char*>(memory) - kSkewBytes;
        });
        // Memory that is not ours, or no longer, must not go unnoticed.
        if (block == blocks_.end()) {
            std::abort();
        }
        drop(*block);
    }
    void give_back_blocks(std::size_t after, std::size_t upto) noexcept override {
        for (std::size_t i = blocks_.size(); i-- > 0;) {
            if (blocks_[i].number > after && blocks_[i].number <= upto) {
                drop(blocks_[i]);
            }
        }
    }

  private:
    static constexpr std::size_t kSkewBytes = alignof(void*);

    struct Block {
        char* memory;
        std::size_t size_bytes;
        std::size_t number;
    };

    void drop(Block& block) noexcept {
        let_go(block.size_bytes);
        std::free(block.memory);
        block = blocks_.back();
        blocks_.pop_back();
    }

    std::vector<Block> blocks_;
};

/// Has memory for some allocations and none for those that follow.
class FailingArena final : public HeapArena {
  public:
    explicit FailingArena(std::size_t allocations) : left_(allocations) {}

  private:
    void* take(std::size_t size_bytes) noexcept override {
        if (left_ == 0) {
            return nullptr;
        }
        left_--;
        return HeapArena::take(size_bytes);
    }

    std::size_t left_;
};

using Pieces = std::vector<std::string_view>;

inline Pieces in_two(std::string_view text, std::size_t at) {
    return {text.substr(0, at), text.substr(at)};
}

inline Pieces in_pieces(std::string_view text, std::size_t size_bytes) {
    Pieces pieces;
    for (std::size_t at = 0; at < text.size(); at += size_bytes) {
        pieces.push_back(text.substr(at, size_bytes));
    }
    return pieces;
}

/// Tells whether the pieces of a body stay where they are, or each is gone when the next one comes.
enum class Stay { kLasting, kPassing };

class ChunkSource final : public flashduty::BodySource {
  public:
    /// Borrows the text of `pieces`.
    ChunkSource(Pieces pieces, Stay stay) : pieces_(std::move(pieces)), stay_(stay) {}

    [[nodiscard]] flashduty::JsonChunk whole() const noexcept override {
        const bool lies = stay_ == Stay::kLasting && pieces_.size() == 1;
        return {lies ? pieces_[0] : std::string_view{}, true};
    }
    std::size_t read(char* to, std::size_t size_bytes) noexcept override {
        while (taken_bytes_ == pieces_[at_].size()) {
            at_++;
            taken_bytes_ = 0;
        }
        const std::size_t read_bytes = pieces_[at_].copy(to, size_bytes, taken_bytes_);
        taken_bytes_ += read_bytes;
        return read_bytes;
    }
    [[nodiscard]] std::size_t left_bytes() const noexcept override {
        std::size_t left = 0;
        for (std::size_t i = at_; i < pieces_.size(); i++) {
            left += pieces_[i].size();
        }
        return left - taken_bytes_;
    }
    void seek(std::size_t offset_bytes) noexcept override {
        at_ = 0;
        taken_bytes_ = offset_bytes;
        while (at_ < pieces_.size() && taken_bytes_ >= pieces_[at_].size()) {
            taken_bytes_ -= pieces_[at_++].size();
        }
    }

  private:
    Pieces pieces_;
    Stay stay_;
    std::size_t at_ = 0;
    std::size_t taken_bytes_ = 0;  ///< of the current piece
};

inline const char* name_of(flashduty::BodyKind kind) {
    using flashduty::BodyKind;
    switch (kind) {
        case BodyKind::kMessage:
            return "message";
        case BodyKind::kDebug:
            return "debug";
        case BodyKind::kNoAlert:
            return "no alert";
        case BodyKind::kEmpty:
            return "empty";
        case BodyKind::kNoJson:
            return "no JSON";
        case BodyKind::kTooDeep:
            return "too deep";
        case BodyKind::kUnreadable:
            return "unreadable";
        case BodyKind::kOutOfMemory:
            return "out of memory";
    }
    return "no kind";
}

/// The way of a body through the core, every part of it open to the tests.
struct Translation {
    Translation(flashduty::Arena& arena, flashduty::BodySource& source,
                const flashduty::Overrides& overrides = {})
        : reading(flashduty::read_body(arena, source)) {
        if (is_message()) {
            alert = flashduty::read_alert(arena, reading.message);
            event = flashduty::translate(arena, alert, overrides);
            status_taken = flashduty::apply(arena, overrides, event);
        }
    }

    [[nodiscard]] bool is_message() const { return reading.kind == flashduty::BodyKind::kMessage; }

    flashduty::BodyReading reading;
    flashduty::BlueKingAlert alert;
    flashduty::FlashdutyEvent event;
    bool status_taken = true;  ///< what apply() says of the event_status
};

/// The event of a body as JSON; the kind of a body that gives none.
inline std::string event_of(flashduty::Arena& arena, flashduty::BodySource& source,
                            const flashduty::Overrides& overrides = {}) {
    const Translation translation(arena, source, overrides);
    if (!translation.is_message()) {
        return name_of(translation.reading.kind);
    }
    const std::string_view written = flashduty::write_event(arena, translation.event);
    return arena.failed() ? name_of(flashduty::BodyKind::kOutOfMemory) : std::string(written);
}

inline std::string event_of(Pieces pieces, Stay stay) {
    HeapArena arena;
    ChunkSource source(std::move(pieces), stay);
    return event_of(arena, source);
}

inline std::string event_of(std::string_view body) { return event_of({body}, Stay::kLasting); }

/// The value of a label, or of another member of the event by its name in JSON; empty when the
/// event does not have it.
inline std::string member_of(const flashduty::FlashdutyEvent& event, std::string_view name) {
    for (const auto& [member, text] :
         {std::pair{"title_rule", event.title_rule}, std::pair{"event_status", event.event_status},
          std::pair{"alert_key", event.alert_key}, std::pair{"description", event.description}}) {
        if (name == member) {
            return std::string(text);
        }
    }
    for (std::size_t i = 0; i < event.label_count; i++) {
        if (event.labels[i].name == name) {
            return std::string(event.labels[i].value);
        }
    }
    return {};
}

/// The names of the labels in their order, with spaces between them.
inline std::string label_names(const flashduty::FlashdutyEvent& event) {
    std::string names;
    for (std::size_t i = 0; i < event.label_count; i++) {
        names += (i == 0 ? "" : " ") + std::string(event.labels[i].name);
    }
    return names;
}

inline std::string times(std::size_t count, std::string_view text) {
    std::string all;
    for (std::size_t i = 0; i < count; i++) {
        all += text;
    }
    return all;
}

/// The content of a file, named from the root of the source tree; empty when there is none.
inline std::string read_file(const std::string& path) {
    std::ifstream file(std::string(SOURCE_DIR "/") + path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Makes one test for each row of a table: `says` names it, and `check` gets it as its state.
template <class Row>
void add_rows(std::vector<CMUnitTest>& tests, const std::vector<Row>& rows,
              CMUnitTestFunction check) {
    for (const Row& row : rows) {
        tests.push_back({row.says, check, nullptr, nullptr, const_cast<Row*>(&row)});
    }
}

template <class Row>
const Row& row_of(void** state) {
    return *static_cast<const Row*>(*state);
}

inline int run(const char* group, const std::vector<CMUnitTest>& tests) {
    return _cmocka_run_group_tests(group, tests.data(), tests.size(), nullptr, nullptr);
}
