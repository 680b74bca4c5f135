// Place of the message in a body, and the reasons for bodies that have none.
#include "blueking_body.hpp"

#include "json_value.hpp"
#include "support.hpp"

using namespace std::string_view_literals;
using flashduty::BodyKind;
using flashduty::BodyReading;
using flashduty::Field;

namespace {

/// `found` and the event's id, or what else the body is; with the offset where that counts.
std::string outcome_of(flashduty::Arena& arena, flashduty::BodySource& source) {
    const BodyReading reading = flashduty::read_body(arena, source);
    if (reading.kind == BodyKind::kNoJson) {
        return "no JSON at " + std::to_string(reading.offset_bytes);
    }
    if (reading.kind != BodyKind::kMessage) {
        return name_of(reading.kind);
    }
    return "found " + std::string(flashduty::text_of(arena, reading.message[Field::kEventId]));
}

std::string outcome_of(Pieces pieces, Stay stay) {
    HeapArena arena;
    ChunkSource source(std::move(pieces), stay);
    return outcome_of(arena, source);
}

std::string quoted(std::string_view text) {
    std::string string = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') {
            string += '\\';
        }
        string += c;
    }
    return string + "\"";
}

std::string quoted(std::size_t count, std::string_view text) {
    return count == 0 ? std::string(text) : quoted(quoted(count - 1, text));
}

constexpr const char* kA = R"({"event":{"id":"a"}})";

std::string in_object(std::string_view value) { return "{\"w\":" + std::string(value) + "}"; }

struct Row {
    const char* says;
    std::string body;
    std::string_view expected;
};

const std::vector<Row> kRows = {
    {"an object with an object event is a message", kA, "found a"},
    {"an empty event is enough for a message", R"({"event":{}})", "found "},
    {"an event whose own event is no object makes a message", R"({"event":{"event":"x","id":"a"}})",
     "found a"},
    {"an event in the event's other members does not matter",
     R"({"event":{"id":"a","x":{"event":{"id":"b"}}}})", "found a"},
    {"members after the event are read, too", R"({"event":{"id":"a"},"x":{"event":{"id":"b"}}})",
     "found a"},
    {"a message before which another one stands is still the message",
     R"({"x":{"event":{"id":"b"}},"event":{"id":"a"}})", "found a"},
    {"a message is not left for one in its strings",
     R"({"x":"{\"event\":{\"id\":\"b\"}}","event":{"id":"a"}})", "found a"},
    {"control characters in the key do not hide the event", R"({"ev\u0000ent":{"id":"a"}})",
     "found a"},
    {"members without a name are passed over", R"({"":"b","event":{"":{},"id":"a"}})", "found a"},
    {"white space may stand around the colons of a message",
     "{\"event\"\r:\t\n{\"id\"\n\t :\r\n\"a\"}}", "found a"},
    {"white space and a byte order mark may stand around a message",
     std::string("\xEF\xBB\xBF \r\n\t") + kA + "\n ", "found a"},

    {"an event that is no object makes no message", R"({"event":"x"})", "no alert"},
    {"an event that is an array makes no message", R"({"event":[1,2]})", "no alert"},
    {"an event with an object event is opened", R"({"event":{"event":{"id":"a"}}})", "found a"},
    {"an event with an object event is opened though it has more members",
     R"({"type":"x","event":{"id":"b","event":{"id":"a"}},"z":1})", "found a"},
    {"a string is opened", quoted(kA), "found a"},
    {"a string with white space and a byte order mark in it is opened",
     "\" \\n\\t{\\\"event\\\":{\\\"id\\\":\\\"a\\\"}} \"", "found a"},
    {"a byte order mark within a string is passed over", R"("\ufeff{\"event\":{\"id\":\"a\"}}")",
     "found a"},
    {"a raw byte order mark within a string is passed over, too",
     "\"\xEF\xBB\xBF{\\\"event\\\":{\\\"id\\\":\\\"a\\\"}}\"", "found a"},
    {"an array of one is opened", "[" + std::string(kA) + "]", "found a"},
    {"an array of one string is opened", "[" + quoted(kA) + "]", "found a"},
    {"a member of any name is opened", R"({"callback_message":{"event":{"id":"a"}}})", "found a"},
    {"a string that is a member is opened", R"({"payload":"{\"event\":{\"id\":\"a\"}}"})",
     "found a"},
    {"an event that is a string is opened", R"({"event":"{\"event\":{\"id\":\"a\"}}"})", "found a"},
    {"a list of one alert is opened", R"({"alerts":[{"event":{"id":"a"}}]})", "found a"},
    {"a chat message is opened",
     R"({"msgtype":"text","text":{"content":"{\"event\":{\"id\":\"a\"}}"}})", "found a"},
    {"NaN within a wrapped message is read", R"([{"event":{"id":"a"},"current_value":NaN}])",
     "found a"},
    {"NaN within a string that is a message is read",
     R"({"w":"{\"event\":{\"id\":\"a\",\"x\":-Infinity}}"})", "found a"},
    {"NaN beside a string that is a message is read",
     R"({"n":NaN,"w":"{\"event\":{\"id\":\"a\"}}"})", "found a"},

    {"an array of none is not opened", "[]", "no alert"},
    {"an array of two is not opened", "[" + std::string(kA) + "," + kA + "]", "no alert"},
    {"an array of two strings is not opened", "[" + quoted(kA) + ",1]", "no alert"},
    {"a message in an array of two is passed over for a later one",
     R"({"x":[{"event":{"id":"b"}},1],"y":{"event":{"id":"a"}}})", "found a"},
    {"a string in an array of two is passed over for a later message",
     R"({"x":["{\"event\":{\"id\":\"b\"}}",1],"y":{"event":{"id":"a"}}})", "found a"},
    {"a message in an array of two is passed over for a later string",
     R"({"x":[{"event":{"id":"b"}},1],"y":"{\"event\":{\"id\":\"a\"}}"})", "found a"},

    {"the first message in the order of the members counts",
     R"({"x":{"event":{"id":"a"}},"y":{"event":{"id":"b"}}})", "found a"},
    {"a string before an object counts",
     R"({"x":"{\"event\":{\"id\":\"a\"}}","y":{"event":{"id":"b"}}})", "found a"},
    {"an object before a string counts",
     R"({"x":{"event":{"id":"a"}},"y":"{\"event\":{\"id\":\"b\"}}"})", "found a"},
    {"what a member opens to counts before the next member",
     R"({"x":{"y":{"z":{"event":{"id":"a"}}}},"v":{"event":{"id":"b"}}})", "found a"},
    {"an outer message counts before one that stands earlier in it",
     R"({"w":{"x":{"event":{"id":"b"}},"event":{"id":"a"}}})", "found a"},
    {"a string that is no JSON is passed over",
     R"({"x":"{broken","y":"[","z":"","w":"{\"event\":{\"id\":\"a\"}}"})", "found a"},
    {"a string that is JSON with something behind it is passed over",
     R"({"x":"{\"event\":{\"id\":\"b\"}} x","w":{"event":{"id":"a"}}})", "found a"},
    {"a string is opened as it stands, control characters and all",
     R"({"x":"{\"event\":{\"id\":\"b\u0001\"}}","w":{"event":{"id":"a"}}})", "found a"},

    {"four objects are opened", in_object(in_object(in_object(in_object(kA)))), "found a"},
    {"a fifth object is not opened", in_object(in_object(in_object(in_object(in_object(kA))))),
     "no alert"},
    {"four arrays are opened", "[[[[" + std::string(kA) + "]]]]", "found a"},
    {"a fifth array is not opened", "[[[[[" + std::string(kA) + "]]]]]", "no alert"},
    {"four strings are opened", quoted(4, kA), "found a"},
    {"a fifth string is not opened", quoted(5, kA), "no alert"},
    {"strings, arrays and objects count together", in_object("[" + quoted(in_object(kA)) + "]"),
     "found a"},
    {"strings, arrays and objects together are not opened a fifth time",
     in_object("[" + quoted(in_object("[" + std::string(kA) + "]")) + "]"), "no alert"},
    {"events within events are opened four times",
     R"({"event":{"event":{"event":{"event":{"event":{"id":"a"}}}}}})", "found a"},
    {"events within events are not opened a fifth time",
     R"({"event":{"event":{"event":{"event":{"event":{"event":{"id":"a"}}}}}}})", "no alert"},
    {"what lies too deep is passed over for a later message",
     "{\"x\":" + in_object(in_object(in_object(in_object(kA)))) + R"(,"y":{"event":{"id":"b"}}})",
     "found b"},

    {"what the debug button sends is recognised", R"({"alarm": "json文本格式"})", "debug"},
    {"a debug body may hold a number", R"({"alarm":1})", "debug"},
    {"a debug body may hold null", R"({"alarm":null})", "debug"},
    {"a debug body may hold NaN", R"({"alarm":NaN})", "debug"},
    {"a debug body may hold a text that looks like JSON", R"({"alarm":"{}"})", "debug"},
    {"a debug body holds no object", R"({"alarm":{}})", "no alert"},
    {"a debug body holds no array", R"({"alarm":[]})", "no alert"},
    {"a debug body has no other member", R"({"alarm":"x","y":1})", "no alert"},
    {"alarm is spelled in small letters", R"({"Alarm":"x"})", "no alert"},
    {"a debug body is found in a string", quoted(R"({"alarm":"x"})"), "debug"},
    {"a debug body is found in an array of one", R"([{"alarm":"x"}])", "debug"},
    {"a debug body is found in a member", R"({"text":{"content":"{\"alarm\":\"x\"}"}})", "debug"},
    {"a debug body in an array of two is not found", R"([{"alarm":"x"},{"alarm":"x"}])",
     "no alert"},
    {"a debug body in a string in an array of two is not found", R"(["{\"alarm\":1}",1])",
     "no alert"},
    {"a debug body is found four openings deep",
     in_object(in_object(in_object(in_object(R"({"alarm":"x"})")))), "debug"},
    {"a debug body is not found five openings deep",
     in_object(in_object(in_object(in_object(in_object(R"({"alarm":"x"})"))))), "no alert"},
    {"a message goes before a debug body that stands earlier",
     R"({"x":{"alarm":"x"},"y":"{\"alarm\":1}","w":{"event":{"id":"a"}}})", "found a"},
    {"a message in the text of an alarm is the message",
     R"({"alarm":"{\"event\":{\"id\":\"a\"}}"})", "found a"},

    {"an alert that could not be loaded is no alert", "{}", "no alert"},
    {"a number is no alert", "12", "no alert"},
    {"null is no alert", "null", "no alert"},
    {"a text is no alert", R"("{{alarm.callback_mesage}}")", "no alert"},
    {"a text in brackets is no alert", R"("[alarm]")", "no alert"},
    {"no bytes at all are an empty body", "", "empty"},
    {"nothing but white space is an empty body", " \r\n\t", "empty"},

    {"a text without quotes is no JSON", "{{alarm.callback_message}}", "no JSON at 2"},
    {"a form is no JSON", "event=1", "no JSON at 1"},
    {"a form feed before a message is no JSON", std::string("\f") + kA, "no JSON at 0"},
    {"a body that is cut is no JSON", R"({"event":{"id":"a"})", "no JSON at 19"},
    {"what stands behind a message is no JSON", std::string(kA) + " x", "no JSON at 22"},
    {"an unfinished string behind a message is no JSON", std::string(kA) + " \"x", "no JSON at 23"},
    {"bad JSON within what the event does not need is no JSON",
     R"({"event":{"id":"a"},"strategy":{"x":[1,]}})", "no JSON at 40"},
    {"the offset counts from the byte order mark on", "\xEF\xBB\xBF{x", "no JSON at 5"},
};

void check_row(void** state) {
    const Row& row = row_of<Row>(state);
    for (Stay stay : {Stay::kLasting, Stay::kPassing}) {
        assert_text(outcome_of({row.body}, stay), row.expected);
        assert_text(outcome_of(in_pieces(row.body, 1), stay), row.expected);
        for (std::size_t at = 1; at < row.body.size(); at++) {
            assert_text(outcome_of(in_two(row.body, at), stay), row.expected);
        }
    }
}

std::string nested(std::size_t levels) { return times(levels, "[") + times(levels, "]"); }

void check_depth(const std::string& body, const char* expected) {
    assert_text(outcome_of({body}, Stay::kLasting), expected);
    assert_text(outcome_of(in_pieces(body, 1), Stay::kPassing), expected);
}

void a_message_may_be_64_levels_deep(void**) {
    check_depth(R"({"event":{"id":"a"},"x":)" + nested(63) + "}", "found a");
    check_depth(R"({"event":{"id":"a"},"x":)" + nested(64) + "}", "too deep");
}

void depth_counts_before_the_event_and_in_what_is_kept(void**) {
    check_depth(R"({"x":)" + nested(63) + R"(,"event":{"id":"a"}})", "found a");
    check_depth(R"({"x":)" + nested(64) + R"(,"event":{"id":"a"}})", "too deep");
    check_depth(R"({"event":{"id":"a"},"labels":)" + nested(63) + "}", "found a");
    check_depth(R"({"event":{"id":"a"},"labels":)" + nested(64) + "}", "too deep");
}

void wrapping_counts_towards_the_depth(void**) {
    check_depth(R"([{"event":{"id":"a"},"x":)" + nested(62) + "}]", "found a");
    check_depth(R"([{"event":{"id":"a"},"x":)" + nested(63) + "}]", "too deep");
}

void a_wrapped_string_counts_from_its_own_start(void**) {
    check_depth("[[[" + quoted(R"({"event":{"id":"a"},"x":)" + nested(63) + "}") + "]]]",
                "found a");
}

void a_body_without_an_alert_may_be_too_deep(void**) {
    check_depth(nested(64), "no alert");
    check_depth(nested(65), "too deep");
}

/// Which of two equal keys counts is left open; that the body is still read is not.
void equal_keys_do_not_hide_the_message(void**) {
    for (std::string_view body :
         {R"({"event":{"id":"a"},"event":{"id":"b"}})", R"({"event":1,"event":{"id":"a"}})",
          R"({"event":{"id":"a"},"event":1})", R"({"event":{"id":"a","id":"b"}})",
          R"({"event":{"id":"b","event":{"id":"a"}},"event":{"id":"c"}})"}) {
        for (std::size_t at = 0; at < body.size(); at++) {
            const std::string outcome = outcome_of(in_two(body, at), Stay::kPassing);
            assert_text(outcome.substr(0, 6), "found ");
        }
    }
}

/// Gives byte after byte and fails at the n-th.
class FailingSource final : public flashduty::BodySource {
  public:
    FailingSource(std::string_view body, std::size_t bytes)
        : source_(in_pieces(body, 1), Stay::kPassing), bytes_(bytes) {}
    [[nodiscard]] flashduty::JsonChunk whole() const noexcept override { return {}; }
    std::size_t read(char* to, std::size_t size_bytes) noexcept override {
        if (bytes_ == 0) {
            return 0;
        }
        bytes_--;
        return source_.read(to, size_bytes);
    }
    [[nodiscard]] std::size_t left_bytes() const noexcept override { return source_.left_bytes(); }
    void seek(std::size_t offset_bytes) noexcept override { source_.seek(offset_bytes); }

  private:
    ChunkSource source_;
    std::size_t bytes_;
};

void a_body_that_cannot_be_read_is_said_to_be_so(void**) {
    const std::string bodies[] = {kA, "[" + quoted(kA) + "]",
                                  R"({"event":{"id":"a"},"current_value":NaN})"};
    for (const std::string& body : bodies) {
        std::size_t bytes = 0;
        for (;; bytes++) {
            HeapArena arena;
            FailingSource source(body, bytes);
            const std::string outcome = outcome_of(arena, source);
            if (outcome == "found a") {
                break;
            }
            assert_text(outcome, "unreadable");
        }
        assert_true(bytes >= body.size());
    }
}

void a_message_is_read_once_and_a_wrapped_one_twice(void**) {
    const auto readings = [](const std::string& body) {
        struct CountingSource final : flashduty::BodySource {
            explicit CountingSource(std::string_view body) : source({body}, Stay::kLasting) {}
            [[nodiscard]] flashduty::JsonChunk whole() const noexcept override {
                return source.whole();
            }
            std::size_t read(char*, std::size_t) noexcept override { return 0; }
            [[nodiscard]] std::size_t left_bytes() const noexcept override { return 0; }
            void seek(std::size_t offset_bytes) noexcept override {
                readings++;
                source.seek(offset_bytes);
            }
            ChunkSource source;
            int readings = 0;
        };
        HeapArena arena;
        CountingSource source(body);
        assert_text(outcome_of(arena, source), "found a");
        return source.readings;
    };
    assert_int_equal(readings(kA), 1);
    assert_int_equal(readings(R"({"x":"{[","event":{"id":"a"}})"), 1);
    assert_int_equal(readings("[" + std::string(kA) + "]"), 2);
    assert_int_equal(readings(quoted(kA)), 2);
    assert_int_equal(readings(R"({"event":{"id":"a"},"current_value":NaN})"), 1);
}

/// Values that the event does not need must not be held: a large body takes little memory.
void no_memory_is_kept_for_what_the_event_does_not_need(void**) {
    const auto blocks = [](std::string_view body) {
        HeapArena arena;
        ChunkSource source({body}, Stay::kLasting);
        assert_text(outcome_of(arena, source), "found a");
        return arena.blocks();
    };
    const std::string much = R"({"event":{"id":"a","x":[)" + times(1000, R"({"a":"b"},)") +
                             R"(0]},"x":[)" + times(1000, R"({"a":"b"},)") + "0]}";
    assert_int_equal(blocks(much), blocks(kA));
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(a_message_may_be_64_levels_deep),
        cmocka_unit_test(depth_counts_before_the_event_and_in_what_is_kept),
        cmocka_unit_test(wrapping_counts_towards_the_depth),
        cmocka_unit_test(a_wrapped_string_counts_from_its_own_start),
        cmocka_unit_test(a_body_without_an_alert_may_be_too_deep),
        cmocka_unit_test(equal_keys_do_not_hide_the_message),
        cmocka_unit_test(a_body_that_cannot_be_read_is_said_to_be_so),
        cmocka_unit_test(a_message_is_read_once_and_a_wrapped_one_twice),
        cmocka_unit_test(no_memory_is_kept_for_what_the_event_does_not_need),
    };
    add_rows(tests, kRows, check_row);
    return run("blueking_body", tests);
}
