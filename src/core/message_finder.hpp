// Where in a body the message is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bytes.hpp"

namespace flashduty {

/// How often something that is no message is opened, one inside the other.
inline constexpr std::size_t kMaxOpenings = 4;

/// Follows the outer levels of a body and says which container is the message, and which would
/// be the debug body. Containers are numbered in the order of the text, from kBodyItself on in
/// steps of two; a string has the number behind that of the last container before it.
class MessageFinder {
  public:
    using Ordinal = std::uint32_t;

    static constexpr Ordinal kBodyItself = 2;

    explicit MessageFinder(std::size_t openings) noexcept : openings_(openings) {}

    Ordinal message = 0;  ///< 0: none so far
    Ordinal debug = 0;

    [[nodiscard]] std::size_t depth() const noexcept { return depth_; }
    /// Of the last container, and of a string behind it.
    [[nodiscard]] Ordinal ordinal() const noexcept { return ordinal_; }
    [[nodiscard]] Ordinal string_ordinal() const noexcept { return ordinal_ + 1; }
    /// Nothing that follows can change that the body itself is the message.
    [[nodiscard]] bool body_is_message() const noexcept { return message == kBodyItself; }

    void key(std::string_view key) noexcept {
        if (depth_ < kFrames) {
            Frame& frame = frames_[depth_];
            frame.members++;
            frame.key = key.size() != 5         ? Key::kOther
                        : is_same(key, "event") ? Key::kEvent
                        : is_same(key, "alarm") ? Key::kAlarm
                                                : Key::kOther;
        }
    }

    void start(bool is_object) noexcept {
        scalar();
        if (depth_ < kFrames) {
            Frame& parent = frames_[depth_];
            parent.has_container = true;
            if (is_object && parent.is_object && parent.key == Key::kEvent) {
                parent.has_event = true;
                if (depth_ > 1 && parent.is_event) {
                    frames_[depth_ - 1].event_has_event = true;
                }
            }
        }
        ordinal_ += 2;
        depth_++;
        if (depth_ < kFrames) {
            const Frame& parent = frames_[depth_ - 1];
            Frame& frame = frames_[depth_] = {};
            frame.ordinal = ordinal_;
            frame.is_object = is_object;
            frame.is_event = is_object && parent.is_object && parent.key == Key::kEvent;
        }
    }

    void end() noexcept {
        if (depth_ < kFrames) {
            leave(frames_[depth_]);
        }
        depth_--;
    }

    /// Whether a string that was just told may be opened: it and what holds it is an object's
    /// member or an array's only element so far.
    [[nodiscard]] bool may_open() const noexcept {
        bool may = depth_ < openings_;
        for (std::size_t depth = 1; may && depth <= depth_; depth++) {
            may = frames_[depth].is_object || frames_[depth].members == 1;
        }
        return may;
    }

    /// A value that is neither array nor object. Needs to be told within an array only.
    void scalar() noexcept {
        if (depth_ < kFrames && !frames_[depth_].is_object) {
            frames_[depth_].members++;
        }
    }

    /// Whether what comes next is to be told although it is a scalar.
    [[nodiscard]] bool needs_scalars() const noexcept {
        return depth_ != 0 && depth_ < kFrames && !frames_[depth_].is_object;
    }

  private:
    enum class Key : std::uint8_t { kOther, kEvent, kAlarm };

    struct Frame {
        Ordinal ordinal = 0;
        std::uint32_t members = 0;  ///< or elements
        Key key = Key::kOther;      ///< of the member that is being read
        bool is_object = false;
        bool is_event = false;         ///< the member `event` of an object
        bool has_event = false;        ///< has an object `event`
        bool event_has_event = false;  ///< which has one, too
        bool has_container = false;
    };

    void leave(const Frame& frame) noexcept {
        if (!frame.is_object) {
            if (frame.members != 1) {  // only an array of one is opened
                drop_within(message, frame);
                drop_within(debug, frame);
            }
            return;
        }
        if (depth_ <= openings_ + 1) {
            if (frame.has_event && !frame.event_has_event) {
                take(message, frame);
            }
            if (frame.members == 1 && frame.key == Key::kAlarm && !frame.has_container) {
                take(debug, frame);
            }
        }
        // The body's own `event` is whole: no need to wait for the body's end.
        if (depth_ == 2 && frame.is_event && !frame.has_event && !frames_[1].event_has_event) {
            message = kBodyItself;
        }
    }

    /// The outer one goes before what is in it, the earlier before the later.
    static void take(Ordinal& found, const Frame& frame) noexcept {
        if (found == 0 || found > frame.ordinal) {
            found = frame.ordinal;
        }
    }

    static void drop_within(Ordinal& found, const Frame& frame) noexcept {
        if (found > frame.ordinal) {
            found = 0;
        }
    }

    /// The openings, the body itself, its `event` and the `event` in that; and one below all.
    static constexpr std::size_t kFrames = kMaxOpenings + 4;

    std::size_t openings_;
    std::size_t depth_ = 0;
    Ordinal ordinal_ = 0;
    Frame frames_[kFrames];
};

}  // namespace flashduty
