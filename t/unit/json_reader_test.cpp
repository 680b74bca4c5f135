// JSON as a stream: what is heard, what is refused and where, however the text is cut.
#include "json_reader.hpp"

#include "support.hpp"

using namespace std::string_view_literals;
using flashduty::JsonConstants;
using flashduty::JsonReader;
using flashduty::JsonStatus;

namespace {

/// Writes down what it hears, one word for each token.
class Listener final : public flashduty::JsonHandler {
  public:
    std::string heard;
    JsonReader* reader = nullptr;
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

const char* name_of(JsonStatus status) {
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

struct Reading {
    JsonStatus status;
    std::size_t offset;
    bool stopped_at_constant;
    Listener listener;
};

/// Pieces that do not stay are gone with the call they were fed by.
Reading read(flashduty::Arena& arena, const Pieces& pieces, Stay stay, JsonConstants constants,
             Listener listener = {}) {
    Reading reading{JsonStatus::kOk, 0, false, std::move(listener)};
    JsonReader reader(arena, reading.listener, constants);
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

/// What is heard, or what is wrong and at which byte. Constants are read when they are met.
std::string outcome_of(const Pieces& pieces, Stay stay) {
    HeapArena arena;
    Reading reading = read(arena, pieces, stay, JsonConstants::kRefused);
    if (reading.stopped_at_constant) {
        reading = read(arena, pieces, stay, JsonConstants::kRead);
    }
    return reading.status == JsonStatus::kOk
               ? reading.listener.heard
               : name_of(reading.status) + (" at " + std::to_string(reading.offset));
}

struct Row {
    const char* says;
    std::string_view json;
    std::string_view expected;
};

const std::string k64Deep = times(64, "[") + times(64, "]");
const std::string k64DeepHeard = times(63, "[ ") + "[" + times(64, " ]");
const std::string k65Deep = times(65, "[") + times(65, "]");
const std::string k65DeepObjects = times(65, R"({"a":)") + "1" + times(65, "}");

const std::vector<Row> kRows = {
    {"every kind of value is heard in the order of the text",
     R"({"a":[1,"x",true,false,null,{}],"b":{"":""}})",
     "{ a: [ 1 'x' yes no null { } ] b: { : '' } }"},
    {"a scalar alone is JSON", " 12 ", "12"},
    {"all white space of JSON may stand between tokens", " \t\r\n[ \n1\t,\r2 ] \n", "[ 1 2 ]"},
    {"numbers are heard as they are written",
     "[46.170,1e+20,1E-2,-0,-0.0,123456789012345678901234567890]",
     "[ 46.170 1e+20 1E-2 -0 -0.0 123456789012345678901234567890 ]"},
    {"NaN and the infinities are heard as numbers",
     R"([NaN,Infinity,-Infinity,{"NaN":NaN,"a":"NaN Infinity -Infinity"},-1])",
     "[ NaN Infinity -Infinity { NaN: NaN a: 'NaN Infinity -Infinity' } -1 ]"},
    {"a constant may be the whole text", "-Infinity", "-Infinity"},
    {"quotes and escapes in strings do not hide a constant", R"(["\"",NaN,"\\",NaN,"a\"NaN\\"])",
     R"([ '"' NaN '\' NaN 'a"NaN\' ])"},
    {"escapes beside constants are mended, too", R"([NaN,"\ud83d\\",Infinity])",
     "[ NaN '\uFFFD\\' Infinity ]"},

    {"every escape is understood", R"(["\"\\\/\b\f\n\r\t\u00e9\u6F22"])",
     "[ '\"\\/\b\f\n\r\té漢' ]"},
    {"a surrogate pair is one character", R"(["\ud83d\ude00\uD83D\uDE00"])", "[ '😀😀' ]"},
    {"a high surrogate alone becomes U+FFFD and what follows is kept",
     R"(["\ud83d","\ud83dabc","\ud83d\n","\ud83d\u0041"])",
     "[ '\uFFFD' '\uFFFDabc' '\uFFFD\n' '\uFFFDA' ]"},
    {"a low surrogate alone becomes U+FFFD", R"(["\ude00","a\ude00\ud83db"])",
     "[ '\uFFFD' 'a\uFFFD\uFFFDb' ]"},
    {"a high surrogate before a pair becomes U+FFFD", R"(["\ud83d\ud83d\ude00"])", "[ '\uFFFD😀' ]"},
    {"surrogates are mended in keys, too", R"({"\ud83d":1})", "{ \uFFFD: 1 }"},
    {"an escaped backslash before a u begins no escape", R"(["\\ud83d"])", R"([ '\ud83d' ])"},
    {"an escaped NUL is heard", R"(["a\u0000b"])", "[ 'a\0b' ]"sv},
    {"bytes that are no UTF-8 are heard as they are", "[\"\xC0\x80\xE4\xBD\"]",
     "[ '\xC0\x80\xE4\xBD' ]"},
    {"a raw DEL is allowed in a string", "[\"\x7F\"]", "[ '\x7F' ]"},
    {"a byte order mark may stand first", "\xEF\xBB\xBF [1]", "[ 1 ]"},
    {"64 levels are fine", k64Deep, k64DeepHeard},
    {"65 arrays are too deep", k65Deep, "too deep at 65"},
    {"65 objects are too deep", k65DeepObjects, "too deep at 321"},

    {"nothing at all is no JSON", "", "invalid at 0"},
    {"white space alone is no JSON", " \n", "invalid at 2"},
    {"a byte order mark alone is no JSON", "\xEF\xBB\xBF", "invalid at 3"},
    {"half a byte order mark is none", "\xEF\xBB[1]", "invalid at 2"},
    {"a byte order mark may not stand later", " \xEF\xBB\xBF[1]", "invalid at 2"},
    {"a byte order mark may not stand behind a constant", "NaN\xEF\xBB\xBF", "invalid at 4"},
    {"two byte order marks are one too many", "\xEF\xBB\xBF\xEF\xBB\xBF[1]", "invalid at 4"},
    {"the offset counts the byte order mark", "\xEF\xBB\xBF[x]", "invalid at 5"},
    {"a text that ends too early is invalid at its end", R"({"a":[1,2)", "invalid at 9"},
    {"a string that does not end is invalid", R"("abc)", "invalid at 4"},
    {"a literal that does not end is invalid", "nul", "invalid at 3"},
    {"a comma may not be the last", "[1,]", "invalid at 4"},
    {"a comma may not be the last in an object", R"({"a":1,})", "invalid at 8"},
    {"values need a comma between them", "[1 2]", "invalid at 4"},
    {"a key needs a colon", R"({"a" 1})", "invalid at 6"},
    {"a key needs quotes", "{a:1}", "invalid at 2"},
    {"a bracket does not close a brace", R"({"a":1])", "invalid at 6"},
    {"a second value is trailing garbage", "{} {}", "invalid at 4"},
    {"a closing brace is trailing garbage", "{}}", "invalid at 3"},
    {"an unfinished string is trailing garbage", R"({} "abc)", "invalid at 7"},
    {"a lone quote is trailing garbage", R"({}")", "invalid at 3"},
    {"an unfinished literal is trailing garbage", "{} tru", "invalid at 6"},
    {"an unfinished number is trailing garbage", "{} -", "invalid at 4"},
    {"a number may not begin with a zero", "[01]", "invalid at 3"},
    {"a number may not begin with a point", "[.5]", "invalid at 2"},
    {"a number may not end with a point", "[1.]", "invalid at 3"},
    {"a number may not begin with a plus", "[+1]", "invalid at 2"},
    {"a number is more than a minus", "[-]", "invalid at 2"},
    {"an unknown escape is invalid", R"(["\x"])", "invalid at 3"},
    {"an escape needs four digits", R"(["\u12G4"])", "invalid at 6"},
    {"a lone surrogate does not hide a bad escape", R"(["\ud83d\uZZZZ"])", "invalid at 10"},
    {"an escape's digits are no constant", R"(["\uNaNd"])", "invalid at 4"},
    {"a raw newline in a string is invalid", "[\"a\nb\"]", "invalid at 3"},
    {"a raw tab in a string is invalid", "[\"a\tb\"]", "invalid at 3"},
    {"a raw NUL in a string is invalid", "[\"a\0b\"]"sv, "invalid at 3"},
    {"a raw form feed in a string is invalid", "[\"a\fb\"]", "invalid at 3"},
    {"a raw vertical tab in a string is invalid", "[\"a\vb\"]", "invalid at 3"},
    {"a form feed between tokens is invalid", "[1,\f2]", "invalid at 3"},
    {"a vertical tab between tokens is invalid", "[1,\v2]", "invalid at 3"},
    {"a form feed behind everything is invalid", "[1]\f", "invalid at 3"},
    {"a NUL between tokens is invalid", "[1\0]"sv, "invalid at 3"},
    {"a no-break space between tokens is invalid", "[\u00A01]", "invalid at 2"},
    {"a comment is invalid", "[1/**/]", "invalid at 2"},
    {"a line comment is invalid", "// a\n[1]", "invalid at 0"},
    {"single quotes are invalid", "['a']", "invalid at 2"},
    {"a literal in capitals is invalid", "[True]", "invalid at 2"},
    {"a constant spelled otherwise is invalid", "[nan]", "invalid at 2"},
    {"an unfinished constant is invalid", "[Infinit", "invalid at 2"},
    {"a longer word than a constant is invalid", "[NaNs]", "invalid at 5"},
    {"digits behind a constant are invalid", "[NaN1]", "invalid at 2"},
    {"digits before a constant are invalid", "[1NaN]", "invalid at 3"},
    {"a minus before NaN is invalid", "[-NaN]", "invalid at 2"},
    {"two minuses before Infinity are invalid", "[--Infinity]", "invalid at 2"},
    {"a plus before Infinity is invalid", "[+Infinity]", "invalid at 2"},
    {"a constant is no key", "{NaN:1}", "invalid at 4"},
    {"a constant does not end a literal", "[trueNaN]", "invalid at 6"},
    {"two constants need a comma between them", "[NaN NaN]", "invalid at 8"},
};

void check_row(void** state) {
    const Row& row = row_of<Row>(state);
    for (Stay stay : {Stay::kLasting, Stay::kPassing}) {
        assert_text(outcome_of({row.json}, stay), row.expected);
        assert_text(outcome_of(in_pieces(row.json, 1), stay), row.expected);
        for (std::size_t at = 1; at < row.json.size(); at++) {
            assert_text(outcome_of(in_two(row.json, at), stay), row.expected);
        }
    }
}

void every_split_into_three_hears_the_same(void**) {
    constexpr std::string_view kJson =
        R"(["\ud83d\ude00\ud83d",-Infinity,{"\\":"漢"},NaN,"\u00e9"])";
    const std::string whole = outcome_of({kJson}, Stay::kLasting);
    assert_text(whole, "[ '😀\uFFFD' -Infinity { \\: '漢' } NaN 'é' ]");
    for (std::size_t first = 1; first < kJson.size(); first++) {
        for (std::size_t second = first + 1; second < kJson.size(); second++) {
            const Pieces pieces = {kJson.substr(0, first), kJson.substr(first, second - first),
                                   kJson.substr(second)};
            assert_text(outcome_of(pieces, Stay::kPassing), whole);
        }
    }
}

void constants_are_refused_unless_they_are_asked_for(void**) {
    for (std::string_view json : {"[NaN]", "[Infinity]", "[-Infinity]", "NaN"}) {
        HeapArena arena;
        const Reading reading = read(arena, {json}, Stay::kLasting, JsonConstants::kRefused);
        assert_text(name_of(reading.status), "invalid");
        assert_true(reading.stopped_at_constant);
    }
}

void an_error_that_is_no_constant_asks_for_no_second_reading(void**) {
    for (std::string_view json : {"[x]", "[1,]", "[\"NaN\",]", "[\"NaN", "[1 2]"}) {
        HeapArena arena;
        const Reading reading = read(arena, {json}, Stay::kLasting, JsonConstants::kRefused);
        assert_text(name_of(reading.status), "invalid");
        assert_false(reading.stopped_at_constant);
    }
}

/// They are mended in a buffer that grows with the string, from the first of them on.
void a_long_string_of_lone_surrogates_is_mended_as_a_short_one(void**) {
    constexpr std::size_t kTimes = 4000;
    const std::string units = R"(x\ud83d\ud83d\ude00\ude00\\漢\n)";
    const std::string json = R"(["NaN )" + times(kTimes, units) + R"(","\ud83d"])";
    const std::string expected = "[ 'NaN " + times(kTimes, "x\uFFFD😀\uFFFD\\漢\n") + "' '\uFFFD' ]";
    for (const JsonConstants constants : {JsonConstants::kRefused, JsonConstants::kRead}) {
        for (const std::size_t piece_bytes : {json.size(), std::size_t{70001}}) {
            HeapArena arena;
            const Reading reading =
                read(arena, in_pieces(json, piece_bytes), Stay::kPassing, constants);
            assert_text(name_of(reading.status), "ok");
            assert_text(reading.listener.heard, expected);
        }
    }
}

void a_handler_ends_the_reading(void**) {
    HeapArena arena;
    Listener listener;
    listener.stop_at = "b";
    const Reading reading =
        read(arena, {R"({"a":1,"b":2,"c":3})"}, Stay::kLasting, JsonConstants::kRefused, listener);
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
        const Reading reading =
            read(arena, in_two(json, at), Stay::kPassing, JsonConstants::kRead, listener);
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
        const Reading reading =
            read(arena, {json}, Stay::kLasting, JsonConstants::kRefused, listener);
        assert_text(name_of(reading.status), expected);
    }
}

/// What is heard from lasting pieces need not be copied, as long as it lies in one of them.
void only_text_within_a_lasting_piece_lasts(void**) {
    constexpr std::string_view kJson = R"({"key":"text","n":12})";
    HeapArena arena;
    assert_true(read(arena, {kJson}, Stay::kLasting, JsonConstants::kRead).listener.all_lasting);
    assert_false(read(arena, {kJson}, Stay::kPassing, JsonConstants::kRead).listener.all_lasting);
    const Pieces cut = in_two(kJson, 9);  // within "text"
    assert_false(read(arena, cut, Stay::kLasting, JsonConstants::kRead).listener.all_lasting);
    constexpr std::string_view kEscaped = R"(["\n"])";
    assert_false(
        read(arena, {kEscaped}, Stay::kLasting, JsonConstants::kRead).listener.all_lasting);
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
}

void each_allocation_that_fails_is_reported_and_none_crashes(void**) {
    const std::string json = R"({"a":["\ud83d\ude00",-Infinity,")" + times(9000, "x") + R"(\n"]})";
    std::size_t allocations = 0;
    for (;; allocations++) {
        FailingArena arena(allocations);
        const Reading reading =
            read(arena, in_pieces(json, 100), Stay::kPassing, JsonConstants::kRead);
        if (!arena.failed()) {
            assert_text(name_of(reading.status), "ok");
            break;
        }
        assert_text(name_of(reading.status), "out of memory");
    }
    assert_true(allocations > 3);
}

void a_reader_gives_all_its_memory_back(void**) {
    HeapArena arena;
    const Reading reading = read(arena, {R"(["a\nb",1)"}, Stay::kPassing, JsonConstants::kRefused);
    assert_text(name_of(reading.status), "invalid");
    assert_int_equal(arena.blocks(), 0);
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(every_split_into_three_hears_the_same),
        cmocka_unit_test(constants_are_refused_unless_they_are_asked_for),
        cmocka_unit_test(an_error_that_is_no_constant_asks_for_no_second_reading),
        cmocka_unit_test(a_long_string_of_lone_surrogates_is_mended_as_a_short_one),
        cmocka_unit_test(a_handler_ends_the_reading),
        cmocka_unit_test(nothing_is_heard_of_a_container_that_is_skipped),
        cmocka_unit_test(what_is_skipped_is_still_read),
        cmocka_unit_test(only_text_within_a_lasting_piece_lasts),
        cmocka_unit_test(an_error_is_final),
        cmocka_unit_test(each_allocation_that_fails_is_reported_and_none_crashes),
        cmocka_unit_test(a_reader_gives_all_its_memory_back),
    };
    add_rows(tests, kRows, check_row);
    return run("json_reader", tests);
}
