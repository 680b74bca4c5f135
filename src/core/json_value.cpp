#include "json_value.hpp"

#include "bytes.hpp"
#include "json_writer.hpp"
#include "text.hpp"

namespace flashduty {

namespace {

void write_compact(const JsonValue& value, JsonSink& sink) noexcept {
    if (value.kind == JsonValue::Kind::kNull) {
        sink.raw("null");
    } else if (value.kind == JsonValue::Kind::kString) {
        sink.string(value.text);
    } else if (!value.is_container()) {
        sink.raw(value.text);
    } else {
        sink.raw(value.is_object() ? "{" : "[");
        for (const JsonValue* part = value.first; part != nullptr; part = part->next) {
            if (part != value.first) {
                sink.raw(",");
            }
            if (value.is_object()) {
                sink.string(part->key);
                sink.raw(":");
            }
            write_compact(*part, sink);
        }
        sink.raw(value.is_object() ? "}" : "]");
    }
}

void write_joined(const JsonValue& array, JsonSink& sink) noexcept {
    for (const JsonValue* part = array.first; part != nullptr; part = part->next) {
        if (is_blank(part->text)) {
            continue;
        }
        if (sink.size_bytes() != 0) {
            sink.raw(",");
        }
        sink.raw(part->text);
    }
}

bool holds_containers(const JsonValue& array) noexcept {
    for (const JsonValue* part = array.first; part != nullptr; part = part->next) {
        if (part->is_container()) {
            return true;
        }
    }
    return false;
}

}  // namespace

const JsonValue* JsonValue::member(std::string_view name) const noexcept {
    if (!is_object()) {
        return nullptr;
    }
    const JsonValue* part = first;
    while (part != nullptr && !is_same(part->key, name)) {
        part = part->next;
    }
    return part;
}

void JsonValue::append(JsonValue* value) noexcept {
    (last == nullptr ? first : last->next) = value;
    last = value;
    count++;
}

std::string_view text_of_parts(Arena& arena, const JsonValue& container) noexcept {
    const bool is_list = container.is_array() && !holds_containers(container);
    const auto write = is_list ? write_joined : write_compact;
    return write_json(arena, [&](JsonSink& sink) { write(container, sink); });
}

}  // namespace flashduty
