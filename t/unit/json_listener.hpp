// Record of a JsonReader's calls for a text, to be compared.
#pragma once

#include "json_reader.hpp"
#include "json_string.hpp"
#include "support.hpp"

/// Writes down what it hears, one word for each token.
class Listener final : public flashduty::JsonHandler {
  public:
    std::string heard;
    flashduty::JsonReader* reader = nullptr;
    std::string stop_at, skip_at;  ///< a key: what follows it
    bool all_lasting = true;

    bool on_start_object() noexcept override { return start("{"); }
    bool on_end_object() noexcept override { return say("}"); }
    bool on_start_array() noexcept override { return start("["); }
    bool on_end_array() noexcept override { return say("]"); }
    bool on_key(std::string_view raw) noexcept override {
        key_ = meant(raw);
        return say(key_ + ":");
    }
    bool on_string(std::string_view raw) noexcept override { return say("'" + meant(raw) + "'"); }
    bool on_number(std::string_view text) noexcept override { return say(std::string(text)); }
    bool on_boolean(bool value) noexcept override { return say(value ? "yes" : "no"); }
    bool on_null() noexcept override { return say("null"); }

  private:
    static std::string meant(std::string_view raw) {
        std::string text(raw.size(), ' ');
        text.resize(flashduty::unescape(raw, text.data()));
        return text;
    }
    bool say(const std::string& word) {
        heard += (heard.empty() ? "" : " ") + word;
        all_lasting = all_lasting && reader->is_lasting();
        return stop_at.empty() || key_ != stop_at;
    }
    bool start(const char* word) {
        if (!skip_at.empty() && key_ == skip_at) {
            reader->skip_this();
        }
        return say(word);
    }

    std::string key_;
};

inline const char* name_of(flashduty::JsonStatus status) {
    using flashduty::JsonStatus;
    switch (status) {
        case JsonStatus::kOk:
            return "ok";
        case JsonStatus::kInvalid:
            return "invalid";
        case JsonStatus::kTooDeep:
            return "too deep";
        case JsonStatus::kStopped:
            return "stopped";
        case JsonStatus::kOutOfMemory:
            return "out of memory";
    }
    return "no status";
}

struct JsonReading {
    flashduty::JsonStatus status;
    std::size_t offset;
    Listener listener;
};

/// Feeds whole tokens as soon as there are any. Pieces that do not stay are gone after the call
/// that fed them.
inline JsonReading read_json(flashduty::Arena& arena, const Pieces& pieces, Stay stay,
                             flashduty::JsonConstants constants, Listener listener = {}) {
    using flashduty::JsonStatus;
    JsonReading reading{JsonStatus::kOk, 0, std::move(listener)};
    flashduty::JsonReader reader(arena, reading.listener, constants);
    reading.listener.reader = &reader;
    const auto feed = [&](std::string_view text) {
        const std::unique_ptr<char[]> passing(new char[text.size()]);
        text.copy(passing.get(), text.size());
        const bool lasts = stay == Stay::kLasting && pieces.size() == 1;
        reading.status =
            reader.feed({lasts ? pieces[0] : std::string_view(passing.get(), text.size()), lasts});
    };
    std::string held;
    std::size_t left = 0;
    for (std::string_view piece : pieces) {
        left += piece.size();
    }
    for (std::string_view piece : pieces) {
        held += piece;
        left -= piece.size();
        const std::size_t whole = left == 0 ? held.size() : flashduty::whole_tokens_bytes(held);
        // A byte order mark comes whole, too.
        if (left == 0 || (whole != 0 && held.size() >= flashduty::kByteOrderMark.size())) {
            feed(std::string_view(held).substr(0, whole));
            held.erase(0, whole);
        }
        if (reading.status != JsonStatus::kOk) {
            break;
        }
    }
    if (reading.status == JsonStatus::kOk) {
        reading.status = reader.finish();
    }
    reading.offset = reader.offset_bytes();
    return reading;
}
