// What a JsonReader makes of a text, written down so that it can be compared.
#pragma once

#include "json_reader.hpp"
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
    bool on_key(std::string_view key) noexcept override {
        key_ = key;
        return say(std::string(key) + ":", key);
    }
    bool on_string(std::string_view text) noexcept override {
        return say("'" + std::string(text) + "'", text);
    }
    bool on_number(std::string_view text) noexcept override { return say(std::string(text), text); }
    bool on_boolean(bool value) noexcept override { return say(value ? "yes" : "no"); }
    bool on_null() noexcept override { return say("null"); }

  private:
    bool say(const std::string& word, std::string_view text = {}) {
        heard += (heard.empty() ? "" : " ") + word;
        all_lasting = all_lasting && (text.data() == nullptr || reader->is_lasting(text));
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
    bool stopped_at_constant;
    Listener listener;
};

/// Pieces that do not stay are gone with the call they were fed by.
inline JsonReading read_json(flashduty::Arena& arena, const Pieces& pieces, Stay stay,
                             flashduty::JsonConstants constants, Listener listener = {}) {
    using flashduty::JsonStatus;
    JsonReading reading{JsonStatus::kOk, 0, false, std::move(listener)};
    flashduty::JsonReader reader(arena, reading.listener, constants);
    reading.listener.reader = &reader;
    ChunkSource source(pieces, stay);
    flashduty::JsonChunk chunk = source.next_piece();
    while (!chunk.text.empty() && reading.status == JsonStatus::kOk) {
        reading.status = reader.feed(chunk);
        chunk = source.next_piece();
    }
    if (reading.status == JsonStatus::kOk) {
        reading.status = reader.finish();
    }
    reading.offset = reader.offset_bytes();
    reading.stopped_at_constant = reader.stopped_at_constant();
    return reading;
}
