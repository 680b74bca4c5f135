// Verdict: the meaning of Flashduty's answer to a push for the delivery of the event.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "arena.hpp"
#include "json_reader.hpp"

namespace flashduty {

/// Content of an answer's body, as far as it is Flashduty's envelope.
struct Answer {
    bool is_object = false;  ///< one whole JSON object and nothing else
    bool has_request_id = false;
    bool has_data = false;
    bool has_error = false;      ///< an `error` that is not null
    bool has_alert_key = false;  ///< a `data.alert_key` that is not empty
    bool is_cut = false;         ///< one of the texts is cut
    std::string_view request_id;
    std::string_view code;
    std::string_view message;
};

/// Reads an answer piece by piece, however long it is: only the start of a long string is looked
/// at, so that the memory does not grow with the answer.
class AnswerReader final : private JsonHandler {
  public:
    explicit AnswerReader(Arena& arena) noexcept
        : arena_(arena), reader_(arena, *this, JsonConstants::kRefused) {}

    void feed(std::string_view piece) noexcept;

    /// Ends the reading. The texts live in the arena.
    [[nodiscard]] const Answer& finish() noexcept;

  private:
    enum class Place : std::uint8_t {
        kElsewhere,
        kRequestId,
        kData,
        kAlertKey,
        kError,
        kCode,
        kMessage,
    };

    bool on_start_object() noexcept override { return start(true); }
    bool on_start_array() noexcept override { return start(false); }
    bool on_end_object() noexcept override { return end(); }
    bool on_end_array() noexcept override { return end(); }
    bool on_key(std::string_view raw) noexcept override;
    bool on_string(std::string_view raw) noexcept override { return scalar(raw); }
    bool on_number(std::string_view text) noexcept override { return scalar(text); }
    bool on_boolean(bool value) noexcept override { return scalar(value ? "true" : "false"); }
    bool on_null() noexcept override { return true; }

    bool start(bool is_object) noexcept;
    bool end() noexcept;
    bool scalar(std::string_view raw) noexcept;
    struct Room {
        char* memory = nullptr;
        std::size_t size_bytes = 0;
    };
    void keep(std::string_view raw, std::string_view& kept, Room& room) noexcept;
    bool keeps(char c) noexcept;
    void hold(std::string_view text) noexcept;
    bool grow(std::size_t more_bytes) noexcept;
    void parse(std::size_t size_bytes) noexcept;

    static constexpr std::uint8_t kEscapeBegun = 5;

    Arena& arena_;
    JsonReader reader_;
    Answer answer_;
    Room request_id_room_, code_room_, message_room_;
    Place place_ = Place::kElsewhere;
    bool in_error_ = false;
    bool in_data_ = false;
    bool broken_ = false;
    std::size_t depth_ = 0;
    // Strings are followed to leave out all but the start of long ones.
    bool is_followed_ = false;
    bool in_string_ = false;
    bool is_cut_ = false;
    bool is_bad_ = false;  ///< illegal character of a string, in a part kept from the reader
    std::uint8_t escape_left_ = 0;  ///< bytes of an escape still to come
    std::size_t token_bytes_ = 0;
    // Bytes for the reader, given when they end between two tokens.
    char* held_ = nullptr;
    std::size_t held_bytes_ = 0;
    std::size_t room_bytes_ = 0;
};

enum class Verdict {
    kDelivered,
    kEventRefused,    ///< this event will never be taken
    kAccountAtFault,  ///< key, rights, licence or address: an operator has to fix it
    kSlowDown,        ///< transient: too many events
    kTimedOut,        ///< transient: no answer in time
    kTransient,       ///< any other passing failure
    kCount,
};

/// End of a push, apart from the answer's body.
struct PushEnd {
    unsigned http_status = 0;  ///< 502 or 504 from nginx itself when there was no answer
    bool whole = false;        ///< the answer came to its end
    bool encoded = false;      ///< the answer has a Content-Encoding, which nobody has asked for
};

/// Verdict by docs/delivery.md, "The verdict": HTTP 429 and 5xx are transient whatever the answer
/// says; else a known code of the envelope decides, else the HTTP status.
[[nodiscard]] Verdict judge(const PushEnd& end, const Answer& answer) noexcept;

}  // namespace flashduty
