// Members of a message that are kept, and the keeping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "arena.hpp"
#include "blueking_message.hpp"
#include "bytes.hpp"
#include "json_reader.hpp"
#include "json_value.hpp"

namespace flashduty {

/// A list of names; empty means every name.
struct Names {
    const std::string_view* names;
    std::size_t count;

    [[nodiscard]] bool has(std::string_view name) const noexcept {
        for (std::size_t i = 0; i < count; i++) {
            if (is_same(names[i], name)) {
                return true;
            }
        }
        return count == 0;
    }
};

struct Schema;

/// Member that is looked at: kept as `field`, or an object with members of its own.
struct Member {
    std::string_view name;
    Field field = Field::kCount;
    const Schema* object = nullptr;
    /// Of the objects directly within the kept value, the members to keep: docs/translation.md
    /// never asks for the text of those objects themselves.
    Names inner = {};
    /// Of a string, what of it is looked at when that is not blank.
    std::size_t enough_bytes = std::string_view::npos;
};

/// The members of an object that are looked at, by their names. Nearly all names of a body are
/// none of them, which one look into a small table tells.
struct Schema {
    static constexpr std::size_t kSlots = 64;

    const Member* members;
    std::uint8_t slots[kSlots];  ///< the place of a member and one, by its name's hash; 0: none

    [[nodiscard]] const Member* find(std::string_view name) const noexcept {
        std::size_t slot = hash(name);
        while (slots[slot] != 0) {
            const Member& member = members[slots[slot] - 1];
            if (is_same(member.name, name)) {
                return &member;
            }
            slot = (slot + 1) % kSlots;
        }
        return nullptr;
    }

    [[nodiscard]] static constexpr std::size_t hash(std::string_view name) noexcept {
        if (name.empty()) {
            return 0;
        }
        const auto byte = [name](std::size_t i) { return static_cast<unsigned char>(name[i]); };
        return (name.size() * 7 + byte(0) * 3 + byte(name.size() - 1) + byte(name.size() / 2) * 5) %
               kSlots;
    }
};

/// The members that docs/translation.md names.
[[nodiscard]] const Schema& message_schema() noexcept;

/// Keeps what the schema names of one object, told of everything in it and of its end.
class MessageExtractor {
  public:
    MessageExtractor(Arena& arena, BlueKingMessage& message) noexcept
        : arena_(arena), message_(message) {}

    [[nodiscard]] bool active() const noexcept { return frame_ != frames_; }

    /// The object itself has begun.
    void begin() noexcept {
        values_ = 0;
        frame_ = frames_ + 1;
        *frame_ = {};
        frame_->schema = &message_schema();
    }

    /// A member's name. `is_lasting`: it need not be copied to be kept.
    void key(std::string_view key, bool is_lasting) noexcept {
        Frame& frame = *frame_;
        if (frame.schema != nullptr) {
            frame.member = frame.schema->find(key);
            frame.wanted = frame.member != nullptr && !is_filled(frame.member->field);
            frame.keeps = frame.wanted && frame.member->field != Field::kCount;
            return;
        }
        frame.wanted = frame.keeps = false;
        if (frame.value != nullptr) {
            inner_key(key, is_lasting);
        }
    }

    /// Whether that name is kept with its value.
    [[nodiscard]] bool keeps_name() const noexcept {
        return frame_->value != nullptr && frame_->keeps;
    }

    /// A member whose name is not looked at.
    void pass_over_member() noexcept {
        Frame& frame = *frame_;
        frame.member = nullptr;
        frame.wanted = frame.keeps = false;
        pass_over(frame.value != nullptr);
    }

    /// A value that is not looked at.
    void pass_over_value() noexcept { pass_over(wanted()); }

    void scalar(JsonValue::Kind kind, std::string_view text) noexcept {
        if (wanted()) {
            add(kind, text);
        }
    }

    [[nodiscard]] bool wanted() const noexcept { return frame_->keeps; }

    /// Of the string that is wanted next.
    [[nodiscard]] std::size_t enough_bytes() const noexcept {
        const Frame& frame = *frame_;
        return frame.value == nullptr ? frame.member->enough_bytes : std::string_view::npos;
    }

    /// Whether the elements of an array are wanted, which is what comes next.
    [[nodiscard]] bool wants_elements() const noexcept {
        return frame_->is_array && frame_->wanted;
    }

    /// Whether something of an array or object is wanted that comes next.
    [[nodiscard]] bool wants(JsonValue::Kind kind) const noexcept {
        const Frame& frame = *frame_;
        return frame.keeps || (frame.wanted && kind == JsonValue::Kind::kObject);
    }

    /// An array or object within.
    void start(JsonValue::Kind kind) noexcept {
        const Frame& frame = *frame_;
        Frame& inside = frame_[1];
        inside.schema = nullptr;
        inside.value = nullptr;
        inside.wanted = inside.keeps = inside.is_array = false;
        if (frame.keeps) {
            // Of a container that is kept, `inner` thins out the containers directly in it.
            inside.inner = frame.value == nullptr ? Names{} : frame.next_inner;
            inside.next_inner = frame.value == nullptr ? frame.member->inner : Names{};
            inside.value = add(kind, {});
            inside.is_array = kind == JsonValue::Kind::kArray;
            inside.wanted = inside.keeps = inside.is_array && inside.value != nullptr;
        } else if (wants(kind)) {
            inside.schema = frame.member->object;
        }
        frame_++;
    }

    void end() noexcept { frame_--; }

  private:
    struct Frame {
        const Schema* schema;  ///< of an object whose members go their own ways
        JsonValue* value;      ///< of a container that is kept
        const Member* member;
        Names inner, next_inner;
        bool wanted;  ///< what comes next in it
        bool keeps;   ///< likewise, and it is kept by itself
        bool is_array;
    };
    static_assert(std::is_trivially_default_constructible_v<Frame>, "most are never needed");

    /// Of an object that is kept.
    [[gnu::noinline]] void inner_key(std::string_view key, bool is_lasting) noexcept {
        Frame& frame = *frame_;
        frame.wanted = frame.keeps = frame.inner.has(key) && take_room();
        if (frame.wanted) {
            key_ = is_lasting ? key : arena_.copy(key);
        }
    }

    [[nodiscard]] bool is_filled(Field field) const noexcept {
        return field != Field::kCount && message_[field] != nullptr;
    }

    void pass_over(bool was_wanted) noexcept { message_.has_more |= was_wanted; }

    /// Whether one more value within the field that is kept is within the limits.
    bool take_room() noexcept {
        if (field_values_ == kMaxFieldValues || values_ == kMaxMessageValues) {
            pass_over(true);
            return false;
        }
        field_values_++;
        values_++;
        return true;
    }

    /// nullptr when there is no room or no memory. A member's room was taken with its key.
    JsonValue* add(JsonValue::Kind kind, std::string_view text) noexcept {
        Frame& frame = *frame_;
        if (frame.is_array && !take_room()) {
            frame.wanted = frame.keeps = false;
            return nullptr;
        }
        JsonValue* value = new_value();
        if (value == nullptr) {
            return nullptr;
        }
        value->kind = kind;
        value->text = text;
        if (frame.value == nullptr) {
            field_values_ = 0;
            message_.fields[static_cast<std::size_t>(frame.member->field)] = value;
        } else {
            value->key = key_;
            frame.value->append(value);
        }
        return value;
    }

    /// Their memory is taken from the arena for a few at a time.
    JsonValue* new_value() noexcept {
        constexpr std::size_t kValues = 3;
        if (spare_values_ == 0) {
            values_at_ = static_cast<JsonValue*>(arena_.allocate(kValues * sizeof(JsonValue)));
            spare_values_ = values_at_ == nullptr ? 0 : kValues;
        }
        if (spare_values_ == 0) {
            return nullptr;
        }
        spare_values_--;
        return new (values_at_++) JsonValue;
    }

    Arena& arena_;
    BlueKingMessage& message_;
    JsonValue* values_at_ = nullptr;
    std::size_t spare_values_ = 0;
    std::size_t field_values_ = 0;
    std::size_t values_ = 0;
    std::string_view key_;  ///< of the value that is kept next
    Frame* frame_ = frames_;
    Frame frames_[kMaxJsonDepth + 2];
};

}  // namespace flashduty
