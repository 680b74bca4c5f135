#include "gateway_answer.hpp"

#include "json_writer.hpp"
#include "text.hpp"

namespace flashduty {

namespace {

void write(const GatewayAnswer& answer, JsonSink& sink) noexcept {
    struct Member {
        std::string_view name;
        std::string_view value;
    };
    const Member members[] = {
        {"outcome", answer.outcome},       {"reason", answer.reason},       {"code", answer.code},
        {"request_id", answer.request_id}, {"alert_key", answer.alert_key},
    };
    sink.open_object();
    for (const Member& member : members) {
        if (!member.value.empty()) {
            sink.member(member.name, member.value);
        }
    }
    sink.close_object();
}

/// Longest start of `text` that takes at most `max_bytes` when escaped, with `…` if cut.
std::string_view cut_escaped(Arena& arena, std::string_view text, std::size_t max_bytes) noexcept {
    if (escaped_size_bytes(text) <= max_bytes) {
        return text;
    }
    std::size_t size = 0, keep = 0;
    while (keep < text.size()) {
        const std::size_t step = utf8_step(text.substr(keep)).size_bytes;
        size += escaped_size_bytes(text.substr(keep, step));
        if (size > max_bytes - kEllipsis.size()) {
            break;
        }
        keep += step;
    }
    return concat(arena, text.substr(0, keep), kEllipsis);
}

}  // namespace

std::string_view write_answer(Arena& arena, const GatewayAnswer& answer) noexcept {
    GatewayAnswer shown = answer;
    const std::size_t around =
        std::string_view("{\"outcome\":\"\",\"reason\":\"\"").size() + answer.outcome.size();
    shown.reason = cut_escaped(arena, answer.reason, kShownAnswerBytes - around);
    return write_json(arena, [&](JsonSink& sink) { write(shown, sink); });
}

}  // namespace flashduty
