// Cost of a body, whatever it holds: memory, and time that grows with its size alone.
#include "support.hpp"

using flashduty::kPieceBytes;

namespace {

constexpr std::size_t kBodyBytes = 2 << 20;
/// Limit for a request: four times its body and a megabyte.
constexpr std::size_t kMostBytes = 4 * kBodyBytes + (1 << 20);

/// `begin`, `unit` again and again, `end`: about kBodyBytes.
std::string filled(std::string_view begin, std::string_view unit, std::string_view end) {
    const std::size_t room = kBodyBytes - begin.size() - end.size();
    return std::string(begin) + times(room / unit.size(), unit) + std::string(end);
}

std::string in_event(std::string_view members, std::string_view unit, std::string_view end) {
    return filled(R"({"event":{"id":"a",)" + std::string(members), unit, std::string(end) + "}}");
}

/// `json` as a string, `levels` times one inside the other.
std::string wrapped(std::string json, std::size_t levels) {
    for (std::size_t i = 0; i < levels; i++) {
        std::string quoted;
        for (char c : json) {
            quoted += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
        }
        json = "\"" + quoted + "\"";
    }
    return json;
}

/// A long string is all that fills it, so that wrapping it does not make it much longer.
std::string wrapped_text(std::string_view unit, std::size_t levels) {
    return wrapped(filled(R"({"event":{"id":"a"},"description":")", unit, R"("})"), levels);
}

struct Row {
    const char* says;
    std::string body;
    const char* expected;  ///< the start of the event, or what else the body is
};

constexpr const char* kEvent = R"({"title_rule":)";

const std::vector<Row> kRows = {
    {"open arrays", filled("", "[", ""), "too deep"},
    {"open objects", filled("", R"({"a":)", ""), "too deep"},
    {"open arrays in an alert", in_event(R"("x":)", "[", ""), "too deep"},
    {"a long text", in_event(R"("x":1},"description":")", "text ", R"(","y":{)"), kEvent},
    {"an escaped text", in_event(R"("x":1},"description":")", R"(\n)", R"(a","y":{)"), kEvent},
    {"a text of escaped characters",
     in_event(R"("x":1},"description":")", R"(\u4e2d)", R"(","y":{)"), kEvent},
    {"a text of lone surrogates", in_event(R"("x":1},"description":")", R"(\ud83d)", R"(","y":{)"),
     kEvent},
    {"a text that is no UTF-8", in_event(R"("x":1},"description":")", "\xFF", R"(","y":{)"),
     kEvent},
    {"an escaped text that is no UTF-8",
     in_event(R"("x":1},"description":")", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\\n", R"(","y":{)"),
     kEvent},
    {"white space before the text", in_event(R"("x":1},"description":"a)", " ", R"(b","y":{)"),
     kEvent},
    {"a name of white space", in_event(R"("x":1},"strategy":{"name":"a)", R"(\n)", R"( b"},"y":{)"),
     kEvent},
    {"a long id", in_event(R"("event_id":")", "i", "\""), kEvent},
    {"a resource that is no UTF-8", in_event(R"("dimensions":{"ip":")", "\xFF \\t", "\"}"), kEvent},
    {"an alert without id and a long dimension",
     filled(R"({"event":{"dimensions":{"ip":")", "\xFF", R"("}}})"), kEvent},
    {"tiny dimensions", in_event(R"("dimensions":{)", R"("":1,)", R"("a":1})"), kEvent},
    {"one dimension again and again", in_event(R"("dimensions":{)", R"("ip":"1",)", R"("a":1})"),
     kEvent},
    {"dimensions of one value each", in_event(R"("dimensions":{"a":[)", "1,", "1]}"), kEvent},
    {"dimensions within dimensions", in_event(R"("dimensions":{"a":[)", R"({"":{}},)", "1]}"),
     kEvent},
    {"tiny dimensions that are no UTF-8",
     in_event(R"("dimensions":{)", "\"\xFF\":\"\xFF\",", R"("a":1})"), kEvent},
    {"dimensions to group by", in_event(R"("agg_dimensions":[)", R"("a",)", R"("a"])"), kEvent},
    {"translations",
     in_event(R"("dimensions":{"a":1},"dimension_translation":{)", R"("a":{"display_value":"b"},)",
              R"("b":1})"),
     kEvent},
    {"metrics",
     in_event(R"("x":1},"strategy":{"item_list":[)", R"({"metric_id":"a"},)", R"(1]},"y":{)"),
     kEvent},
    {"labels", in_event(R"("x":1},"labels":[)", R"("a",)", R"(1],"y":{)"), kEvent},
    {"one name again and again", in_event("", R"("level":1,)", R"("level":1)"), kEvent},
    {"unknown names", in_event("", R"("abc":1,)", R"("level":1)"), kEvent},
    {"a long name", in_event("\"", "n", R"(":1)"), kEvent},
    {"a long dimension name", in_event(R"("dimensions":{")", R"(\n)", R"(":1})"), kEvent},
    {"a long number", in_event(R"("level":)", "1", ""), kEvent},
    {"a long number as a dimension", in_event(R"("dimensions":{"a":)", "1", "}"), kEvent},
    {"white space", in_event("\"x\":1", " ", ""), kEvent},
    {"nothing but white space", filled("", " ", ""), "empty"},
    {"NaN again and again", in_event(R"("x":[)", "NaN,", "1]"), kEvent},
    {"a string that never ends", filled(R"({"event":{"id":")", "a", ""), "no JSON"},
    {"an escaped string that never ends", filled(R"({"event":{"id":")", R"(\n)", ""), "no JSON"},
    {"a wrapped text", wrapped_text("text ", 1), kEvent},
    {"a text wrapped four times", wrapped_text("text ", 4), kEvent},
    {"an escaped text wrapped four times", wrapped_text(R"(0123456789abcdef0123456789abcdef\n)", 4),
     kEvent},
    {"a wrapped text that is no UTF-8", wrapped_text("\xFF", 1), kEvent},
    {"long strings that hold nothing", filled("[\"", "{", "\"]"), "no alert"},
    {"a long string that holds more of them", filled(R"(["[\")", R"([\\\")", R"(\"]"])"),
     "no alert"},
    {"many strings to open", filled(R"({"a":0)", R"(,"b":"{}")", "}"), "no alert"},
    {"many short strings that look like JSON", filled(R"({"a":0)", R"(,"":"[\\")", "}"),
     "no alert"},
    {"many strings that look like a message", filled(R"({"a":0)", R"(,"":"{\"event\":[")", "}"),
     "no alert"},
    {"many strings that hold the debug body", filled(R"({"a":0)", R"(,"":"{\"alarm\":1}")", "}"),
     "debug"},
    {"many messages beside others in an array",
     filled(R"({"a":0)", R"(,"":["{\"event\":{\"id\":1}}",1])", "}"), "no alert"},
    {"many messages with escapes beside others in an array",
     filled(R"({"a":0)", R"(,"":["{\"event\":{\"id\":\"\\n\\n\"}}",1])", "}"), "no alert"},
    {"many large messages beside others in an array",
     filled(R"({"a":0)",
            R"(,"":["{\"event\":{\"id\":\")" + std::string(5000, '\xFF') + R"(\"}}",1])", "}"),
     "no alert"},
    {"many wrapped strings to open", wrapped(filled(R"({"a":0)", R"(,"":"[\\u1234567]")", "}"), 3),
     "no alert"},
    {"escaped names", filled(R"({"a":0)", R"(,"\n":1)", "}"), "no alert"},
    {"names that are no UTF-8", filled(R"({"a":0)", ",\"\xFF\":1", "}"), "no alert"},
    {"longer names that are no UTF-8",
     filled(R"({"a":0)", ",\"" + std::string(100, '\xFF') + "\":1", "}"), "no alert"},
    {"names of kilobytes that are no UTF-8",
     filled(R"({"a":0)", ",\"" + std::string(5000, '\xFF') + "\":1", "}"), "no alert"},
    {"names of kilobytes in escapes",
     filled(R"({"a":0)", ",\"" + times(900, R"(\u0041)") + "\":1", "}"), "no alert"},
    {"unknown names in escapes", in_event("", R"("\n":1,)", R"("level":1)"), kEvent},
    {"unknown names that are no UTF-8", in_event("", "\"\xFF\":1,", R"("level":1)"), kEvent},
    {"objects with escaped names", filled(R"({"a":0)", R"(,"\n":{"\n":{}})", "}"), "no alert"},
    {"dimensions that are arrays of escapes",
     in_event(R"("dimensions":{)", R"("a":["b",")" + times(700, R"(\n)") + "\"],", R"("a":1})"),
     kEvent},
    {"pieces that just do not fit into what is left of a room",
     in_event(R"("dimensions":{)", R"("a":")" + times(2000, R"(\n)") + "b\",", R"("a":1})"),
     kEvent},
};

/// Read from nginx's memory, and from its file.
void a_body_is_read_within_its_memory(void** state) {
    const Row& row = row_of<Row>(state);
    for (const Stay stay : {Stay::kLasting, Stay::kPassing}) {
        MallocRooms arena;
        ChunkSource source({row.body}, stay);
        const std::string outcome = event_of(arena, source);
        assert_text(outcome.substr(0, std::string_view(row.expected).size()), row.expected);
        if (arena.peak_bytes() > kMostBytes) {
            print_error("%s took %zu bytes of %zu\n", row.says, arena.peak_bytes(), kMostBytes);
        }
        assert_true(arena.peak_bytes() <= kMostBytes);
    }
}

/// A piece may end within a string, an escape, a name, a number.
void a_long_body_says_the_same_however_it_lies(void**) {
    const std::string unit =
        R"({"k\u4e2d\n":"v\"\\\ud83d\ude00 漢","n":-1.25e+3,"t":[true,null]},)";
    for (std::size_t shift = 0; shift < unit.size(); shift++) {
        const std::string body = R"({"x":")" + std::string(shift, 'x') + R"(","y":[)" +
                                 times(2 * kPieceBytes / unit.size(), unit) +
                                 R"(0],"event":{"id":"a","level":1,"dimensions":{"ip":"1"}}})";
        assert_text(event_of({body}, Stay::kPassing), event_of({body}, Stay::kLasting));
    }
}

/// Strings of all sizes about that of a piece, those that go to yajl and those that do not.
void a_long_string_is_read_as_a_short_one(void**) {
    const std::string unit = "a\\n\\u4e2d\\ud83d\\ude00\\ud83d\\\"\\/\xFF漢";
    const std::string meant = "a\n中😀\uFFFD\"/\uFFFD漢";
    for (std::size_t count : {kPieceBytes / unit.size() - 1, kPieceBytes / unit.size() + 1,
                              3 * kPieceBytes / unit.size()}) {
        const std::string body =
            R"({"event":{"id":"a"},"description":")" + times(count, unit) + "\"}";
        for (const std::string& text : {body, wrapped(body, 1), wrapped(body, 3)}) {
            for (const Stay stay : {Stay::kLasting, Stay::kPassing}) {
                HeapArena arena;
                ChunkSource source({text}, stay);
                const Translation translation(arena, source);
                assert_true(translation.is_message());
                assert_text(translation.alert.description, times(count, meant));
            }
        }
    }
}

struct BadString {
    const char* says;
    std::string_view bad;
};

const std::vector<BadString> kBadStrings = {
    {"a raw newline in a long string is refused", "\n"},
    {"a NUL in a long string is refused", std::string_view("\0", 1)},
    {"an unknown escape in a long string is refused", R"(\x)"},
    {"a short hex escape in a long string is refused", R"(\u12g4)"},
    {"an escape cut off by the end of a long string is refused", R"(\u12)"},
};

void bad_long_string_is_refused(void** state) {
    const BadString& row = row_of<BadString>(state);
    for (std::size_t tail : {std::size_t{0}, std::size_t{1}, std::size_t{5}}) {
        const std::string before = "{\"event\":{},\"x\":\"" + std::string(kPieceBytes, 'x');
        const std::string body = before + std::string(row.bad) + std::string(tail, 'x') + "\"}";
        for (const Stay stay : {Stay::kLasting, Stay::kPassing}) {
            HeapArena arena;
            ChunkSource source({body}, stay);
            const flashduty::BodyReading reading = flashduty::read_body(arena, source);
            assert_text(name_of(reading.kind), "no JSON");
            assert_int_equal(reading.offset_bytes, before.size());
        }
    }
}

void a_long_string_where_none_may_stand_is_refused(void**) {
    const std::string text = "\"" + std::string(kPieceBytes, 'x') + "\"";
    for (const std::string& body :
         {"{\"event\":{}," + text + "}", "[1" + text + "]", text + text}) {
        assert_text(event_of({body}, Stay::kLasting), "no JSON");
        assert_text(event_of({body}, Stay::kPassing), "no JSON");
    }
}

void a_long_name_is_the_name_of_nothing_that_is_looked_at(void**) {
    const std::string name(kPieceBytes + 1, 'n');
    const std::string body =
        R"({"event":{"id":"a","dimensions":{")" + name + R"(":"v","ip":"1"}},")" + name + "\":2}";
    HeapArena arena;
    ChunkSource source({body}, Stay::kPassing);
    const Translation translation(arena, source);
    assert_int_equal(translation.alert.dimension_count, 1);
    assert_true(translation.reading.message.has_more);
}

void a_name_that_just_fits_is_read_as_a_short_one(void**) {
    for (std::size_t size = flashduty::kMaxNameBytes - 3; size <= flashduty::kMaxNameBytes;
         size++) {
        const std::string text(size - 2, 'n');
        const std::string body = R"({"event":{"dimensions":{")" + text + R"(\n":"v"}}})";
        for (const Stay stay : {Stay::kLasting, Stay::kPassing}) {
            HeapArena arena;
            ChunkSource source({body}, stay);
            const Translation translation(arena, source);
            assert_int_equal(translation.alert.dimension_count, 1);
            assert_text(translation.alert.dimensions[0].key, text + "\n");
        }
    }
}

void a_body_may_end_behind_a_long_name(void**) {
    const std::string body = R"({"event":{}, ")" + std::string(kPieceBytes, 'n') + "\"";
    assert_text(event_of({body}, Stay::kLasting), "no JSON");
    assert_text(event_of({body}, Stay::kPassing), "no JSON");
}

void a_long_token_hides_no_message(void**) {
    const std::string text = "\"" + std::string(kPieceBytes, 'x') + "\"";
    const std::string digits(flashduty::kMaxNumberBytes + 1, '1');
    const std::string message = R"({"event":{"id":"a"}})";
    for (const std::string& body : {
             R"({"event":{"id":"a"},"unknown":)" + text + "}",
             R"({"unknown":)" + text + R"(,"event":{"id":"a"}})",
             R"({"event":{"id":"a"},"unknown":)" + digits + "}",
             R"({"event":{"id":"a"},"current_value":)" + digits + "}",
             R"({"x":)" + text + R"(,"y":)" + message + "}",
             R"({"x":)" + digits + R"(,"y":)" + message + "}",
             R"({"x":[[[[[[)" + text + "]]]]]],\"y\":" + message + "}",
         }) {
        for (const Stay stay : {Stay::kLasting, Stay::kPassing}) {
            HeapArena arena;
            ChunkSource source({body}, stay);
            assert_text(member_of(Translation(arena, source).event, "alert_key"), "a");
        }
    }
}

void each_allocation_for_a_long_string_that_fails_is_reported(void**) {
    const std::string body = wrapped(
        R"({"event":{"id":"a"},"description":")" + times(kPieceBytes / 2, R"(\n)") + "\"}", 1);
    for (const Stay stay : {Stay::kLasting, Stay::kPassing}) {
        for (std::size_t allocations = 0;; allocations++) {
            FailingArena arena(allocations);
            ChunkSource source({body}, stay);
            const std::string event = event_of(arena, source);
            if (!arena.failed()) {
                assert_text(event.substr(0, std::string_view(kEvent).size()), kEvent);
                break;
            }
            assert_text(event, "out of memory");
        }
    }
}

void what_is_passed_over_is_said(void**) {
    const auto has_more = [](const std::string& event) {
        const std::string body = R"({"event":{"id":"a",)" + event + "}}";
        HeapArena arena;
        ChunkSource source({body}, Stay::kLasting);
        return flashduty::read_body(arena, source).message.has_more;
    };
    const std::string ones = times(flashduty::kMaxFieldValues - 1, "1,");
    const std::string digits(flashduty::kMaxNumberBytes, '1');
    assert_false(has_more(R"("dimensions":{"a":1})"));
    assert_false(has_more(R"("agg_dimensions":[)" + ones + "1]"));
    assert_true(has_more(R"("agg_dimensions":[)" + ones + "1,1]"));
    assert_true(has_more(R"("dimensions":{"a":[)" + ones + "1]}"));
    assert_false(has_more(R"("unknown":[)" + ones + "1,1]"));
    assert_false(has_more(R"("level":)" + digits));
    assert_true(has_more(R"("level":1)" + digits));
    assert_false(has_more(R"("unknown":1)" + digits));
}

/// However many fields are filled, what is kept of all of them together has an end.
void the_fields_share_a_limit(void**) {
    const std::string ones = "[" + times(flashduty::kMaxFieldValues - 1, "1,") + "1]";
    const std::string body = R"({"event":{"id":"a","level":)" + ones + R"(,"metric":)" + ones +
                             R"(,"target":)" + ones + R"(,"dimensions":{"ip":"1"}}})";
    HeapArena arena;
    ChunkSource source({body}, Stay::kLasting);
    const Translation translation(arena, source);
    assert_int_equal(translation.alert.dimension_count, 0);
    assert_true(translation.reading.message.has_more);
}

void a_scope_gives_back_what_was_taken_in_it(void**) {
    MallocRooms arena;
    void* before = arena.allocate(8);
    void* large_before = arena.allocate(flashduty::Arena::kLargeBytes);
    const std::size_t held_bytes = arena.held_bytes();
    flashduty::Arena::Scope outer(arena);
    (void)arena.allocate(8);
    flashduty::Arena::Scope inner(arena);
    for (std::size_t i = 0; i < flashduty::kRoomBytes; i++) {
        assert_non_null(arena.allocate(64));
    }
    (void)arena.allocate(flashduty::Arena::kLargeBytes);
    inner.close();
    outer.close();
    void* behind = arena.allocate(8);
    assert_ptr_equal(behind, static_cast<char*>(before) + 8);
    assert_true(arena.held_bytes() > held_bytes);
    outer.drop();
    assert_int_equal(arena.held_bytes(), held_bytes);
    arena.release(large_before, flashduty::Arena::kLargeBytes);
    assert_int_equal(arena.held_bytes(), flashduty::kRoomBytes);
    assert_non_null(arena.allocate(flashduty::Arena::kLargeBytes - 1));
    assert_int_equal(arena.held_bytes(), flashduty::kRoomBytes);
}

void an_arena_counts_small_pieces_as_long_as_they_stay_taken(void**) {
    MallocRooms arena;
    for (std::size_t i = 0; i < flashduty::kRoomBytes; i++) {
        void* first = arena.allocate(32);
        void* second = arena.allocate(32);
        arena.release(first, 32);
        arena.release(second, 32);
    }
    assert_true(arena.held_bytes() >= 32 * flashduty::kRoomBytes);
    arena.allow_more(0);
    void* last = nullptr;
    do {
        last = arena.allocate(32);
    } while (last != nullptr);
    assert_true(arena.failed());
}

void an_arena_refuses_what_goes_beyond_its_limit(void**) {
    HeapArena arena;
    void* first = arena.allocate(100);
    arena.allow_more(50);
    void* second = arena.allocate(50);
    assert_non_null(second);
    arena.release(first, 100);
    assert_non_null(arena.allocate(100));
    assert_false(arena.failed());
    assert_null(arena.allocate(1));
    assert_true(arena.failed());
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(a_long_body_says_the_same_however_it_lies),
        cmocka_unit_test(a_long_string_is_read_as_a_short_one),
        cmocka_unit_test(a_long_string_where_none_may_stand_is_refused),
        cmocka_unit_test(a_long_name_is_the_name_of_nothing_that_is_looked_at),
        cmocka_unit_test(a_name_that_just_fits_is_read_as_a_short_one),
        cmocka_unit_test(a_body_may_end_behind_a_long_name),
        cmocka_unit_test(a_long_token_hides_no_message),
        cmocka_unit_test(each_allocation_for_a_long_string_that_fails_is_reported),
        cmocka_unit_test(what_is_passed_over_is_said),
        cmocka_unit_test(the_fields_share_a_limit),
        cmocka_unit_test(a_scope_gives_back_what_was_taken_in_it),
        cmocka_unit_test(an_arena_counts_small_pieces_as_long_as_they_stay_taken),
        cmocka_unit_test(an_arena_refuses_what_goes_beyond_its_limit),
    };
    add_rows(tests, kRows, a_body_is_read_within_its_memory);
    add_rows(tests, kBadStrings, bad_long_string_is_refused);
    return run("memory", tests);
}
