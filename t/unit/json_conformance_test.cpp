// JSON or not: RFC 8259, with NaN, Infinity and -Infinity, a byte order mark in front and bytes
// that are no UTF-8 in strings. Cases of our own, each cut everywhere.
#include "json_listener.hpp"

using namespace std::string_view_literals;
using flashduty::JsonConstants;
using flashduty::JsonStatus;

namespace {

JsonReading read_through(const Pieces& pieces, Stay stay) {
    HeapArena arena;
    return read_json(arena, pieces, stay, JsonConstants::kRead);
}

/// Tokens that are heard, or the error and its byte.
std::string outcome_of(const Pieces& pieces, Stay stay) {
    const JsonReading reading = read_through(pieces, stay);
    return reading.status == JsonStatus::kOk
               ? reading.listener.heard
               : name_of(reading.status) + (" at " + std::to_string(reading.offset));
}

void check_however_it_is_cut(std::string_view json, std::string_view expected) {
    for (Stay stay : {Stay::kLasting, Stay::kPassing}) {
        assert_text(outcome_of({json}, stay), expected);
        assert_text(outcome_of(in_pieces(json, 1), stay), expected);
        for (std::size_t at = 1; at < json.size(); at++) {
            assert_text(outcome_of(in_two(json, at), stay), expected);
        }
    }
}

const std::string kFiller(flashduty::kPieceBytes, 'x');

/// Checks a text with its first string or name made longer than a piece.
void check_with_a_long_string(std::string_view json, std::string_view expected) {
    std::string body(json);
    body.insert(body.find('"') + 1, kFiller);
    for (Stay stay : {Stay::kLasting, Stay::kPassing}) {
        const JsonReading reading = read_through({body}, stay);
        if (reading.status != JsonStatus::kOk) {
            const std::string_view name = name_of(reading.status);
            assert_text(name, expected.substr(0, name.size()));
            continue;
        }
        std::string heard = reading.listener.heard;
        assert_true(heard.find(kFiller) != std::string::npos);
        assert_text(heard.erase(heard.find(kFiller), kFiller.size()), expected);
    }
}

void check(std::string_view json, std::string_view expected) {
    check_however_it_is_cut(json, expected);
    if (json.find('"') != std::string_view::npos) {
        check_with_a_long_string(json, expected);
    }
}

struct Row {
    const char* says;
    std::string_view json;
    std::string_view expected;
};

// ---------------------------------------------------------------- numbers

const std::string kDigits = times(40, "1234567890");

const std::vector<Row> kNumbers = {
    {"numbers are heard as they are written",
     "[46.170,1e+20,1E-2,-0,-0.0,123456789012345678901234567890]",
     "[ 46.170 1e+20 1E-2 -0 -0.0 123456789012345678901234567890 ]"},
    {"zero has an exponent", "[0e0,0E1,-0e-0,0e+00,0.0E-00]", "[ 0e0 0E1 -0e-0 0e+00 0.0E-00 ]"},
    {"an exponent may begin with zeros", "[1e007,1E+00]", "[ 1e007 1E+00 ]"},
    {"zeros at the end of a fraction stay", "[1.0,0.100,-10.000]", "[ 1.0 0.100 -10.000 ]"},
    {"what no double holds stays as it is", "[1e400,-1e400,1e-400,0.1e-9999]",
     "[ 1e400 -1e400 1e-400 0.1e-9999 ]"},
    {"what no 64 bits hold stays as it is",
     "[9223372036854775808,-9223372036854775809,18446744073709551616]",
     "[ 9223372036854775808 -9223372036854775809 18446744073709551616 ]"},
    {"a fraction of many digits stays as it is", "[0.1000000000000000055511151231257827]",
     "[ 0.1000000000000000055511151231257827 ]"},
    {"400 digits stay as they are", kDigits, kDigits},
    {"a number may be the whole text", "-1.5e3", "-1.5e3"},
    {"zero may be the whole text", "0", "0"},
    {"white space ends a number", "[1 ,2\n,3\t,4\r]", "[ 1 2 3 4 ]"},
    {"a brace ends a number", R"({"a":-0})", "{ a: -0 }"},

    {"a number may not begin with a zero", "[01]", "invalid at 3"},
    {"a minus does not help a leading zero", "[-01]", "invalid at 4"},
    {"a number may not begin with a point", "[.5]", "invalid at 2"},
    {"a number may not begin with a minus and a point", "[-.5]", "invalid at 2"},
    {"a number may not end with a point", "[1.]", "invalid at 3"},
    {"a number may not end with a point at the end of the text", "1.", "invalid at 2"},
    {"a point needs a digit before an exponent", "[1.e1]", "invalid at 3"},
    {"an exponent needs a digit", "[1e]", "invalid at 3"},
    {"an exponent needs a digit behind its sign", "[1E+]", "invalid at 4"},
    {"an exponent needs a digit before the end of the text", "1e-", "invalid at 3"},
    {"an exponent has one sign", "[1e+-1]", "invalid at 4"},
    {"an exponent has no fraction", "[1e1.5]", "invalid at 5"},
    {"an exponent has no exponent", "[1e1e1]", "invalid at 5"},
    {"an exponent alone is no number", "[e1]", "invalid at 2"},
    {"a number has one point", "[1.2.3]", "invalid at 5"},
    {"a number may not begin with a plus", "[+1]", "invalid at 2"},
    {"a number may not begin with two signs", "[--1]", "invalid at 2"},
    {"a number may not begin with a minus and a plus", "[-+1]", "invalid at 2"},
    {"a number is more than a minus", "[-]", "invalid at 2"},
    {"a minus at the end of the text is no number", "-", "invalid at 1"},
    {"a minus stands directly before its digits", "[- 1]", "invalid at 2"},
    {"a minus goes before a number only", "[-true]", "invalid at 2"},
    {"a minus does not follow a number", "[1-]", "invalid at 3"},
    {"a difference is no number", "[1-2]", "invalid at 4"},
    {"white space may not stand within a number", "[1 .5]", "invalid at 4"},
    {"white space may not stand within an exponent", "[1e 5]", "invalid at 3"},
    {"a hexadecimal number is none", "[0x1F]", "invalid at 3"},
    {"digits are not grouped by underscores", "[1_000]", "invalid at 3"},
    {"digits are not grouped by apostrophes", "[1'000]", "invalid at 3"},
    {"a number has no unit", "[10s]", "invalid at 4"},
    {"full-width digits are no number", "[\uFF11]", "invalid at 2"},
    {"digits of other scripts are no number", "[\u0661]", "invalid at 2"},
    {"a minus sign beyond ASCII is none", "[\u22121]", "invalid at 2"},
};

// ---------------------------------------------------------------- strings

const std::vector<Row> kStrings = {
    {"a string may be empty", R"("")", "''"},
    {"every other printable character of ASCII stands for itself",
     R"(" !#$%&'()*+,-./0123456789:;<=>?@ABCXYZ[]^_`abcxyz{|}~")",
     R"(' !#$%&'()*+,-./0123456789:;<=>?@ABCXYZ[]^_`abcxyz{|}~')"},
    {"JSON in a string is text", R"(["{}","[1,","//","/**/","NaN",":"])",
     "[ '{}' '[1,' '//' '/**/' 'NaN' ':' ]"},
    {"characters of every length stand for themselves", "[\"é漢😀\"]", "[ 'é漢😀' ]"},
    {"a raw DEL is allowed in a string", "[\"\x7F\"]", "[ '\x7F' ]"},
    {"C1 control characters are allowed in a string", "[\"\u0080\u0085\u009F\"]",
     "[ '\u0080\u0085\u009F' ]"},
    {"line and paragraph separators are allowed in a string", "[\"\u2028\u2029\"]",
     "[ '\u2028\u2029' ]"},
    {"noncharacters are allowed in a string", "[\"\uFFFE\uFFFF\U0010FFFF\"]",
     "[ '\uFFFE\uFFFF\U0010FFFF' ]"},
    {"white space at the ends of a string belongs to it", R"(["  a  "])", "[ '  a  ' ]"},
    {"a key may be empty, and any string", R"({"":1," ":2,"漢":3,"a.b":4})",
     "{ : 1  : 2 漢: 3 a.b: 4 }"},

    {"single quotes are invalid", "['a']", "invalid at 2"},
    {"single quotes are invalid around a key", "{'a':1}", "invalid at 2"},
    {"backquotes are invalid", "[`a`]", "invalid at 2"},
    {"typographic quotes are invalid", "[\u201Ca\u201D]", "invalid at 2"},
    {"a string needs quotes", "[a]", "invalid at 2"},
    {"a string needs its first quote", R"([a"])", "invalid at 2"},
    {"a string that does not end is invalid", R"("abc)", "invalid at 4"},
    {"a quote alone is invalid", R"(")", "invalid at 1"},
    {"a string that does not end in an array is invalid", R"(["abc])", "invalid at 6"},
    {"a key that does not end is invalid", R"({"abc:1})", "invalid at 8"},
    {"a string that ends as another quote is invalid", R"(["abc'])", "invalid at 7"},
    {"an escaped quote does not end a string", R"(["abc\"])", "invalid at 8"},
    {"three quotes begin no longer string", R"(["""a"""])", "invalid at 6"},
    {"two strings are not joined", R"(["a" "b"])", "invalid at 8"},
    {"a raw newline in a string is invalid", "[\"a\nb\"]", "invalid at 3"},
    {"a raw tab in a string is invalid", "[\"a\tb\"]", "invalid at 3"},
    {"a raw NUL in a string is invalid", "[\"a\0b\"]"sv, "invalid at 3"},
    {"a raw form feed in a string is invalid", "[\"a\fb\"]", "invalid at 3"},
    {"a raw vertical tab in a string is invalid", "[\"a\vb\"]", "invalid at 3"},
    {"a raw newline in a key is invalid", "{\"a\nb\":1}", "invalid at 3"},
    {"a raw NUL at the end of a key is invalid", "{\"a\0\":1}"sv, "invalid at 3"},
};

// ---------------------------------------------------------------- escapes

const std::vector<Row> kEscapes = {
    {"every escape is understood", R"(["\"\\\/\b\f\n\r\t\u00e9\u6F22"])",
     "[ '\"\\/\b\f\n\r\té漢' ]"},
    {"an escape may be the whole string", R"(["\"","\\","\/","\n","\u0061"])",
     "[ '\"' '\\' '/' '\n' 'a' ]"},
    {"every escape is understood in a key", R"({"\"\\\/\b\f\n\r\t\u00e9":1})",
     "{ \"\\/\b\f\n\r\té: 1 }"},
    {"hexadecimal digits are of any case", R"(["\u00e9\u00E9\uaBcD\uAbCd"])",
     "[ 'éé\uABCD\uABCD' ]"},
    {"an escaped NUL is heard", R"(["a\u0000b"])", "[ 'a\0b' ]"sv},
    {"an escaped NUL is heard in a key", R"({"\u0000":"\u0000\u0000"})", "{ \0: '\0\0' }"sv},
    {"escaped control characters are heard", R"(["\u0001\u001F\u007f"])", "[ '\x01\x1F\x7F' ]"},
    {"an escape is as long in UTF-8 as it needs", R"(["\u007F\u0080\u07FF\u0800\uFFFF"])",
     "[ '\u007F\u0080\u07FF\u0800\uFFFF' ]"},
    {"an escaped byte order mark is a character", R"(["\ufeff"])", "[ '\uFEFF' ]"},
    {"an escaped quote by its number does not end the string", R"(["a\u0022,\u0022b"])",
     "[ 'a\",\"b' ]"},
    {"an escaped backslash by its number begins no escape", R"(["\u005cn\u005Cu0061"])",
     R"([ '\n\u0061' ])"},
    {"an escaped backslash before a u begins no escape", R"(["\\u0061","\\\u0061"])",
     R"([ '\u0061' '\a' ])"},
    {"backslashes come in pairs", R"(["\\\\","\\\"\\"])", R"([ '\\' '\"\' ])"},
    {"an escape ends after four digits", R"(["\u00e99\u0041f"])", "[ 'é9Af' ]"},

    {"an unknown escape is invalid", R"(["\x41"])", "invalid at 3"},
    {"an escaped single quote is invalid", R"(["\'"])", "invalid at 3"},
    {"an octal escape is invalid", R"(["\0"])", "invalid at 3"},
    {"an escape of eight digits is invalid", R"(["\U0001F600"])", "invalid at 3"},
    {"an escape in braces is invalid", R"(["\u{41}"])", "invalid at 4"},
    {"an escaped space is invalid", R"(["\ "])", "invalid at 3"},
    {"an escaped line break is invalid", "[\"a\\\nb\"]", "invalid at 4"},
    {"an escaped form feed is invalid", "[\"\\\f\"]", "invalid at 3"},
    {"a backslash before a NUL is invalid", "[\"\\\0\"]"sv, "invalid at 3"},
    {"a backslash before a character beyond ASCII is invalid", "[\"\\漢\"]", "invalid at 3"},
    {"an unknown escape in a key is invalid", R"({"\x":1})", "invalid at 3"},
    {"an escape needs four digits", R"(["\u12G4"])", "invalid at 6"},
    {"an escape of no digits is invalid", R"(["\u"])", "invalid at 4"},
    {"an escape of one digit is invalid", R"(["\u1"])", "invalid at 5"},
    {"an escape of three digits and a quote is invalid", R"(["\u123","a"])", "invalid at 7"},
    {"an escape has no space in it", R"(["\u 041"])", "invalid at 4"},
    {"an escape has no sign in it", R"(["\u+041"])", "invalid at 4"},
    {"an escape has no full-width digits in it", "[\"\\u\uFF10041\"]", "invalid at 4"},
    {"an escape has no form feed in it", "[\"\\u00\f1\"]", "invalid at 6"},
    {"a constant does not repair an escape", R"(["\uNaNa"])", "invalid at 4"},
    {"a constant does not repair an escape in a key", R"({"\uInfinity":1})", "invalid at 4"},
    {"an escape that the text's end cuts off is invalid", R"(["\u00)", "invalid at 6"},
    {"a backslash at the text's end is invalid", R"(["a\)", "invalid at 4"},
    {"a backslash outside of a string is invalid", R"([\n1])", "invalid at 2"},
    {"an escape outside of a string is invalid", R"([\u0031])", "invalid at 2"},
    {"an escaped quote does not begin a string", R"([\u0022a"])", "invalid at 2"},
    {"an escaped bracket does not close an array", R"([1\u005d)", "invalid at 3"},
    {"an escape within a literal is invalid", R"([tr\u0075e])", "invalid at 3"},
};

// ---------------------------------------------------------------- surrogates

const std::vector<Row> kSurrogates = {
    {"a surrogate pair is one character", R"(["\ud83d\ude00\uD83D\uDE00"])", "[ '😀😀' ]"},
    {"the first surrogate pair is U+10000", R"(["\ud800\udc00"])", "[ '\U00010000' ]"},
    {"the last surrogate pair is U+10FFFF", R"(["\uDBFF\uDFFF"])", "[ '\U0010FFFF' ]"},
    {"what lies beside the surrogates is none", R"(["\ud7ff\ue000","\ud7ff\udc00"])",
     "[ '\uD7FF\uE000' '\uD7FF\uFFFD' ]"},
    {"a high surrogate alone becomes U+FFFD and what follows is kept",
     R"(["\ud83d","\ud83dabc","\ud83d\n","\ud83d\u0041"])",
     "[ '\uFFFD' '\uFFFDabc' '\uFFFD\n' '\uFFFDA' ]"},
    {"the first and last high surrogates alone become U+FFFD", R"(["\ud800","\udbff"])",
     "[ '\uFFFD' '\uFFFD' ]"},
    {"a low surrogate alone becomes U+FFFD", R"(["\ude00","a\ude00\ud83db"])",
     "[ '\uFFFD' 'a\uFFFD\uFFFDb' ]"},
    {"the first and last low surrogates alone become U+FFFD", R"(["\udc00","\uDFFF"])",
     "[ '\uFFFD' '\uFFFD' ]"},
    {"the halves of a pair in the wrong order become two U+FFFD", R"(["\ude00\ud83d"])",
     "[ '\uFFFD\uFFFD' ]"},
    {"a high surrogate before a pair becomes U+FFFD", R"(["\ud83d\ud83d\ude00"])", "[ '\uFFFD😀' ]"},
    {"a low surrogate behind a pair becomes U+FFFD", R"(["\ud83d\ude00\ude00"])", "[ '😀\uFFFD' ]"},
    {"a pair is not joined over a character", R"(["\ud83d \ude00"])", "[ '\uFFFD \uFFFD' ]"},
    {"a pair is not joined over two strings", R"(["\ud83d","\ude00"])", "[ '\uFFFD' '\uFFFD' ]"},
    {"a pair is not joined over a key and its value", R"({"\ud83d":"\ude00"})",
     "{ \uFFFD: '\uFFFD' }"},
    {"a high surrogate before an escaped quote leaves the quote", R"(["\ud83d\"","\ud83d\\"])",
     "[ '\uFFFD\"' '\uFFFD\\' ]"},
    {"a high surrogate before an escaped backslash and a low one's digits is alone",
     R"(["\ud83d\\ude00"])", "[ '\uFFFD\\ude00' ]"},
    {"a high surrogate before a raw character leaves the character", "[\"\\ud83d漢\"]",
     "[ '\uFFFD漢' ]"},
    {"a half of a pair as raw bytes is none", "[\"\\ud83d\xED\xB8\x80\"]",
     "[ '\uFFFD\xED\xB8\x80' ]"},
    {"surrogates are repaired in keys, too", R"({"\ud83d":1,"\ud83d\ude00":2})",
     "{ \uFFFD: 1 😀: 2 }"},

    {"a lone surrogate does not hide a bad escape", R"(["\ud83d\uZZZZ"])", "invalid at 10"},
    {"a lone surrogate does not hide an unknown escape", R"(["\ud83d\x"])", "invalid at 9"},
    {"a lone surrogate does not hide a short escape", R"(["\ud83d\u12"])", "invalid at 12"},
    {"a constant does not repair an escape behind a lone surrogate", R"(["\ud83d\uNaNb"])",
     "invalid at 10"},
    {"a lone surrogate does not hide a raw newline", "[\"\\ud83d\n\"]", "invalid at 8"},
    {"a lone surrogate does not hide a form feed", "[\"\\ud83d\f\"]", "invalid at 8"},
    {"a lone surrogate does not hide that the string goes on", R"(["\ud83d])", "invalid at 9"},
    {"a pair that the text's end cuts off is invalid", R"(["\ud83d\ude)", "invalid at 12"},
    {"a surrogate of three digits is invalid", R"(["\ud83","a"])", "invalid at 7"},
    {"a surrogate outside of a string is invalid", R"([\ud83d])", "invalid at 2"},
};

// ---------------------------------------------------------------- encodings

const std::vector<Row> kEncodings = {
    {"bytes that are no UTF-8 are heard as they are", "[\"\xC0\x80\xE4\xBD\"]",
     "[ '\xC0\x80\xE4\xBD' ]"},
    {"Latin-1 in a string is heard as it is",
     "[\"caf\xE9\",\"\xFC"
     "ber\"]",
     "[ 'caf\xE9' '\xFC"
     "ber' ]"},
    {"GBK in a string is heard as it is", "[\"\xB8\xE6\xBE\xAF\"]", "[ '\xB8\xE6\xBE\xAF' ]"},
    {"a lone continuation is heard as it is", "[\"\x80\",\"\xBF\"]", "[ '\x80' '\xBF' ]"},
    {"overlong forms are heard as they are", "[\"\xC0\xA2\xE0\x80\xA2\xF0\x80\x80\xA2\"]",
     "[ '\xC0\xA2\xE0\x80\xA2\xF0\x80\x80\xA2' ]"},
    {"an encoded surrogate is heard as it is", "[\"\xED\xA0\xBD\xED\xB8\x80\"]",
     "[ '\xED\xA0\xBD\xED\xB8\x80' ]"},
    {"what lies above U+10FFFF is heard as it is", "[\"\xF4\x90\x80\x80\xF8\x88\x80\x80\x80\"]",
     "[ '\xF4\x90\x80\x80\xF8\x88\x80\x80\x80' ]"},
    {"bytes that never occur are heard as they are", "[\"\xFE\xFF\"]", "[ '\xFE\xFF' ]"},
    {"a lead byte does not swallow the quote", "[\"\xC3\",\"\xE6\xBC\",\"\xF0\x9F\x98\",1]",
     "[ '\xC3' '\xE6\xBC' '\xF0\x9F\x98' 1 ]"},
    {"a lead byte does not swallow an escape", "[\"\xE6\\n\",\"\xF0\\\"\"]",
     "[ '\xE6\n' '\xF0\"' ]"},
    {"bytes that are no UTF-8 may stand in a key", "{\"\xFF\":1}", "{ \xFF: 1 }"},

    {"a lead byte does not hide a raw newline", "[\"\xE6\n\"]", "invalid at 3"},
    {"UTF-16 is no JSON", "[\0001\0]\0"sv, "invalid at 2"},
    {"UTF-16 of the other order is no JSON", "\0[\0001\0]"sv, "invalid at 1"},
    {"UTF-16 with its mark is no JSON", "\xFF\xFE[\0001\0]\0"sv, "invalid at 1"},
    {"UTF-16 of the other order with its mark is no JSON", "\xFE\xFF\0[\0001\0]"sv, "invalid at 1"},
    {"UTF-32 is no JSON", "[\0\0\0]\0\0\0"sv, "invalid at 2"},
    {"UTF-32 with its mark is no JSON", "\xFF\xFE\0\0[\0\0\0]\0\0\0"sv, "invalid at 1"},
    {"compressed JSON is no JSON", "\x1F\x8B\x08\0\0\0\0\0\0\x03"sv, "invalid at 1"},
    {"an overlong quote is none",
     "[\xC0\xA2"
     "a\xC0\xA2]",
     "invalid at 2"},
    {"an overlong quote does not end a string", "[\"a\xC0\xA2]", "invalid at 6"},
    {"an overlong bracket is none", "\xC1\x9B\xC1\x9D", "invalid at 1"},
    {"Latin-1 outside of strings is invalid", "[1\xE9]", "invalid at 3"},
    {"a letter beyond ASCII outside of strings is invalid", "[é]", "invalid at 2"},
    {"a byte that never occurs is invalid outside of strings", "[1,\xFF]", "invalid at 4"},

    {"a byte order mark may stand first", "\xEF\xBB\xBF [1]", "[ 1 ]"},
    {"a byte order mark may stand before a scalar", "\xEF\xBB\xBF\"a\"", "'a'"},
    {"a byte order mark may stand before a constant", "\xEF\xBB\xBFNaN", "NaN"},
    {"a byte order mark in a string is a character", "\"\xEF\xBB\xBF\"", "'\uFEFF'"},
    {"a byte order mark in a key belongs to it", "{\"\xEF\xBB\xBF\":1}", "{ \uFEFF: 1 }"},
    {"a byte order mark alone is no JSON", "\xEF\xBB\xBF", "invalid at 3"},
    {"a byte order mark before white space alone is no JSON", "\xEF\xBB\xBF \n", "invalid at 5"},
    {"one byte of a byte order mark is none", "\xEF[1]", "invalid at 1"},
    {"half a byte order mark is none", "\xEF\xBB[1]", "invalid at 1"},
    {"one byte of a byte order mark alone is no JSON", "\xEF", "invalid at 1"},
    {"half a byte order mark alone is no JSON", "\xEF\xBB", "invalid at 1"},
    {"a byte order mark with another last byte is none", "\xEF\xBB\xBE[1]", "invalid at 1"},
    {"a byte order mark with another second byte is none", "\xEF\xBF\xBF[1]", "invalid at 1"},
    {"a byte order mark without its first byte is none", "\xBB\xBF[1]", "invalid at 1"},
    {"a byte order mark may not stand later", " \xEF\xBB\xBF[1]", "invalid at 2"},
    {"a byte order mark may not stand between tokens",
     "[\xEF\xBB\xBF"
     "1]",
     "invalid at 2"},
    {"a byte order mark may not stand last", "[1]\xEF\xBB\xBF", "invalid at 4"},
    {"a byte order mark may not stand within a literal", "t\xEF\xBB\xBFrue", "invalid at 1"},
    {"a byte order mark may not stand within a number",
     "1\xEF\xBB\xBF"
     "0",
     "invalid at 2"},
    {"a byte order mark may not stand within NaN",
     "N\xEF\xBB\xBF"
     "aN",
     "invalid at 1"},
    {"a byte order mark may not follow NaN", "NaN\xEF\xBB\xBF", "invalid at 4"},
    {"a byte order mark may not stand within Infinity", "Infi\xEF\xBB\xBFnity", "invalid at 1"},
    {"a byte order mark may not stand within -Infinity", "-I\xEF\xBB\xBFnfinity", "invalid at 1"},
    {"a byte order mark behind a backslash is invalid", "\\\xEF\xBB\xBFn", "invalid at 1"},
    {"two byte order marks are one too many", "\xEF\xBB\xBF\xEF\xBB\xBF[1]", "invalid at 4"},
    {"a second byte order mark may not follow white space", "\xEF\xBB\xBF \xEF\xBB\xBF[1]",
     "invalid at 5"},
    {"an escaped byte order mark may not stand first", R"(\ufeff[1])", "invalid at 1"},
    {"the offset counts the byte order mark", "\xEF\xBB\xBF[x]", "invalid at 5"},
};

// ---------------------------------------------------------------- structure

const std::vector<Row> kStructure = {
    {"every kind of value is heard in the order of the text",
     R"({"a":[1,"x",true,false,null,{}],"b":{"":""}})",
     "{ a: [ 1 'x' yes no null { } ] b: { : '' } }"},
    {"a scalar alone is JSON", " 12 ", "12"},
    {"a string alone is JSON", R"("a")", "'a'"},
    {"true alone is JSON", "true", "yes"},
    {"false alone is JSON", "false", "no"},
    {"null alone is JSON", "null", "null"},
    {"an array may be empty", "[]", "[ ]"},
    {"an object may be empty", "{}", "{ }"},
    {"empty ones may be nested", R"([[],{},[[]],[{}],{"a":[]},{"a":{}}])",
     "[ [ ] { } [ [ ] ] [ { } ] { a: [ ] } { a: { } } ]"},
    {"equal keys are all heard", R"({"a":1,"a":2,"a":{"a":3}})", "{ a: 1 a: 2 a: { a: 3 } }"},
    {"the order of keys is that of the text", R"({"b":1,"a":2,"1":3})", "{ b: 1 a: 2 1: 3 }"},

    {"an opening bracket alone is invalid", "[", "invalid at 1"},
    {"a closing bracket alone is invalid", "]", "invalid at 1"},
    {"an opening brace alone is invalid", "{", "invalid at 1"},
    {"a closing brace alone is invalid", "}", "invalid at 1"},
    {"a brace does not close a bracket", "[1}", "invalid at 3"},
    {"a bracket does not close a brace", R"({"a":1])", "invalid at 6"},
    {"a brace does not close an empty array", "[}", "invalid at 2"},
    {"a bracket does not close an empty object", "{]", "invalid at 2"},
    {"brackets close in their order", "[{]}", "invalid at 3"},
    {"a text that ends too early is invalid at its end", R"({"a":[1,2)", "invalid at 9"},
    {"an array that is not closed is invalid", "[[1]", "invalid at 4"},
    {"an object that is not closed is invalid", R"({"a":{})", "invalid at 7"},
    {"an object that ends behind a key is invalid", R"({"a")", "invalid at 4"},
    {"an object that ends behind a colon is invalid", R"({"a":)", "invalid at 5"},
    {"an object that ends behind a comma is invalid", R"({"a":1,)", "invalid at 7"},
    {"an array that ends behind a comma is invalid", "[1,", "invalid at 3"},

    {"a comma may not be the last", "[1,]", "invalid at 4"},
    {"a comma may not be the first", "[,1]", "invalid at 2"},
    {"a comma may not be alone", "[,]", "invalid at 2"},
    {"an element may not be left out", "[1,,2]", "invalid at 4"},
    {"values need a comma between them", "[1 2]", "invalid at 4"},
    {"strings need a comma before a number", R"(["a"1])", "invalid at 5"},
    {"literals need a comma between them", "[null false]", "invalid at 11"},
    {"arrays need a comma between them", "[[][]]", "invalid at 4"},
    {"objects need a comma between them", "[{}{}]", "invalid at 4"},
    {"a semicolon is no comma", "[1;2]", "invalid at 3"},
    {"a colon is no comma", "[1:2]", "invalid at 3"},
    {"an array has no keys", R"(["a":1])", "invalid at 5"},

    {"a comma may not be the last in an object", R"({"a":1,})", "invalid at 8"},
    {"a comma may not be the first in an object", R"({,"a":1})", "invalid at 2"},
    {"a comma may not be alone in an object", "{,}", "invalid at 2"},
    {"a member may not be left out", R"({"a":1,,"b":2})", "invalid at 8"},
    {"members need a comma between them", R"({"a":1 "b":2})", "invalid at 9"},
    {"a key needs a colon", R"({"a" 1})", "invalid at 6"},
    {"a key needs a value", R"({"a"})", "invalid at 5"},
    {"a key with a colon needs a value", R"({"a":})", "invalid at 6"},
    {"a key with a colon needs a value before a comma", R"({"a":,"b":1})", "invalid at 6"},
    {"a comma is no colon", R"({"a",1})", "invalid at 5"},
    {"an equals sign is no colon", R"({"a"=1})", "invalid at 5"},
    {"a key has one colon", R"({"a"::1})", "invalid at 6"},
    {"a key has one value", R"({"a":1:2})", "invalid at 6"},
    {"a value needs a key", "{1}", "invalid at 2"},
    {"a colon needs a key", "{:1}", "invalid at 2"},
    {"a key needs quotes", "{a:1}", "invalid at 2"},
    {"a number is no key", "{1:1}", "invalid at 2"},
    {"a literal is no key", "{null:1}", "invalid at 5"},
    {"an array is no key", "{[]:1}", "invalid at 2"},
    {"an object is no key", "{{}:1}", "invalid at 2"},

    {"a literal that does not end is invalid", "nul", "invalid at 3"},
    {"a literal that does not end in an array is invalid", "[fals]", "invalid at 5"},
    {"a literal that goes on is invalid", "[nulll]", "invalid at 6"},
    {"a literal that is followed by a digit is invalid", "[true1]", "invalid at 6"},
    {"a literal that is followed by another is invalid", "[truefalse]", "invalid at 10"},
    {"a literal with white space in it is invalid", "[tr ue]", "invalid at 3"},
    {"a literal in capitals is invalid", "[True]", "invalid at 2"},
    {"a literal in capitals only is invalid", "[NULL]", "invalid at 2"},
    {"a literal of other languages is invalid", "[None]", "invalid at 2"},
    {"undefined is invalid", R"({"a":undefined})", "invalid at 6"},
    {"a call is invalid", "callback([1])", "invalid at 1"},
    {"a template that was not rendered is invalid", "{{alarm.callback_message}}", "invalid at 2"},
    {"XML is invalid", "<event/>", "invalid at 1"},
    {"a form is invalid", "a=1&b=2", "invalid at 1"},
};

// ---------------------------------------------------------------- white space and comments

const std::vector<Row> kWhiteSpace = {
    {"all white space of JSON may stand between tokens", " \t\r\n[ \n1\t,\r2 ] \n", "[ 1 2 ]"},
    {"white space may stand around every token", "\n{ \"a\" : [ 1 , true ] , \"b\" : { } }\r\n",
     "{ a: [ 1 yes ] b: { } }"},
    {"white space may stand in what is empty", "[ \n]", "[ ]"},
    {"white space may stand in an empty object", "{\t\r}", "{ }"},
    {"no white space is needed", R"([1,"a",null,{"b":false}])", "[ 1 'a' null { b: no } ]"},

    {"nothing at all is no JSON", "", "invalid at 0"},
    {"white space alone is no JSON", " \t\r\n", "invalid at 4"},
    {"a NUL alone is no JSON", "\0"sv, "invalid at 1"},
    {"a form feed first is invalid", "\f[1]", "invalid at 0"},
    {"a form feed between tokens is invalid", "[1,\f2]", "invalid at 3"},
    {"a form feed within a literal is invalid", "[tr\fue]", "invalid at 3"},
    {"a form feed behind a number is invalid", "[1\f]", "invalid at 2"},
    {"a form feed behind everything is invalid", "[1]\f", "invalid at 3"},
    {"a vertical tab first is invalid", "\v[1]", "invalid at 0"},
    {"a vertical tab between tokens is invalid", "[1,\v2]", "invalid at 3"},
    {"a vertical tab before a colon is invalid", "{\"a\"\v:1}", "invalid at 4"},
    {"a vertical tab behind everything is invalid", "[1]\n\v", "invalid at 4"},
    {"a NUL between tokens is invalid", "[1\0]"sv, "invalid at 3"},
    {"a NUL behind everything is invalid", "[1]\0"sv, "invalid at 4"},
    {"a record separator first is invalid", "\x1E[1]\n", "invalid at 1"},
    {"a next line between tokens is invalid", "[\u00851]", "invalid at 2"},
    {"a no-break space between tokens is invalid", "[\u00A01]", "invalid at 2"},
    {"a no-break space of Latin-1 between tokens is invalid", "[1\xA0]", "invalid at 3"},
    {"a line separator between tokens is invalid", "[1,\u20282]", "invalid at 4"},
    {"a paragraph separator behind everything is invalid", "[1]\u2029", "invalid at 4"},
    {"an ideographic space between tokens is invalid", "{\u3000}", "invalid at 2"},
    {"an escaped newline is no white space", R"([1]\n)", "invalid at 4"},

    {"a comment is invalid", "[1/**/]", "invalid at 2"},
    {"a comment first is invalid", "/* a */[1]", "invalid at 0"},
    {"a comment behind everything is invalid", "[1]/**/", "invalid at 3"},
    {"a comment in an object is invalid", R"({"a":/**/1})", "invalid at 5"},
    {"a comment that does not end is invalid", "[1]/*", "invalid at 3"},
    {"a line comment is invalid", "// a\n[1]", "invalid at 0"},
    {"a line comment behind everything is invalid", "[1]// a\n", "invalid at 3"},
    {"a slash behind everything is invalid", "[1]/", "invalid at 3"},
    {"a comment of the shell is invalid", "# a\n[1]", "invalid at 1"},
    {"a comment of HTML is invalid", "<!-- a -->[1]", "invalid at 1"},
};

// ---------------------------------------------------------------- what stands behind

const std::vector<Row> kTrailing = {
    {"a second value is trailing garbage", "{} {}", "invalid at 4"},
    {"a value on the next line is trailing garbage", "{}\n{}\n", "invalid at 4"},
    {"a second number is trailing garbage", "1 2", "invalid at 3"},
    {"a second string is trailing garbage", R"("a""b")", "invalid at 6"},
    {"a second literal is trailing garbage", "null null", "invalid at 9"},
    {"a number behind a string is trailing garbage", R"("a"1)", "invalid at 4"},
    {"a comma is trailing garbage", "[1],", "invalid at 4"},
    {"a list without brackets is trailing garbage", "1,2", "invalid at 2"},
    {"a member without braces is trailing garbage", R"("a":1)", "invalid at 4"},
    {"a semicolon is trailing garbage", "{};", "invalid at 3"},
    {"a closing brace is trailing garbage", "{}}", "invalid at 3"},
    {"a closing bracket is trailing garbage", "[1]]", "invalid at 4"},
    {"an opening bracket is trailing garbage", "[1][", "invalid at 4"},
    {"a letter is trailing garbage", "[1]x", "invalid at 4"},
    {"a backslash is trailing garbage", "[1]\\", "invalid at 4"},
    {"an unfinished string is trailing garbage", R"({} "abc)", "invalid at 7"},
    {"a lone quote is trailing garbage", R"({}")", "invalid at 3"},
    {"an unfinished literal is trailing garbage", "{} tru", "invalid at 6"},
    {"an unfinished number is trailing garbage", "{} -", "invalid at 4"},
    {"an unfinished exponent is trailing garbage", "{} 1e", "invalid at 5"},
    {"an unfinished escape is trailing garbage", R"({} "\ud83d)", "invalid at 10"},
    {"a constant is trailing garbage", "{} NaN", "invalid at 6"},
    {"an unfinished constant is trailing garbage", "{} Infi", "invalid at 4"},
};

// ---------------------------------------------------------------- constants

const std::vector<Row> kConstants = {
    {"NaN and the infinities are heard as numbers",
     R"([NaN,Infinity,-Infinity,{"NaN":NaN,"a":"NaN Infinity -Infinity"},-1])",
     "[ NaN Infinity -Infinity { NaN: NaN a: 'NaN Infinity -Infinity' } -1 ]"},
    {"NaN may be the whole text", "NaN", "NaN"},
    {"Infinity may be the whole text", "\nInfinity\n", "Infinity"},
    {"-Infinity may be the whole text", "-Infinity", "-Infinity"},
    {"white space may stand around a constant", "[ NaN ,\tInfinity\n,\r-Infinity ]",
     "[ NaN Infinity -Infinity ]"},
    {"a constant may be a member", R"({"a":NaN,"b":Infinity,"c":-Infinity})",
     "{ a: NaN b: Infinity c: -Infinity }"},
    {"numbers beside a constant stay as they are", "[0e0,NaN,0e000000,-0,-Infinity,-0e000000]",
     "[ 0e0 NaN 0e000000 -0 -Infinity -0e000000 ]"},
    {"quotes and escapes in strings do not hide a constant", R"(["\"",NaN,"\\",NaN,"a\"NaN\\"])",
     R"([ '"' NaN '\' NaN 'a"NaN\' ])"},
    {"a lone surrogate does not hide a constant", R"(["\ud83d",NaN,"\ud83d\"NaN"])",
     "[ '\uFFFD' NaN '\uFFFD\"NaN' ]"},
    {"escapes beside constants are repaired, too", R"([NaN,"\ud83d\\",Infinity])",
     "[ NaN '\uFFFD\\' Infinity ]"},

    {"a constant spelled otherwise is invalid", "[nan]", "invalid at 2"},
    {"NaN in capitals is invalid", "[NAN]", "invalid at 2"},
    {"Nan is invalid", "[Nan]", "invalid at 2"},
    {"Inf is invalid", "[Inf]", "invalid at 2"},
    {"-Inf is invalid", "[-Inf]", "invalid at 2"},
    {"inf is invalid", "[inf]", "invalid at 2"},
    {"infinity in small letters is invalid", "[infinity]", "invalid at 2"},
    {"-infinity in small letters is invalid", "[-infinity]", "invalid at 2"},
    {"Infinity in capitals is invalid", "[INFINITY]", "invalid at 2"},
    {"an unfinished constant is invalid", "[Infinit", "invalid at 2"},
    {"an unfinished NaN is invalid", "[Na]", "invalid at 2"},
    {"the first letter of a constant is invalid", "N", "invalid at 1"},
    {"the first letter of -Infinity is invalid", "-I", "invalid at 1"},
    {"a longer word than a constant is invalid", "[NaNs]", "invalid at 2"},
    {"a longer word than Infinity is invalid", "[Infinitys]", "invalid at 2"},
    {"white space within a constant is invalid", "[Na N]", "invalid at 2"},
    {"an escape within a constant is invalid", R"([N\u0061N])", "invalid at 2"},
    {"a form feed behind a constant is invalid", "[NaN\f]", "invalid at 4"},
    {"a NUL behind a constant is invalid", "[NaN\0]"sv, "invalid at 5"},

    {"digits behind a constant are invalid", "[NaN1]", "invalid at 2"},
    {"digits behind -Infinity are invalid", "[-Infinity0]", "invalid at 2"},
    {"a point behind a constant is invalid", "[Infinity.]", "invalid at 2"},
    {"a fraction behind a constant is invalid", "[NaN.5]", "invalid at 2"},
    {"an exponent behind a constant is invalid", "[Infinitye1]", "invalid at 2"},
    {"a sum behind a constant is invalid", "[NaN+1]", "invalid at 2"},
    {"a difference of constants is invalid", "[Infinity-Infinity]", "invalid at 2"},
    {"digits before a constant are invalid", "[1NaN]", "invalid at 3"},
    {"digits before -Infinity are invalid", "[1-Infinity]", "invalid at 3"},
    {"a point before a constant is invalid", "[1.NaN]", "invalid at 3"},
    {"an exponent before a constant is invalid", "[1eInfinity]", "invalid at 3"},
    {"a capital exponent before a constant is invalid", "[1ENaN]", "invalid at 3"},
    {"an exponent before -Infinity is invalid", "[1e-Infinity]", "invalid at 4"},
    {"a minus before NaN is invalid", "[-NaN]", "invalid at 2"},
    {"two minuses before Infinity are invalid", "[--Infinity]", "invalid at 2"},
    {"a plus before Infinity is invalid", "[+Infinity]", "invalid at 2"},
    {"a plus before NaN is invalid", "[+NaN]", "invalid at 2"},
    {"a minus stands directly before Infinity", "[- Infinity]", "invalid at 2"},

    {"a constant is no key", "{NaN:1}", "invalid at 4"},
    {"-Infinity is no key", "{-Infinity:1}", "invalid at 10"},
    {"a constant does not end a literal", "[trueNaN]", "invalid at 6"},
    {"a literal does not follow a constant", "[NaNtrue]", "invalid at 2"},
    {"a constant does not follow a string", R"(["a"NaN])", "invalid at 7"},
    {"-Infinity does not follow a string", R"(["a"-Infinity])", "invalid at 13"},
    {"a string does not follow a constant", R"([NaN"a"])", "invalid at 7"},
    {"an array does not follow a constant", "[NaN[]]", "invalid at 5"},
    {"a constant does not follow an array", "[[]Infinity]", "invalid at 11"},
    {"a constant needs a colon before it", R"({"a" NaN})", "invalid at 8"},
    {"two constants need a comma between them", "[NaN NaN]", "invalid at 8"},
    {"two constants are no longer one", "[NaNNaN]", "invalid at 2"},
    {"a comma behind a constant may not be the last", "[NaN,]", "invalid at 6"},
    {"an unfinished string behind a constant is invalid", R"([NaN,"NaN])", "invalid at 10"},
    {"a raw newline in a string behind a constant is invalid", "[NaN,\"a\nb\"]", "invalid at 7"},
    {"an unknown escape behind a constant is invalid", R"([NaN,"\N"])", "invalid at 7"},
};

// ---------------------------------------------------------------- depth

const std::string k64Deep = times(64, "[") + times(64, "]");
const std::string k64DeepHeard = times(63, "[ ") + "[" + times(64, " ]");
const std::string k64DeepObjects = times(64, R"({"a":)") + "1" + times(64, "}");
const std::string k64DeepObjectsHeard = times(64, "{ a: ") + "1" + times(64, " }");
const std::string k64DeepMixed = times(32, R"({"a":[)") + times(32, "]}");
const std::string k64DeepMixedHeard = times(31, "{ a: [ ") + "{ a: [" + times(32, " ] }");
const std::string k63Deep = times(63, "[") + times(63, "]");
const std::string k64DeepTwice = "[" + k63Deep + "," + k63Deep + "]";
const std::string k63DeepHeard = times(63, " [") + times(63, " ]");
const std::string k64DeepTwiceHeard = "[" + k63DeepHeard + k63DeepHeard + " ]";
const std::string kManyFlat = "[" + times(99, "[],") + "{}]";
const std::string kManyFlatHeard = "[ " + times(99, "[ ] ") + "{ } ]";
const std::string k65Deep = times(65, "[") + times(65, "]");
const std::string k65DeepObjects = times(65, R"({"a":)") + "1" + times(65, "}");
const std::string k65DeepMixed = times(32, R"({"a":[)") + "{}" + times(32, "]}");
const std::string k65DeepLater = "[[]," + times(64, "[") + times(64, "]") + "]";
const std::string k65DeepBehindNaN = "[NaN," + times(64, "[") + times(64, "]") + "]";
const std::string k65DeepUnclosed = times(65, "[");
const std::string k1000DeepUnclosed = times(1000, "[");
const std::string k64DeepUnclosed = times(64, "[");
const std::string k64DeepWrong = times(64, "[") + "}";
const std::string k65DeepInString = "\"" + times(65, "[") + "\"";
const std::string k65DeepInStringHeard = "'" + times(65, "[") + "'";

const std::vector<Row> kDepths = {
    {"64 levels are fine", k64Deep, k64DeepHeard},
    {"64 objects are fine", k64DeepObjects, k64DeepObjectsHeard},
    {"64 levels of both are fine", k64DeepMixed, k64DeepMixedHeard},
    {"64 levels twice are fine", k64DeepTwice, k64DeepTwiceHeard},
    {"brackets in a string have no depth", k65DeepInString, k65DeepInStringHeard},
    {"what was closed has no depth", kManyFlat, kManyFlatHeard},
    {"65 arrays are too deep", k65Deep, "too deep at 65"},
    {"65 objects are too deep", k65DeepObjects, "too deep at 321"},
    {"65 levels of both are too deep", k65DeepMixed, "too deep at 193"},
    {"a later branch may be too deep", k65DeepLater, "too deep at 68"},
    {"a branch behind NaN may be too deep", k65DeepBehindNaN, "too deep at 69"},
    {"65 levels are too deep before they are unclosed", k65DeepUnclosed, "too deep at 65"},
    {"1000 levels are too deep at the 65th", k1000DeepUnclosed, "too deep at 65"},
    {"64 levels that are not closed are invalid", k64DeepUnclosed, "invalid at 64"},
    {"64 levels that close wrongly are invalid", k64DeepWrong, "invalid at 65"},
};

void check_row(void** state) {
    const Row& row = row_of<Row>(state);
    check(row.json, row.expected);
}

// ---------------------------------------------------------------- every byte, every code unit

/// Invalid, and at the same byte however it is cut.
void check_refused(const std::string& json) {
    const std::string outcome = outcome_of({json}, Stay::kLasting);
    assert_text(outcome.substr(0, 11), "invalid at ");
    check(json, outcome);
}

const std::string kBytes = [] {
    std::string bytes;
    for (int c = 0; c < 256; c++) {
        bytes += static_cast<char>(c);
    }
    return bytes;
}();

bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

void only_nine_bytes_may_follow_a_backslash(void**) {
    for (const char c : kBytes) {
        if (!is_one_of(c, "\"\\/bfnrtu")) {
            check_refused(R"(["\)" + std::string(1, c) + R"(0000"])");
        }
    }
}

void control_characters_quotes_and_backslashes_alone_do_not_stand_for_themselves(void**) {
    for (const char c : kBytes) {
        const std::string one(1, c);
        if (c >= '\0' && c < ' ') {
            check_refused(R"([")" + one + R"("])");
            check_refused(R"({")" + one + R"(":1})");
        } else if (!is_one_of(c, "\"\\")) {
            check(R"([")" + one + R"("])", "[ '" + one + "' ]");
            check(R"({")" + one + R"(":1})", "{ " + one + ": 1 }");
        }
    }
}

void four_bytes_are_white_space_and_ten_a_number(void**) {
    for (const char c : kBytes) {
        const std::string one(1, c);
        if (is_one_of(c, " \t\r\n")) {
            check("[" + one + "]", "[ ]");
            check(one + "[]" + one, "[ ]");
        } else if (is_one_of(c, "0123456789")) {
            check("[" + one + "]", "[ " + one + " ]");
            check_refused("[]" + one);
        } else {
            check_refused("[" + one + "]");
            check_refused("[]" + one);
        }
    }
}

std::string utf8(unsigned c) {
    const auto byte = [](unsigned bits) { return static_cast<char>(bits); };
    if (c < 0x80) {
        return {byte(c)};
    }
    if (c < 0x800) {
        return {byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F))};
    }
    if (c < 0x10000) {
        return {byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
    }
    return {byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)), byte(0x80 | (c >> 6 & 0x3F)),
            byte(0x80 | (c & 0x3F))};
}

std::string escaped(unsigned unit) {
    constexpr char kDigits[] = "0123456789abcDEF";
    std::string text = "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) {
        text += kDigits[unit >> shift & 0xF];
    }
    return text;
}

void check_array(const std::string& elements, const std::string& heard) {
    const std::string json = "[" + elements.substr(1) + "]";
    for (std::size_t piece_bytes : {json.size(), std::size_t{61}}) {
        const Pieces pieces = in_pieces(json, piece_bytes);
        assert_text(outcome_of(pieces, Stay::kPassing), "[" + heard + " ]");
    }
}

void every_escaped_code_unit_is_its_character_or_the_replacement(void**) {
    std::string elements, heard;
    for (unsigned unit = 0; unit < 0x10000; unit++) {
        const bool is_surrogate = unit >= 0xD800 && unit < 0xE000;
        elements += ",\"" + escaped(unit) + "\"";
        heard += " '" + utf8(is_surrogate ? 0xFFFD : unit) + "'";
    }
    check_array(elements, heard);
}

void every_escaped_code_unit_in_a_long_string_is_its_character_or_the_replacement(void**) {
    std::string json = "\"", heard = "'";
    for (unsigned unit = 0; unit < 0x10000; unit++) {
        const bool is_surrogate = unit >= 0xD800 && unit < 0xE000;
        json += escaped(unit) + " ";
        heard += utf8(is_surrogate ? 0xFFFD : unit) + " ";
    }
    check_with_a_long_string(json + "\"", heard + "'");
}

void each_surrogate_makes_a_pair_with_its_other_half(void**) {
    std::string elements, heard;
    for (unsigned high = 0xD800; high < 0xDC00; high++) {
        for (unsigned low : {0xDC00u, 0xDC00 | (high & 0x3FF), 0xDFFFu}) {
            elements += ",\"" + escaped(high) + escaped(low) + "\"";
            heard += " '" + utf8(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF)) + "'";
        }
    }
    for (unsigned low = 0xDC00; low < 0xE000; low++) {
        elements += ",\"" + escaped(0xD83D) + escaped(low) + "\"";
        heard += " '" + utf8(0x1F400 + (low & 0x3FF)) + "'";
    }
    check_array(elements, heard);
}

void every_split_into_three_hears_the_same(void**) {
    constexpr std::string_view kJson =
        R"(["\ud83d\ude00\ud83d",-Infinity,{"\\":"漢"},NaN,"\u00e9"])";
    for (std::size_t first = 1; first < kJson.size(); first++) {
        for (std::size_t second = first + 1; second < kJson.size(); second++) {
            const Pieces pieces = {kJson.substr(0, first), kJson.substr(first, second - first),
                                   kJson.substr(second)};
            assert_text(outcome_of(pieces, Stay::kPassing),
                        "[ '😀\uFFFD' -Infinity { \\: '漢' } NaN 'é' ]");
        }
    }
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(only_nine_bytes_may_follow_a_backslash),
        cmocka_unit_test(
            control_characters_quotes_and_backslashes_alone_do_not_stand_for_themselves),
        cmocka_unit_test(four_bytes_are_white_space_and_ten_a_number),
        cmocka_unit_test(every_escaped_code_unit_is_its_character_or_the_replacement),
        cmocka_unit_test(
            every_escaped_code_unit_in_a_long_string_is_its_character_or_the_replacement),
        cmocka_unit_test(each_surrogate_makes_a_pair_with_its_other_half),
        cmocka_unit_test(every_split_into_three_hears_the_same),
    };
    for (const auto* rows : {&kNumbers, &kStrings, &kEscapes, &kSurrogates, &kEncodings,
                             &kStructure, &kWhiteSpace, &kTrailing, &kConstants, &kDepths}) {
        add_rows(tests, *rows, check_row);
    }
    return run("json_conformance", tests);
}
