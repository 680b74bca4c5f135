#include "api_json.hpp"

#include <cstdio>

#include "../core/enum_table.hpp"
#include "../core/text.hpp"

namespace flashduty {

namespace {

template <class Write>
std::string json(Write write) noexcept {
    std::string text;
    append_json(text, write);
    text += '\n';
    return text;
}

/// Makes a text of any bytes valid for JsonSink; copies it only where needed.
class SoundText {
  public:
    explicit SoundText(std::string_view text) noexcept : text_(text) {
        if (sound_prefix(text) < text.size()) {
            repaired_.resize(repair_into(text, nullptr));
            repair_into(text, repaired_.data());
            text_ = repaired_;
        }
    }
    SoundText(const SoundText&) = delete;
    SoundText& operator=(const SoundText&) = delete;

    operator std::string_view() const noexcept { return text_; }

  private:
    std::string repaired_;
    std::string_view text_;
};

void number(JsonSink& out, std::string_view name, std::int64_t value) noexcept {
    out.name(name);
    out.raw(std::to_string(value));
}

/// Writes seconds since 1970, or null.
void time(JsonSink& out, std::string_view name, UnixMs ms) noexcept {
    char text[32] = "null";
    if (ms != 0) {
        std::snprintf(text, sizeof(text), "%lld.%03lld", static_cast<long long>(ms / 1000),
                      static_cast<long long>(ms % 1000));
    }
    out.name(name);
    out.raw(text);
}

void truth(JsonSink& out, std::string_view name, bool value) noexcept {
    out.name(name);
    out.raw(value ? "true" : "false");
}

struct WaitsForName {
    WaitsFor waits_for;
    std::string_view name;
};
constexpr WaitsForName kWaitsFor[] = {
    {WaitsFor::kTurn, "turn"},    {WaitsFor::kTime, "time"},   {WaitsFor::kTarget, "target"},
    {WaitsFor::kYes, "delivery"}, {WaitsFor::kElder, "event"},
};
static_assert(has_each_in_order(kWaitsFor, &WaitsForName::waits_for));

struct DeadStateName {
    DeadState state;
    std::string_view name;
};
constexpr DeadStateName kDeadStates[] = {
    {DeadState::kDead, "dead"},
    {DeadState::kMarked, "to be sent again"},
    {DeadState::kSuperseded, "superseded"},
};
static_assert(has_each_in_order(kDeadStates, &DeadStateName::state));

/// A listed event with its texts repaired.
struct Listed {
    explicit Listed(const ListedEvent& from, Pile of) noexcept
        : event(from), pile(of), key(from.alert_key), title(from.title), reason(from.reason) {}

    const ListedEvent& event;
    Pile pile;
    SoundText key;
    SoundText title;
    SoundText reason;
};

void write_listed(JsonSink& out, const Listed& listed) noexcept {
    const ListedEvent& event = listed.event;
    number(out, "id", event.event_id);
    out.member("key", listed.key);
    out.member("title", listed.title);
    out.member("status", event.event_status);
    number(out, "target", event.target_id);
    time(out, "accepted", event.accepted_ms);
    number(out, "attempts", event.attempts);
    if (listed.pile == Pile::kWaiting) {
        time(out, "next_try", event.next_try_ms);
        out.member("reason", listed.reason);
        out.member("state", "waiting");
        out.member("waits_for", kWaitsFor[index_of(event.waits_for)].name);
        if (event.waits_for == WaitsFor::kElder) {
            number(out, "after", event.elder_id);
        }
    } else {
        time(out, "next_try", 0);
        out.member("reason", listed.reason);
        out.member("state", kDeadStates[index_of(event.dead)].name);
        time(out, "died", event.dead_ms);
    }
}

/// Writes the event unchanged if it is an object; another program may have written anything.
void write_event_and_body(JsonSink& out, std::string_view event, const SoundText& body) noexcept {
    out.name("event");
    if (!event.empty() && event.front() == '{' && event.back() == '}') {
        out.raw(event);
    } else {
        out.raw("null");
    }
    out.member("body", body);
}

}  // namespace

std::string write_api_reason(std::string_view reason) noexcept {
    const SoundText text(reason);
    return json([&](JsonSink& out) {
        out.open_object();
        out.member("reason", text);
        out.close_object();
    });
}

std::string write_api_targets(const std::vector<ShownTarget>& targets, bool may_write) noexcept {
    std::string text;
    append_json(text, [&](JsonSink& out) {
        out.open_object();
        truth(out, "write", may_write);
        out.name("targets");
    });
    text += '[';
    for (const ShownTarget& shown : targets) {
        const SoundText server(shown.target.server), uri(shown.target.location);
        const SoundText reason(shown.figures.reason);
        text += &shown == &targets.front() ? "" : ",";
        append_json(text, [&](JsonSink& out) {
            out.open_object();
            number(out, "id", shown.target.target_id);
            out.member("server", server);
            out.member("uri", uri);
            out.member("state", shown.figures.state);
            out.member("reason", reason);
            time(out, "since", shown.figures.since_ms);
            time(out, "next_probe", shown.figures.next_probe_ms);
            time(out, "paused_until", shown.target.paused_until_ms);
            number(out, "waiting", static_cast<std::int64_t>(shown.target.waiting));
            number(out, "dead", static_cast<std::int64_t>(shown.target.dead));
            out.close_object();
        });
    }
    text += "]}\n";
    return text;
}

std::string write_api_page(const EventPage& page, Pile pile) noexcept {
    std::string text = "{\"events\":[";
    for (const ListedEvent& event : page.events) {
        const Listed listed(event, pile);
        text += &event == &page.events.front() ? "" : ",";
        append_json(text, [&](JsonSink& out) {
            out.open_object();
            write_listed(out, listed);
            out.close_object();
        });
    }
    text += "],\"next\":" + (page.next == 0 ? "null" : std::to_string(page.next)) + "}\n";
    return text;
}

std::string write_api_event(const WholeEvent& event, Pile pile) noexcept {
    const Listed listed(event.listed, pile);
    const SoundText body(event.body);
    std::string text;
    append_json(text, [&](JsonSink& out) {
        out.open_object();
        write_listed(out, listed);
        write_event_and_body(out, event.event, body);
        out.name("tries");
    });
    text += '[';
    for (const ListedTry& tried : event.tries) {
        const SoundText reason(tried.reason);
        text += &tried == &event.tries.front() ? "" : ",";
        append_json(text, [&](JsonSink& out) {
            out.open_object();
            time(out, "time", tried.time_ms);
            number(out, "http_status", tried.http_status);
            out.member("reason", reason);
            out.close_object();
        });
    }
    text += "]}\n";
    return text;
}

std::string write_api_lines(const WholePage& page, Pile pile) noexcept {
    std::string text;
    for (const WholeEvent& event : page.events) {
        const Listed listed(event.listed, pile);
        const SoundText body(event.body);
        append_json(text, [&](JsonSink& out) {
            out.open_object();
            write_listed(out, listed);
            write_event_and_body(out, event.event, body);
            out.close_object();
            out.raw("\n");
        });
    }
    return text;
}

std::string write_api_done(const ApiDone& done) noexcept {
    return json([&](JsonSink& out) {
        out.open_object();
        number(out, "count", static_cast<std::int64_t>(done.done));
        number(out, "busy", static_cast<std::int64_t>(done.busy));
        number(out, "superseded", static_cast<std::int64_t>(done.superseded));
        truth(out, "complete", done.is_whole);
        out.close_object();
    });
}

std::string write_api_tested(const ApiTested& tested) noexcept {
    return json([&](JsonSink& out) {
        const auto known = [&out](std::string_view name, std::string_view value) {
            if (!value.empty()) {
                out.member(name, value);
            }
        };
        char seconds[32];
        std::snprintf(seconds, sizeof(seconds), "%llu.%03llu",
                      static_cast<unsigned long long>(tested.push_time_ms / 1000),
                      static_cast<unsigned long long>(tested.push_time_ms % 1000));
        out.open_object();
        known("outcome", tested.outcome);
        known("reason", tested.reason);
        known("code", tested.code);
        known("request_id", tested.request_id);
        known("alert_key", tested.alert_key);
        number(out, "http_status", tested.http_status);
        out.name("push_time");
        out.raw(seconds);
        truth(out, "alert_key_came_back", tested.has_alert_key);
        out.close_object();
    });
}

}  // namespace flashduty
