// JSON read as a stream; json_conformance_test tells which texts are JSON.
#include "json_listener.hpp"

using flashduty::JsonConstants;
using flashduty::JsonReader;
using flashduty::JsonStatus;

namespace {

void constants_are_refused_unless_they_are_asked_for(void**) {
    for (std::string_view json : {"[NaN]", "[Infinity]", "[-Infinity]", "NaN"}) {
        HeapArena arena;
        const auto status_of = [&](JsonConstants constants) {
            return name_of(read_json(arena, {json}, Stay::kLasting, constants).status);
        };
        assert_text(status_of(JsonConstants::kRefused), "invalid");
        assert_text(status_of(JsonConstants::kRead), "ok");
    }
}

/// Lone surrogates are repaired in a buffer that grows with the string, from the first of them on.
void a_long_string_of_lone_surrogates_is_fixed_as_a_short_one(void**) {
    constexpr std::size_t kTimes = 4000;
    const std::string units = R"(x\ud83d\ud83d\ude00\ude00\\漢\n)";
    const std::string json = R"(["NaN )" + times(kTimes, units) + R"(","\ud83d"])";
    const std::string expected = "[ 'NaN " + times(kTimes, "x\uFFFD😀\uFFFD\\漢\n") + "' '\uFFFD' ]";
    for (const JsonConstants constants : {JsonConstants::kRefused, JsonConstants::kRead}) {
        for (const std::size_t piece_bytes : {json.size(), std::size_t{70001}}) {
            HeapArena arena;
            const JsonReading reading =
                read_json(arena, in_pieces(json, piece_bytes), Stay::kPassing, constants);
            assert_text(name_of(reading.status), "ok");
            assert_text(reading.listener.heard, expected);
        }
    }
}

void a_handler_ends_the_reading(void**) {
    HeapArena arena;
    Listener listener;
    listener.stop_at = "b";
    const JsonReading reading = read_json(arena, {R"({"a":1,"b":2,"c":3})"}, Stay::kLasting,
                                          JsonConstants::kRefused, listener);
    assert_text(name_of(reading.status), "stopped");
    assert_text(reading.listener.heard, "{ a: 1 b:");
}

void nothing_is_heard_of_a_container_that_is_skipped(void**) {
    HeapArena arena;
    Listener listener;
    listener.skip_at = "s";
    const std::string json =
        R"({"s":{"x":[1,{"y":"\ud83d"},null,true,NaN]},"s":[[],"]"],"s":1,"t":[2]})";
    for (std::size_t at = 1; at < json.size(); at++) {
        const JsonReading reading =
            read_json(arena, in_two(json, at), Stay::kPassing, JsonConstants::kRead, listener);
        assert_text(name_of(reading.status), "ok");
        assert_text(reading.listener.heard, "{ s: { s: [ s: 1 t: [ 2 ] }");
    }
}

void what_is_skipped_is_still_read(void**) {
    const std::string k65 = R"({"s":)" + times(64, "[") + times(64, "]") + "}";
    for (const auto& [json, expected] :
         {std::pair<std::string, const char*>{R"({"s":[1,]})", "invalid"}, {k65, "too deep"}}) {
        HeapArena arena;
        Listener listener;
        listener.skip_at = "s";
        const JsonReading reading =
            read_json(arena, {json}, Stay::kLasting, JsonConstants::kRefused, listener);
        assert_text(name_of(reading.status), expected);
    }
}

/// Texts from a lasting piece need not be copied.
void what_is_told_of_a_lasting_piece_lasts(void**) {
    constexpr std::string_view kJson = R"({"key":"text","n":12})";
    HeapArena arena;
    assert_true(
        read_json(arena, {kJson}, Stay::kLasting, JsonConstants::kRead).listener.all_lasting);
    assert_false(
        read_json(arena, {kJson}, Stay::kPassing, JsonConstants::kRead).listener.all_lasting);
}

/// The part that yajl is shown at a time may end anywhere.
void all_is_heard_however_much_there_is(void**) {
    struct Unit {
        const char* json;
        const char* heard;
    };
    constexpr Unit kUnits[] = {
        {R"({"a":1,"b":"x","c":[true,"y",null,[]],"d":{},"e":false},)",
         "{ a: 1 b: 'x' c: [ yes 'y' null [ ] ] d: { } e: no } "},
        {R"("s", )", "'s' "},
        {R"({"k" : "v"} , )", "{ k: 'v' } "},
        {R"([[2]],)", "[ [ 2 ] ] "},
        {R"({"a":[0,{"b":[-1, NaN]}]},)", "{ a: [ 0 { b: [ -1 NaN ] } ] } "},
    };
    for (const Unit& unit : kUnits) {
        for (std::size_t count = 0; count < 300; count++) {
            const std::string json = "[" + times(count, unit.json) + "0]";
            HeapArena arena;
            const JsonReading reading =
                read_json(arena, {json}, Stay::kLasting, JsonConstants::kRead);
            assert_text(name_of(reading.status), "ok");
            assert_text(reading.listener.heard, "[ " + times(count, unit.heard) + "0 ]");
        }
    }
}

struct BadEnd {
    std::string_view text;
    std::size_t offset;
};

/// yajl is shown a text in parts; an error may be in any of them, and at the start of one.
void an_error_is_found_however_much_lies_before_it(void**) {
    constexpr BadEnd kBadEnds[] = {
        {R"("a":1 "bc":2})", 8},  {R"("a": "x" "bc"})", 11}, {R"("a":{} 12})", 7},
        {R"("a":[ ] true})", 8},  {R"("a":"x"  :1})", 9},    {R"("a" "bc"})", 8},
        {R"("a":12.5,  })", 12},  {R"("a":[1 "bc"]})", 11},  {R"("a":[{}  }]})", 10},
        {R"("a":"b\nc\x"})", 10}, {R"("a":1,, "b":2})", 7},  {R"("a":-Infinity NaN})", 14},
    };
    for (std::size_t members = 0; members < 400; members += members < 100 ? 1 : 13) {
        const std::string before = "{" + times(members, R"( "k" : "\u4e2d" ,)");
        for (const BadEnd& bad : kBadEnds) {
            const std::string json = before + std::string(bad.text);
            HeapArena arena;
            const JsonReading reading =
                read_json(arena, {json}, Stay::kLasting, JsonConstants::kRead);
            assert_text(name_of(reading.status), "invalid");
            assert_int_equal(reading.offset, before.size() + bad.offset);
        }
    }
}

void a_string_is_plain_without_escapes_and_beyond_ascii(void**) {
    struct PlainListener final : flashduty::JsonHandler {
        bool on_start_object() noexcept override { return true; }
        bool on_end_object() noexcept override { return true; }
        bool on_start_array() noexcept override { return true; }
        bool on_end_array() noexcept override { return true; }
        bool on_key(std::string_view raw) noexcept override { return on_string(raw); }
        bool on_number(std::string_view) noexcept override { return true; }
        bool on_boolean(bool) noexcept override { return true; }
        bool on_null() noexcept override { return true; }
        bool on_string(std::string_view) noexcept override {
            heard += reader->is_plain() ? 'p' : 'n';
            return true;
        }
        JsonReader* reader = nullptr;
        std::string heard;
    };
    for (std::size_t size = 0; size < 40; size++) {
        const std::string x(size, 'x');
        const std::string json = "{\"" + x + "\":\"" + x + "é\",\"" + x + R"(\n":"" , ")" + x +
                                 "~\":[\"é" + x + "\",\"" + x + "\"]}";
        HeapArena arena;
        PlainListener listener;
        JsonReader reader(arena, listener, JsonConstants::kRead);
        listener.reader = &reader;
        assert_true(reader.feed({json, true}) == JsonStatus::kOk);
        assert_text(listener.heard, "pnnppnp");
    }
}

void an_error_is_final(void**) {
    HeapArena arena;
    Listener listener;
    JsonReader reader(arena, listener, JsonConstants::kRefused);
    listener.reader = &reader;
    assert_true(reader.feed({"[x", true}) == JsonStatus::kInvalid);
    const std::size_t offset = reader.offset_bytes();
    assert_true(reader.feed({"[1]", true}) == JsonStatus::kInvalid);
    assert_true(reader.finish() == JsonStatus::kInvalid);
    assert_int_equal(reader.offset_bytes(), offset);
    assert_text(listener.heard, "[");
}

void a_string_of_nothing_but_dropped_characters_stands_for_nothing(void**) {
    HeapArena arena;
    assert_text(flashduty::read_string(arena, R"(\u0000\r\f)"), "");
    assert_false(arena.failed());
}

void a_string_is_read_no_further_than_is_enough(void**) {
    const std::string raw = R"(a\n)" + times(100, "漢");
    HeapArena arena;
    for (std::size_t enough = 3; enough <= 5; enough++) {
        assert_text(flashduty::read_string(arena, raw, enough), "a\n漢");
    }
    assert_text(flashduty::read_string(arena, raw, 6), "a\n漢漢");
}

void a_string_is_read_on_until_it_is_not_blank(void**) {
    HeapArena arena;
    assert_text(flashduty::read_string(arena, R"(\n\t   a)", 3), "\n\t   a");
}

void without_memory_a_string_stands_for_nothing(void**) {
    for (const char* raw : {R"(a\n)", "\\n\xFF", "\xFF"}) {
        FailingArena arena(0);
        assert_text(flashduty::read_string(arena, raw), "");
        assert_true(arena.failed());
    }
}

void a_text_that_nobody_doubts_takes_no_memory(void**) {
    FailingArena arena(0);
    Listener listener;
    JsonReader reader(arena, listener, JsonConstants::kRead);
    listener.reader = &reader;
    assert_true(reader.feed({R"({"a":[1,-Infinity,{"b":null}]})", true}) == JsonStatus::kOk);
    assert_true(reader.finish() == JsonStatus::kOk);
    assert_false(arena.failed());
}

void each_allocation_that_fails_is_reported_and_none_crashes(void**) {
    const std::string json = R"({"a":["\ud83d\ude00",-Infinity,")" + times(9000, "x") + R"(\n"]]})";
    std::size_t allocations = 0;
    for (;; allocations++) {
        FailingArena arena(allocations);
        const JsonReading reading =
            read_json(arena, in_pieces(json, 100), Stay::kPassing, JsonConstants::kRead);
        if (!arena.failed()) {
            assert_text(name_of(reading.status), "invalid");
            break;
        }
        assert_text(name_of(reading.status), "out of memory");
    }
    assert_true(allocations > 3);
}

void a_reader_gives_all_its_memory_back(void**) {
    HeapArena arena;
    const JsonReading reading =
        read_json(arena, {R"(["a\nb",1)"}, Stay::kPassing, JsonConstants::kRefused);
    assert_text(name_of(reading.status), "invalid");
    assert_int_equal(arena.blocks(), 0);
}

}  // namespace

int main() {
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(constants_are_refused_unless_they_are_asked_for),
        cmocka_unit_test(a_long_string_of_lone_surrogates_is_fixed_as_a_short_one),
        cmocka_unit_test(a_handler_ends_the_reading),
        cmocka_unit_test(nothing_is_heard_of_a_container_that_is_skipped),
        cmocka_unit_test(what_is_skipped_is_still_read),
        cmocka_unit_test(what_is_told_of_a_lasting_piece_lasts),
        cmocka_unit_test(all_is_heard_however_much_there_is),
        cmocka_unit_test(an_error_is_found_however_much_lies_before_it),
        cmocka_unit_test(a_string_is_plain_without_escapes_and_beyond_ascii),
        cmocka_unit_test(an_error_is_final),
        cmocka_unit_test(a_string_of_nothing_but_dropped_characters_stands_for_nothing),
        cmocka_unit_test(a_string_is_read_no_further_than_is_enough),
        cmocka_unit_test(a_string_is_read_on_until_it_is_not_blank),
        cmocka_unit_test(without_memory_a_string_stands_for_nothing),
        cmocka_unit_test(a_text_that_nobody_doubts_takes_no_memory),
        cmocka_unit_test(each_allocation_that_fails_is_reported_and_none_crashes),
        cmocka_unit_test(a_reader_gives_all_its_memory_back),
    };
    return run("json_reader", tests);
}
